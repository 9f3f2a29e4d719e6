"""U-Net takes multiples of 16, or what is padded to them."""

import numpy as np
import pytest
from drawn_weights import draw_weights
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmseg.registry import MODELS
from support import ROOT

from mmseg_classmix.deploy import Predictor
from mmseg_classmix.deploy.onnx_graph import compare, export_onnx

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

UNET = ROOT / 'configs/_base_/models/unet-s5-d16.py'
PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]


def unet(**preprocessor):
    """The one of the configs, narrow."""
    model = Config.fromfile(str(UNET)).model
    model.backbone.base_channels = 4
    model.decode_head.update(in_channels=4, channels=4)
    model.pop('auxiliary_head')
    model.data_preprocessor.update(preprocessor)
    return draw_weights(revert_sync_batchnorm(MODELS.build(model)))


def test_images_of_any_size_are_padded():
    predictor = Predictor(unet(), PIPELINE)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (37, 51, 3), dtype=np.uint8)
    label = predictor(predictor.prepare(image)).label
    assert label.shape == (37, 51)
    # In the units of the network, padding is 0.
    mean = predictor.model.data_preprocessor.mean.flatten().numpy()
    padded = np.empty((48, 64, 3), np.uint8)
    padded[:] = mean[::-1].round()
    padded[:37, :51] = image
    whole = predictor(predictor.prepare(padded)).label
    # The mean is no whole number.
    assert (whole[:37, :51] == label).mean() > 0.99


@pytest.mark.parametrize(
    ('padding', 'reason'),
    [(None, 'divisible'), (dict(size_divisor=16), 'multiples of 16')],
)
def test_a_size_that_was_not_compared_is_no_success(tmp_path, padding, reason):
    """The sizes that a graph is compared on may all be refused."""
    path = tmp_path / 'model.onnx'
    value = onnx.helper.make_tensor_value_info(
        'image', onnx.TensorProto.UINT8, [None] * 4
    )
    node = onnx.helper.make_node('Identity', ['image'], ['label'])
    label = onnx.helper.make_tensor_value_info(
        'label', onnx.TensorProto.UINT8, [None] * 4
    )
    graph = onnx.helper.make_graph([node], 'x', [value], [label])
    opset = [onnx.helper.make_opsetid('', 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(model, path)
    with pytest.raises(RuntimeError, match=f'cannot be compared.*{reason}'):
        compare(unet(test_cfg=padding), path, (36, 52), fixed=False)


@pytest.mark.slow
def test_graphs_take_multiples_or_one_size(tmp_path):
    pytest.importorskip('onnxscript')
    path = tmp_path / 'model.onnx'
    shares = export_onnx(unet(), path, (64, 128), {})
    assert [shape for shape, share in shares.items() if share is None] == [
        (1, 69, 131)
    ]
    assert len(shares) == 4
    one = export_onnx(unet(), path, (37, 51), {}, fixed=True)
    assert list(one) == [(1, 37, 51)] and one[1, 37, 51] > 0.999
