"""Nothing in a training step waits for the device."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from support import CLASSMIX, tiny_config
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorMode,
)

LOSSES = ('PseudoLabelLoss', 'SoftPseudoLabelLoss', 'SquaredErrorLoss')
#: Each mix, loss and weighting; CowMix on the CPU is scipy's.
EVERY = [
    ('ClassMix', 'PseudoLabelLoss', 'proportion_per_image'),
    ('CutMix', 'SoftPseudoLabelLoss', 'proportion_per_image'),
    ('ClassMix', 'SquaredErrorLoss', 'constant'),
    ('CutMix', 'PseudoLabelLoss', 'proportion_per_batch'),
    ('ClassMix', 'PseudoLabelLoss', 'threshold'),
    ('CutMix', 'PseudoLabelLoss', 'ramp_up'),
]


def build(mix, loss, weighting):
    cfg = tiny_config('.', CLASSMIX).model
    cfg.unsup_loss.update(type=loss, weighting=weighting)
    cfg.batch_transforms[0].type = mix
    return MODELS.build(cfg).train()


def batch(device):
    images = torch.randn(4, 3, 32, 40, device=device)
    samples = [SegDataSample() for _ in range(4)]
    for sample in samples[:2]:
        mask = torch.zeros(1, 32, 40, dtype=torch.int64, device=device)
        sample.gt_sem_seg = PixelData(data=mask)
    return images, samples


@pytest.mark.parametrize(('mix', 'loss', 'weighting'), EVERY)
def test_no_step_depends_on_a_value(mix, loss, weighting):
    """Tensors without values: what reads one is an error."""
    model = build(mix, loss, weighting)
    # The first images of a size choose how they are upsampled on a CPU.
    model.loss(*batch('cpu'))
    with FakeTensorMode(allow_non_fake_inputs=True):
        losses = model.loss(*batch('cpu'))
        sum(v for k, v in losses.items() if 'loss' in k).backward()
        with pytest.raises(DataDependentOutputException):
            losses['unsup.weight'].item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize(
    ('mix', 'loss'),
    list(zip(('ClassMix', 'CutMix', 'CowMix'), LOSSES, strict=True)),
)
def test_a_gpu_is_not_waited_for(mix, loss):
    model = build(mix, loss, 'proportion_per_image').cuda()
    images, samples = batch('cuda')
    model.mix_seed = 0
    for mode in ('default', 'error'):
        # The first pass chooses kernels.
        torch.cuda.set_sync_debug_mode(mode)
        try:
            losses = model.loss(images, samples)
            sum(v for k, v in losses.items() if 'loss' in k).backward()
        finally:
            torch.cuda.set_sync_debug_mode('default')
