import cv2
import numpy as np
import pytest
import torch
from drawn_weights import DEEPLAB, write_checkpoint
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from torch.nn import functional as F

from mmseg_classmix.deploy import (
    Predictor,
    dataset_meta,
    inference_pipeline,
    read_network,
)

RESIZED = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(40, 32)),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp('predictor')
    write_checkpoint(root / 'w.pth')
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (61, 47))
    cv2.imwrite(str(root / 'color.png'), image)
    cv2.imwrite(str(root / 'gray.png'), image[..., 0])
    return root


def config(pipeline=None):
    cfg = Config.fromfile(str(DEEPLAB))
    if pipeline:
        cfg.test_dataloader.dataset.pipeline = pipeline
        cfg.test_pipeline = pipeline
    return cfg


def predictor(files, cfg, **options):
    model = read_network(cfg, str(files / 'w.pth'), 'teacher').build()
    return Predictor(model, inference_pipeline(cfg), **options)


@pytest.mark.parametrize(
    ('name', 'pipeline'), [('color.png', RESIZED), ('gray.png', None)]
)
def test_masks_are_those_of_mmseg(files, name, pipeline):
    ours = predictor(files, config(pipeline))
    found = ours(ours.load(files / name))
    options = {'model.predict_on': 'teacher'}
    stock = init_model(
        config(pipeline), str(files / 'w.pth'), 'cpu', cfg_options=options
    )
    sample = inference_model(stock, str(files / name))
    expected = sample.pred_sem_seg.data[0].numpy()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(found.label, expected)
    image = cv2.imread(str(files / name))
    np.testing.assert_array_equal(found.pixels, image)
    frame = ours(ours.prepare(image))
    np.testing.assert_array_equal(frame.label, expected)


def test_windows_are_proposed_for_inputs_far_larger_than_in_training(files):
    ours = predictor(files, config())
    # Trained on 32x40.
    ours(ours.prepare(np.zeros((64, 79, 3), np.uint8)))
    assert ours.hint() == ''
    ours(ours.prepare(np.zeros((64, 80, 3), np.uint8)))
    assert '64x80 has 4 times' in ours.hint()
    assert '--slide 32 21' in ours.hint()
    ours.model.test_cfg = dict(mode='slide')
    assert ours.hint() == ''


def test_confidence_is_the_highest_probability(files):
    ours = predictor(files, config(), confidence=True)
    image = ours.load(files / 'color.png')
    found = ours(image)
    x = ours.model.data_preprocessor(
        dict(inputs=[image.data['inputs']], data_samples=None)
    )['inputs']
    with torch.no_grad():
        logits = ours.model.decode_head(ours.model.backbone(x))
        full = F.interpolate(
            logits, x.shape[2:], mode='bilinear', align_corners=False
        )
    highest, label = full.double().softmax(1).max(1)
    np.testing.assert_allclose(found.confidence, highest[0], atol=1e-5)
    np.testing.assert_array_equal(found.label, label[0])


def test_bad_files_are_errors(files, tmp_path):
    ours = predictor(files, config())
    for content, problem in (
        (b'', 'empty'),
        (b'\xff\xd8\xff\xe0 no end', 'truncated'),
        (b'<html>', 'cannot be decoded'),
    ):
        path = tmp_path / 'bad.jpg'
        path.write_bytes(content)
        with pytest.raises(ValueError, match=problem):
            ours.load(path)


def test_classes_come_from_the_test_data():
    meta = dataset_meta(config(), 3)
    assert meta['classes'] == ('ground', 'box', 'disk')
    assert meta['palette'] == [[0, 0, 0], [255, 0, 0], [0, 255, 0]]
    with pytest.raises(ValueError, match='the network has 4 classes'):
        dataset_meta(config(), 4)
    cfg = config()
    cfg.test_dataloader = cfg.val_dataloader = None
    with pytest.raises(ValueError, match='neither test_dataloader nor'):
        dataset_meta(cfg, 3)


def test_evaluation_at_another_size_is_not_for_prediction():
    cfg = config()
    nested = [[dict(type='EvaluateAt')], [dict(type='PackSegInputs')]]
    cfg.test_dataloader.dataset.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='EvaluateAt', size='input_size'),
        dict(type='TestTimeAug', transforms=nested),
    ]
    load, augment = inference_pipeline(cfg)
    assert load['type'] == 'LoadImageFromFile'
    assert augment['transforms'] == [[dict(type='PackSegInputs')]]
