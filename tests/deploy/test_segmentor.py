import pytest
import torch
from drawn_weights import write_checkpoint
from mmengine.config import Config
from mmseg.models.backbones import ResNet
from mmseg.registry import MODELS
from support import SUPERVISED

from mmseg_classmix.deploy import read_network
from mmseg_classmix.deploy.export import export_segmentor


@MODELS.register_module()
class ForgetfulResNet(ResNet):
    """Has what its weights do not say, so that no copy is the same."""

    def forward(self, x):
        """Compute features, and something more."""
        return [y + torch.rand(()) for y in super().forward(x)]


def test_what_differs_does_not_take_the_place_of_an_export(tmp_path):
    cfg = Config.fromfile(str(SUPERVISED))
    checkpoint = str(tmp_path / 'w.pth')
    write_checkpoint(checkpoint, SUPERVISED)
    out = tmp_path / 'out'
    export_segmentor(cfg, read_network(cfg, checkpoint), checkpoint, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert {path.name for path in before} == {'config.py', 'weights.pth'}

    cfg.model.backbone.type = 'ForgetfulResNet'
    network = read_network(cfg, checkpoint)
    with pytest.raises(RuntimeError, match='computes other logits'):
        export_segmentor(cfg, network, checkpoint, out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
