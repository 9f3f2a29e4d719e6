"""Training by the real Runner against tests/reference.py.

Both compute in float64, but for what the package does in float32 on purpose:
images, the teacher's probabilities, and losses.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmseg.registry import TRANSFORMS
from reference import ReferenceClassMix, TinyDeepLab, class_mask
from support import TINY, train

from mmseg_classmix.mixing import BatchMix

CONFIG = TINY / 'tiny_reference.py'
ITERS = 5
BATCHES, MASKS, START = [], [], {}


@HOOKS.register_module()
class KeepBatches(Hook):
    """Keep the weights at the start and the files of every batch."""

    def before_train(self, runner):
        state = runner.model.student.state_dict()
        START.update({k: v.clone() for k, v in state.items()})

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        samples = data_batch['data_samples']
        BATCHES.append([Path(sample.img_path) for sample in samples])


@TRANSFORMS.register_module()
class KeepMasks(BaseTransform):
    """Keep the masks of every mix."""

    def transform(self, batch):
        MASKS.append(batch['mask'].clone())
        return batch


@TRANSFORMS.register_module()
class GivenMask(BatchMix):
    """A mask from outside, the same in every iteration."""

    def draw_mask(self, batch):
        return given_mask(0, batch['pseudo_label']).bool()


@TRANSFORMS.register_module()
class Darken(BaseTransform):
    """Stands for the photometric augmentations of the mixed images."""

    def transform(self, batch):
        return dict(batch, img=darken(batch['img']))


def given_mask(i, label):
    """Diagonal stripes, of another width in every image."""
    n, height, width = label.shape
    place = torch.arange(height)[:, None] + torch.arange(width)
    return torch.stack([place // (3 + k) % 2 for k in range(n)])


def darken(image):
    return 0.7 * image.abs() ** 0.9 * image.sign() - 0.1


def recorded_mask(i, label):
    """The drawn mask, as it is: nothing to recompute."""
    return MASKS[i]


def class_mask_of_run(i, label):
    """The mask of the classes that the run chose, by the reference."""
    masks = []
    for one, drawn in zip(label, MASKS[i], strict=True):
        chosen = one[drawn].unique().tolist()
        masks.append(class_mask(one, chosen))
    return torch.stack(masks)


def read_image(path):
    """Normalized RGB, (3, H, W) float64, as the config says."""
    rgb = cv2.imread(str(path))[:, :, ::-1].astype(np.float32)
    mean = np.array([123.675, 116.28, 103.53], np.float32)
    std = np.array([58.395, 57.12, 57.375], np.float32)
    return torch.from_numpy((rgb - mean) / std).permute(2, 0, 1).double()


def read_batch(paths):
    labeled = [path for path in paths if path.parent.name == 'train']
    unlabeled = [path for path in paths if path.parent.name == 'unlabeled']
    assert len(labeled) == len(unlabeled) == 3
    masks = [str(path).replace('images', 'masks') for path in labeled]
    labels = [torch.from_numpy(cv2.imread(m, -1)).long() for m in masks]
    return (
        torch.stack([read_image(path) for path in labeled]),
        torch.stack(labels),
        torch.stack([read_image(path) for path in unlabeled]),
    )


def own_names(state):
    """The state of a network under the names of the reference."""
    changes = {'backbone.': '', 'decode_head.branches.': 'head.'}
    for old, new in changes.items():
        state = {k.replace(old, new): v for k, v in state.items()}
    return state


def run(work_dir, **options):
    """Train by the Runner; its model and its log."""
    for kept in (BATCHES, MASKS, START):
        kept.clear()
    model = train(work_dir, CONFIG, **options).model
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    log = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(log) == len(BATCHES) == ITERS
    return model, log


def start(branches=(1, 2, 3, 4), ceil_mode=False, **options):
    """The reference at the start of the run."""
    network = TinyDeepLab(4, (3, 4), 5, branches, ceil_mode).double()
    network.load_state_dict(own_names(START))
    settings = dict(lr=1e-4, max_iters=ITERS, weight_decay=5.0, threshold=0.6)
    return ReferenceClassMix(network, **{**settings, **options})


def assert_same(model, reference, name):
    """Parameters and buffers, to 1e-5."""
    ours = own_names(getattr(model, name).state_dict())
    theirs = getattr(reference, name).state_dict()
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert value.dtype in (torch.float64, torch.int64)
        error = (value - theirs[key]).abs().max().item()
        assert error < 1e-5, f'{name} {key}: {error}'


def assert_same_log(i, line, wanted, loss_name):
    names = dict(
        loss='loss',
        supervised='sup.decode.loss_ce',
        unsupervised=f'unsup.{loss_name}',
        share='unsup.confident_share',
        confidence='unsup.mean_confidence',
        weight='unsup.weight',
        lr='lr',
    )
    assert {n for n in line if 'loss' in n} <= set(names.values())
    for key, name in names.items():
        assert abs(line[name] - wanted[key]) < 1e-5, (i, name)
    assert abs(line['ema_momentum'] - (1 - wanted['alpha'])) < 1e-12


def mixes(name):
    return [dict(type=name), dict(type='KeepMasks')]


PUBLISHED = {
    'optim_wrapper.optimizer.nesterov': False,
    'model.unsup_loss.weighting': 'proportion_per_batch',
    'model.segmentor.decode_head.dilations': (1, 2),
    'model.batch_transforms': [*mixes('ClassMix'), dict(type='Darken')],
}
PUBLISHED_REFERENCE = dict(
    nesterov=False,
    weighting='proportion_per_batch',
    branches=(1, 2),
    augment=darken,
)


def loss(kind, **arguments):
    return {'model.unsup_loss.type': kind} | {
        f'model.unsup_loss.{key}': value for key, value in arguments.items()
    }


# name: options of the run, options of the reference, name of the loss
CASES = dict(
    default=({}, {}, 'loss_ce'),
    published_code=(PUBLISHED, PUBLISHED_REFERENCE, 'loss_ce'),
    published_squared_error=(
        PUBLISHED | loss('SquaredErrorLoss', class_reduction='mean'),
        PUBLISHED_REFERENCE | dict(kind='squared_error_class_mean'),
        'loss_squared_error',
    ),
    squared_error=(
        loss('SquaredErrorLoss'),
        dict(kind='squared_error'),
        'loss_squared_error',
    ),
    no_pseudo_label=(
        loss('SoftPseudoLabelLoss'),
        dict(kind='soft'),
        'loss_soft_ce',
    ),
    threshold=(
        loss('PseudoLabelLoss', weighting='threshold'),
        dict(weighting='threshold'),
        'loss_ce',
    ),
    # The ramp ends inside the run.
    ramp_up=(
        loss('PseudoLabelLoss', weighting='ramp_up', ramp_up_iters=3),
        dict(weighting='ramp_up', ramp_up_iters=3),
        'loss_ce',
    ),
    constant=(
        loss('PseudoLabelLoss', weighting='constant'),
        dict(weighting='constant'),
        'loss_ce',
    ),
    given_mask=(
        {'model.batch_transforms': [dict(type='GivenMask')]},
        {},
        'loss_ce',
    ),
    cutmix=(
        {'model.batch_transforms': mixes('CutMix')},
        {},
        'loss_ce',
    ),
    cowmix=(
        {'model.batch_transforms': mixes('CowMix')},
        {},
        'loss_ce',
    ),
    # The max-pool rounds up: 9x11 places instead of 8x10.
    deeplab_resnet=(
        {
            'model.segmentor.backbone.type': 'DeepLabResNet',
            'model.segmentor.backbone.norm_cfg.requires_grad': True,
        },
        dict(ceil_mode=True),
        'loss_ce',
    ),
    # alpha meets its upper end inside the run: 0, 0.5, 0.6, 0.6, 0.6.
    end_of_warmup=(
        {'custom_hooks.0.momentum': 0.4},
        dict(max_alpha=0.6),
        'loss_ce',
    ),
)

MASK_OF = dict(
    given_mask=given_mask, cutmix=recorded_mask, cowmix=recorded_mask
)


@pytest.mark.parametrize('case', CASES)
def test_the_runner_trains_like_the_reference(tmp_path, case):
    options, arguments, loss_name = CASES[case]
    model, log = run(tmp_path, **options)
    mask_of = MASK_OF.get(case, class_mask_of_run)
    reference, counts = start(**arguments), []
    for i, (paths, line) in enumerate(zip(BATCHES, log, strict=True)):
        wanted = reference.iterate(i, *read_batch(paths), mask_of)
        assert_same_log(i, line, wanted, loss_name)
        assert 0 < wanted['share'] < 1
        counts.append(wanted['classes'])
    # Otherwise floor and ceil, or image and batch, could not be told apart.
    assert any(len(set(images)) > 1 for images in counts)
    assert any(count % 2 for images in counts for count in images)
    assert_same(model, reference, 'student')
    assert_same(model, reference, 'teacher')


def test_frozen_batch_norm_learns_nothing_but_statistics(tmp_path):
    model, _ = run(tmp_path)
    seen = 0
    for name, module in model.student.named_modules():
        if not isinstance(module, torch.nn.BatchNorm2d):
            continue
        seen += 1
        for key in ('weight', 'bias'):
            assert getattr(module, key).grad is None
            now = getattr(module, key).detach()
            assert torch.equal(now, START[f'{name}.{key}'])
        # Labeled and mixed images; the teacher sees one batch.
        assert module.num_batches_tracked == 2 * ITERS
        teacher = model.teacher.get_submodule(name)
        assert teacher.num_batches_tracked == ITERS
    # Stem, three a bottleneck, one for the shortcut of every stage.
    assert seen == 1 + 3 * (3 + 4) + 2
