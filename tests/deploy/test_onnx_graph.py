"""Graphs of one size and of several; U-Net takes multiples of 16."""

import json

import numpy as np
import pytest
from drawn_weights import draw_weights
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmseg.registry import MODELS
from support import ROOT

from mmseg_classmix.deploy import Predictor
from mmseg_classmix.deploy.onnx_graph import (
    compare,
    export_onnx,
    smooth_images,
)

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
onnxruntime = pytest.importorskip('onnxruntime')

META = dict(classes=['ground', 'box', 'disk'])
UNET = ROOT / 'configs/_base_/models/unet-s5-d16.py'
PIPELINE = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
PREPROCESSOR = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
HEAD = dict(in_channels=8, in_index=0, num_classes=3)
DEEPLAB = dict(
    type='DeepLabV2Head', dilations=(1, 2), align_corners=True, **HEAD
)
PSP = dict(type='PSPHead', channels=8, pool_scales=(1, 2, 3), **HEAD)


def network(head):
    return draw_weights(
        MODELS.build(
            dict(
                type='EncoderDecoder',
                data_preprocessor=PREPROCESSOR,
                backbone=dict(
                    type='DeepLabResNet',
                    depth=18,
                    num_stages=2,
                    stem_channels=4,
                    base_channels=4,
                    strides=(1, 2),
                    dilations=(1, 1),
                    out_indices=(1,),
                ),
                decode_head=head,
                test_cfg=dict(mode='whole'),
            )
        )
    )


def unet(**preprocessor):
    """The one of the configs, narrow."""
    model = Config.fromfile(str(UNET)).model
    model.backbone.base_channels = 4
    model.decode_head.update(in_channels=4, channels=4)
    model.pop('auxiliary_head')
    model.data_preprocessor.update(preprocessor)
    return draw_weights(revert_sync_batchnorm(MODELS.build(model)))


# Of all sizes: tests/tools/test_export_segmentor.py.
def test_logits_of_one_size(tmp_path):
    path = tmp_path / 'model.onnx'
    shares = export_onnx(
        network(DEEPLAB), path, (48, 64), META, fixed=True, logits=True
    )
    assert list(shares) == [(1, 48, 64)]
    session = onnxruntime.InferenceSession(str(path))
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta['classes']) == META['classes']
    images = smooth_images((1, 48, 64))
    (logits,) = session.run(None, dict(image=images))
    assert logits.shape == (1, 3, 48, 64)
    with pytest.raises(Exception, match='dimensions'):
        session.run(None, dict(image=smooth_images((1, 64, 64))))


@pytest.mark.slow
def test_a_graph_that_is_wrong_for_other_sizes_is_not_kept(tmp_path):
    """Pooling to a grid is exported for the sizes of its windows."""
    path = tmp_path / 'model.onnx'
    with pytest.raises(RuntimeError, match='--onnx-size 48 64'):
        export_onnx(network(PSP), path, (48, 64), META)
    assert not path.exists()
    assert export_onnx(network(PSP), path, (48, 64), META, fixed=True)


@pytest.mark.slow
def test_graphs_of_padded_networks_take_multiples_or_one_size(tmp_path):
    path = tmp_path / 'model.onnx'
    shares = export_onnx(unet(), path, (64, 128), {})
    assert [shape for shape, share in shares.items() if share is None] == [
        (1, 69, 131)
    ]
    assert len(shares) == 4
    one = export_onnx(unet(), path, (37, 51), {}, fixed=True)
    assert list(one) == [(1, 37, 51)] and one[1, 37, 51] > 0.999


def test_a_size_that_was_not_compared_is_no_success(tmp_path):
    """The sizes that a graph is compared on may all be refused."""
    path = tmp_path / 'model.onnx'
    image, label = (
        onnx.helper.make_tensor_value_info(
            name, onnx.TensorProto.UINT8, [None] * 4
        )
        for name in ('image', 'label')
    )
    node = onnx.helper.make_node('Identity', ['image'], ['label'])
    graph = onnx.helper.make_graph([node], 'x', [image], [label])
    opset = [onnx.helper.make_opsetid('', 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(model, path)
    for padding, reason in (
        (None, 'divisible'),
        (dict(size_divisor=16), 'multiples of 16'),
    ):
        model = unet(test_cfg=padding)
        match = f'cannot be compared.*{reason}'
        with pytest.raises(RuntimeError, match=match):
            compare(model, path, (36, 52), fixed=False)


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
