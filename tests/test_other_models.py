"""Other models: mmseg's settings, and a run of each at a small size."""

import math
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS
from other_models import (
    CONFIGS,
    heads,
    load,
    published_configs,
    small_config,
    small_segmentor,
)
from support import log_lines

from mmseg_classmix.engine.runner import ClassMixRunner

# Ours and mmseg's: GPUs, labeled images of a GPU, iterations.
PUBLISHED = {
    'deeplabv3plus_r50': 'deeplabv3plus/deeplabv3plus_r50-d8_4xb2-80k',
    'pspnet_r50': 'pspnet/pspnet_r50-d8_4xb2-80k',
    'upernet_swin-t': (
        'swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k'
    ),
    'segformer-b0': 'segformer/segformer_mit-b0_8xb1-160k',
    'segformer-b2': 'segformer/segformer_mit-b2_8xb1-160k',
    'ocrnet_hr18': 'ocrnet/ocrnet_hr18_4xb2-160k',
    'stdc1': 'stdc/stdc1_in1k-pre_4xb12-80k',
    'lraspp_m-v3': 'mobilenet_v3/mobilenet-v3-d8_lraspp_4xb4-320k',
    'unet': 'unet/unet-s5-d16_fcn_4xb4-160k',
}
# Of these, that for Cityscapes, or of ADE20K if there is none.
DATA = (
    'cityscapes-512x1024',
    'cityscapes-1024x1024',
    'ade20k-512x512',
)


def published(name):
    """Read the config of mmseg, and its name."""
    short = re.fullmatch('classmix_(.*)_cityscapes_1-8', name)[1]
    folder = published_configs()
    if not folder.is_dir():
        pytest.skip(f'mmseg is installed without its configs, {folder}')
    paths = [folder / f'{PUBLISHED[short]}_{data}.py' for data in DATA]
    path = next(path for path in paths if path.is_file())
    return Config.fromfile(str(path)), path.stem


def plain(value):
    """Lists and dicts, so that tuples and lists are equal."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    # The same files are on the servers of both stacks.
    if isinstance(value, str) and '://' in value:
        return value.split('/')[-1]
    return 'BN' if value == 'SyncBN' else value


def network(segmentor):
    """What is left of a segmentor without what may differ."""
    segmentor = plain(segmentor)
    pretrained = segmentor.pop('pretrained', None)
    if pretrained is not None:
        assert 'init_cfg' not in segmentor['backbone']
        segmentor['backbone']['init_cfg'] = dict(
            type='Pretrained', checkpoint=pretrained
        )
    preprocessor = segmentor['data_preprocessor']
    # Crops in mmseg, whole images here: one window either way.
    del preprocessor['size'], segmentor['test_cfg']
    # U-Net of ours takes images of any size: nothing else at 512x1024.
    assert preprocessor.pop('test_cfg', None) in (None, dict(size_divisor=16))
    for head in heads(segmentor):
        # The only one that is published for another data set.
        if head['num_classes'] == 150:
            head['num_classes'] = 19
    return segmentor


def test_every_config_has_a_published_one():
    assert CONFIGS == sorted(f'classmix_{n}_cityscapes_1-8' for n in PUBLISHED)


@pytest.mark.parametrize('name', CONFIGS)
def test_network_and_schedule_are_the_published_ones(name):
    ours, (theirs, title) = load(name), published(name)
    assert network(ours.model.segmentor) == network(theirs.model)
    expected = plain(theirs.optim_wrapper)
    assert expected.pop('clip_grad', None) is None
    assert plain(ours.optim_wrapper) == expected
    gpus, images, thousands = re.search(r'(\d)xb(\d+)-(\d+)k', title).groups()
    iters = int(thousands) * 1000
    assert ours.train_cfg.max_iters == iters
    assert ours.train_cfg.val_interval == iters // 10
    schedule = plain(theirs.param_scheduler)
    # mmseg has 320k of LR-ASPP in a key of its 0.x only.
    if theirs.get('runner', {}).get('max_iters', 0) > schedule[-1]['end']:
        schedule[-1]['end'] = theirs.runner.max_iters
    assert schedule[-1]['end'] == iters
    assert plain(ours.param_scheduler) == schedule
    assert theirs.train_dataloader.batch_size == int(images)
    loader = ours.train_dataloader
    assert loader.batch_size == loader.sampler.batch_size == 2 * int(images)
    title = Path(ours.filename).read_text().splitlines()[0]
    assert f'{gpus} GPUs x ({images} + {images}), {thousands}k' in title
    size = ours.data_preprocessor['size']
    segmentor = MODELS.build(ours.model.segmentor).eval().to('meta')
    logits = segmentor.encode_decode(
        torch.zeros(1, 3, *size, device='meta'),
        [dict(img_shape=torch.Size(size))],
    )
    assert size == (512, 1024)
    assert logits.shape == (1, 19, *size)


# Small, b2 is b0.
@pytest.mark.parametrize('name', [n for n in CONFIGS if 'b2' not in n])
def test_it_trains_validates_and_infers(name, tmp_path, tiny_data):
    cfg = small_config(name, tmp_path)
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    *steps, scores = log_lines(tmp_path)
    assert len(steps) == 2
    for step in steps:
        assert all(math.isfinite(value) for value in step.values())
        assert step['unsup.loss_ce'] > 0
    assert {'student/mIoU', 'teacher/mIoU'} < set(scores)
    image = str(tiny_data / 'images' / 'val' / 'im_0.png')
    model = init_model(cfg, str(tmp_path / 'iter_2.pth'), device='cpu')
    for network in ('student', 'teacher'):
        with model.predicting_on(network):
            labels = inference_model(model, image).pred_sem_seg.data
        with runner.model.predicting_on(network):
            data = runner.val_dataloader.dataset[0]
            data = {key: [value] for key, value in data.items()}
            (expected,) = runner.model.eval().val_step(data)
        assert labels.shape[1:] == (32, 40)
        assert torch.equal(labels, expected.pred_sem_seg.data)


@pytest.mark.parametrize(
    'name', [n for n in CONFIGS if 'segformer-b0' in n or 'swin' in n]
)
def test_student_learns_at_the_published_rates(name):
    segmentor = small_segmentor(name)
    theirs, _ = published(name)
    model = MODELS.build(dict(load(name).model, segmentor=segmentor))
    alone = MODELS.build(segmentor)

    def rates(model, named, optim_wrapper):
        names = {id(p): n for n, p in named.named_parameters()}
        groups = build_optim_wrapper(model, optim_wrapper).param_groups
        return {
            names[id(p)]: (group['lr'], group['weight_decay'])
            for group in groups
            for p in group['params']
            if id(p) in names
        }

    ours = rates(model, model.student, load(name).optim_wrapper)
    expected = rates(alone, alone, theirs.optim_wrapper)
    assert ours == expected
    assert len(set(ours.values())) > 1
