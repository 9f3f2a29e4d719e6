"""Sheets of pictures of a training, cell by cell."""

import shutil
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmseg.registry import MODELS
from sheet_cells import EVERY, HOOK, cell, sheet_width, sheets
from support import load, log_lines, tiny_config, train

from mmseg_classmix.engine.hooks import MixVisualizationHook
from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.models.losses import PseudoLabelLoss
from mmseg_classmix.visualization.image_grid import CAPTION, HEADING, TITLE
from mmseg_classmix.visualization.training_step import CONFIDENT

PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [255] * 3], np.uint8)
THRESHOLD = 0.7
JITTER = dict(
    type='KorniaAugment',
    transforms=[dict(type='ColorJiggle', brightness=0.5, p=1.0)],
)


@MODELS.register_module()
class RecordingLoss(PseudoLabelLoss):
    """Keep what the student is trained on."""

    calls = []

    def forward(self, logits, batch):
        self.calls.append((logits.detach().clone(), dict(batch)))
        return super().forward(logits, batch)


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Mixed precision as AmpOptimWrapper, which asks for a GPU."""

    @contextmanager
    def optim_context(self, model):
        with super().optim_context(model):
            with torch.autocast('cpu', torch.bfloat16):
                yield


def pixels(img):
    """Normalized image to (H, W, 3) uint8."""
    cfg = tiny_config('unused').data_preprocessor
    img = img.permute(1, 2, 0).numpy() * cfg.std + cfg.mean
    return np.clip(np.round(img), 0, 255).astype(np.uint8)


def file_image(root, sheet_image):
    """The file that is shown, perhaps flipped."""
    for path in (root / 'images' / 'unlabeled').glob('*.png'):
        image = cv2.imread(str(path))[..., ::-1]
        for candidate in (image, image[:, ::-1]):
            if (candidate == sheet_image).all():
                return path.name
    raise AssertionError('no such file')


@pytest.mark.parametrize('augment', [[], [JITTER]])
def test_sheet_shows_what_the_student_was_trained_on(
    tmp_path, tiny_data, augment
):
    RecordingLoss.calls.clear()
    train(
        tmp_path,
        **EVERY,
        **{
            'train_cfg.max_iters': 2,
            'model.unsup_loss.type': 'RecordingLoss',
            'model.unsup_loss.threshold': THRESHOLD,
            'model.batch_transforms': [dict(type='ClassMix'), *augment],
        },
    )
    found, shares = sheets(tmp_path), []
    assert found.keys() == {1, 2}
    for sheet, (logits, batch) in zip(
        found.values(), RecordingLoss.calls, strict=True
    ):
        images = [cell(sheet, row, 0) for row in range(2)]
        names = [file_image(tiny_data, image) for image in images]
        assert len(set(names)) == 2
        for row in range(2):
            # Batches have two images: the partner of one is the other.
            np.testing.assert_array_equal(cell(sheet, row, 1), images[1 - row])
            mask = batch['mask'][row].numpy()
            np.testing.assert_array_equal(
                cell(sheet, row, 2), np.repeat(mask[..., None] * 255, 3, -1)
            )
            seen = cell(sheet, row, 3)
            np.testing.assert_array_equal(seen, pixels(batch['img'][row]))
            mix = np.where(mask[..., None], images[row], images[1 - row])
            assert (seen == mix).all() == (not augment)
            label = batch['pseudo_label'][row].numpy()
            np.testing.assert_array_equal(cell(sheet, row, 4), PALETTE[label])
            confidence = batch['confidence'][row].numpy()
            shown = cell(sheet, row, 5)
            sure = confidence >= THRESHOLD
            shares.append(sure.mean())
            assert ((shown == CONFIDENT).all(-1) == sure).all()
            assert (
                shown[~sure] == confidence[~sure][:, None] * 255 // 1
            ).all()
            label = logits[row].argmax(0).numpy()
            np.testing.assert_array_equal(cell(sheet, row, 6), PALETTE[label])
    assert 0 < np.mean(shares) < 1


def test_training_is_the_same_bit_for_bit(tmp_path):
    options = {
        'train_cfg.max_iters': 3,
        'default_hooks.checkpoint.interval': 3,
        'model.batch_transforms': [dict(type='CowMix'), JITTER],
        'optim_wrapper.accumulative_counts': 3,
        'train_cfg.val_interval': 3,
    }
    for name, more in (('with', EVERY), ('without', {})):
        cfg = tiny_config(tmp_path / name, **options, **more)
        # A number drawn in one iteration would be missing in the next.
        cfg.default_hooks.iter_seed = None
        ClassMixRunner.from_cfg(cfg).train()
    assert len(sheets(tmp_path / 'with')) == 3
    assert not sheets(tmp_path / 'without')
    ours, theirs = (
        load(tmp_path / name / 'iter_3.pth') for name in ('with', 'without')
    )
    assert ours['state_dict'].keys() == theirs['state_dict'].keys()
    for key, value in ours['state_dict'].items():
        assert torch.equal(value, theirs['state_dict'][key]), key
    for number, state in ours['optimizer']['state'].items():
        other = theirs['optimizer']['state'][number]
        assert torch.equal(state['momentum_buffer'], other['momentum_buffer'])
    losses = [
        [line['loss'] for line in log_lines(tmp_path / name) if 'loss' in line]
        for name in ('with', 'without')
    ]
    assert losses[0] == losses[1]


def test_a_resumed_run_draws_the_same(tmp_path, finished):
    options = {f'{HOOK}.interval': 4}
    train(tmp_path / 'whole', **options)
    (tmp_path / 'cut').mkdir()
    shutil.copy(finished / 'iter_2.pth', tmp_path / 'cut')
    train(tmp_path / 'cut', resume=True, **options)
    whole, cut = (sheets(tmp_path / name) for name in ('whole', 'cut'))
    assert whole.keys() == cut.keys() == {4}
    np.testing.assert_array_equal(whole[4], cut[4])


@pytest.mark.parametrize(
    ('options', 'columns'),
    [
        ({'model.batch_transforms': []}, 5),
        ({'model.batch_transforms': [JITTER]}, 5),
        (
            {
                'default_hooks.execution.separate_backward': True,
                'default_hooks.execution.channels_last': True,
            },
            7,
        ),
        ({'optim_wrapper.type': 'BFloat16OptimWrapper'}, 7),
        (
            {
                'model.unsup_loss.type': 'SoftPseudoLabelLoss',
                'model.unsup_loss.weighting': 'constant',
            },
            7,
        ),
    ],
    ids=lambda value: '',
)
def test_other_trainings(tmp_path, options, columns):
    train(tmp_path, **EVERY, **{'train_cfg.max_iters': 1}, **options)
    (sheet,) = sheets(tmp_path).values()
    assert sheet.shape[1] == sheet_width(columns)


def test_padding_is_shown_and_large_images_become_small(tmp_path):
    train(
        tmp_path,
        **{
            'train_cfg.max_iters': 1,
            f'{HOOK}.interval': 1,
            f'{HOOK}.max_images': 1,
            f'{HOOK}.cell': 32,
            'data_preprocessor.size': (32, 64),
            'model.segmentor.data_preprocessor.size': (32, 64),
        },
    )
    (sheet,) = sheets(tmp_path).values()
    assert sheet.shape[0] < HEADING + TITLE + 2 * (16 + CAPTION) + 40
    # Image and labels are white where the preprocessor padded.
    for column in (0, 4):
        shown = cell(sheet, 0, column, size=(16, 32))
        assert (shown[:, 21:] == 255).all()
        assert not (shown[:, :20] == 255).all(-1).any()


@pytest.mark.parametrize(
    ('name', 'value'),
    [('interval', 0), ('max_images', -1), ('cell', 2.5), ('cell', 'often')],
)
def test_arguments_are_checked(name, value):
    with pytest.raises(ValueError, match=f'{name}={value!r} .default_hooks'):
        MixVisualizationHook(**{name: value})
