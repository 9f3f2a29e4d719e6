import json

import pytest
from drawn_weights import draw_weights
from mmseg.registry import MODELS

# Of all sizes: tests/tools/test_export_segmentor.py.
pytestmark = pytest.mark.slow
pytest.importorskip('onnxscript')
onnxruntime = pytest.importorskip('onnxruntime')

from mmseg_classmix.deploy.onnx_graph import (  # noqa: E402
    export_onnx,
    smooth_images,
)

META = dict(classes=['ground', 'box', 'disk'])
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


def run(path, images):
    session = onnxruntime.InferenceSession(str(path))
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta['classes']) == META['classes']
    (output,) = session.run(None, dict(image=images))
    return output


def test_logits_of_one_size(tmp_path):
    path = tmp_path / 'model.onnx'
    shares = export_onnx(
        network(DEEPLAB), path, (48, 64), META, fixed=True, logits=True
    )
    assert list(shares) == [(1, 48, 64)]
    assert run(path, smooth_images((1, 48, 64))).shape == (1, 3, 48, 64)
    with pytest.raises(Exception, match='dimensions'):
        run(path, smooth_images((1, 64, 64)))


def test_a_graph_that_is_wrong_for_other_sizes_is_not_kept(tmp_path):
    """Pooling to a grid is exported for the sizes of its windows."""
    path = tmp_path / 'model.onnx'
    with pytest.raises(RuntimeError, match='--onnx-size 48 64'):
        export_onnx(network(PSP), path, (48, 64), META)
    assert not path.exists()
    assert export_onnx(network(PSP), path, (48, 64), META, fixed=True)
