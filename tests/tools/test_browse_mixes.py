import runpy
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import MODELS, TRANSFORMS
from support import (
    CLASSMIX,
    ROOT,
    SUPERVISED,
    call_tool,
    largest_difference,
    tiny_config,
)

from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.visualization import browse_mixes

TOOL = ROOT / 'tools' / 'analysis_tools' / 'browse_mixes.py'
MIX = 'model.batch_transforms.0.type'
PALETTE = [[0, 0, 0], [255, 0, 0], [0, 255, 0]]


@TRANSFORMS.register_module()
class Recorder(BaseTransform):
    """Keep what a training gives to its student."""

    batches = []

    def transform(self, batch):
        self.batches.append(batch)
        return batch


def browse(*arguments):
    return call_tool('analysis_tools/browse_mixes.py', *arguments)


def tiny_mixes(count=4, predict=True, seed=0, config=CLASSMIX, **options):
    """Mixes of a fixed network, the network, and its config."""
    tool = runpy.run_path(str(TOOL))
    cfg = tiny_config('unused', config, **options)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    loader = tool['build_dataloader'](cfg, seed)
    mixes = browse_mixes(model, loader, seed, predict)
    return list(islice(mixes, count)), model, cfg


def as_file(mix, index, root, kind):
    """Read a file of the data set, flipped as in the mix if need be."""
    image, names = (mix.image, mix.partner)[index], mix.names
    path = root / kind / names[index]
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    shown = cv2.imread(str(root / 'images' / path.parent.name / names[index]))
    flip = (shown[:, ::-1, ::-1] == image).all()
    return pixels[:, ::-1] if flip else pixels


@pytest.mark.parametrize('kind', ['ClassMix', 'CowMix'])
def test_mixes_are_put_together_from_a_and_b(kind, tiny_data):
    mixes, model, _ = tiny_mixes(**{MIX: kind})
    for i, mix in enumerate(mixes):
        # Batches have two images: the partner of one is the other.
        partner = mixes[i ^ 1]
        np.testing.assert_array_equal(mix.partner, partner.image)
        assert mix.names == partner.names[::-1]
        for index, image in enumerate((mix.image, mix.partner)):
            expected = as_file(mix, index, tiny_data, 'images/unlabeled')
            np.testing.assert_array_equal(image, expected[..., ::-1])
        keep = mix.mask
        np.testing.assert_array_equal(
            mix.mixed_image, np.where(keep[..., None], mix.image, mix.partner)
        )
        np.testing.assert_array_equal(
            mix.mixed_label, np.where(keep, mix.label, partner.label)
        )
    assert any(0 < mix.mask.mean() < 1 for mix in mixes)


def test_predictions_are_those_of_the_teacher():
    mixes, model, cfg = tiny_mixes(2)
    statistics = cfg.data_preprocessor
    images = np.stack([mix.image for mix in mixes]).astype(np.float32)
    images = (images - statistics.mean) / statistics.std
    model.teacher.train()
    with torch.no_grad():
        logits = model.teacher.encode_decode(
            torch.tensor(images).permute(0, 3, 1, 2).float(),
            [dict(img_shape=(32, 40))] * 2,
        )
    expected = logits.argmax(1).numpy()
    assert len(np.unique(expected)) > 1
    for mix, label in zip(mixes, expected, strict=True):
        np.testing.assert_array_equal(mix.label, label)
        kept = np.unique(label[mix.mask])
        assert len(kept) == len(np.unique(label)) // 2
        np.testing.assert_array_equal(mix.mask, np.isin(label, kept))


def test_mixes_are_those_of_training(tmp_path, tiny_data):
    cfg = tiny_config(tmp_path, train_cfg=dict(max_iters=2))
    cfg.randomness.seed = 3
    jitter = dict(type='ColorJiggle', brightness=0.5, p=1.0)
    cfg.model.batch_transforms += [
        dict(type='KorniaAugment', transforms=[jitter]),
        dict(type='Recorder'),
    ]
    # The teacher stays what it was.
    still = dict(type='MeanTeacherHook', momentum=0.0, warmup=False)
    cfg.custom_hooks = [still]
    model = MODELS.build(cfg.model)
    cfg.load_from = str(tmp_path / 'net.pth')
    torch.save(model.state_dict(), cfg.load_from)
    Recorder.batches.clear()
    ClassMixRunner.from_cfg(cfg).train()
    trained = list(Recorder.batches)
    assert len(trained) == 2
    loader = runpy.run_path(str(TOOL))['build_dataloader'](cfg, 3)
    Recorder.batches.clear()
    mixes = list(islice(browse_mixes(model, loader, 3), 4))
    for i, mix in enumerate(mixes):
        batch, row = trained[i // 2], i % 2
        for drawn, key in (
            (mix.mask, 'mask'),
            (mix.mixed_label, 'pseudo_label'),
        ):
            np.testing.assert_array_equal(drawn, batch[key][row].numpy())
        # Pixels too: the augmentation is the same.
        torch.testing.assert_close(
            Recorder.batches[i // 2]['img'][row], batch['img'][row]
        )
        assert not (
            mix.mixed_image
            == np.where(mix.mask[..., None], mix.image, mix.partner)
        ).all()


def test_without_predictions_labels_are_the_masks_and_padding_is_none(
    tiny_data,
):
    padded = dict(size=(36, 48), seg_pad_val=1)
    options = {'model.segmentor.data_preprocessor': padded}
    mixes, *_ = tiny_mixes(predict=False, **options)
    for mix in mixes:
        assert mix.mask.shape == (36, 48)
        expected = np.full((36, 48), 255)
        image = mix.image
        mix.image = image[:32, :40]
        expected[:32, :40] = as_file(mix, 0, tiny_data, 'masks/train')
        np.testing.assert_array_equal(mix.label, expected)
        # Ignored pixels are of no class: ClassMix pastes none of them.
        assert not mix.mask[expected == 255].any()
        assert mix.mask.any()


@pytest.mark.parametrize('predict', [False, True])
def test_labeled_images_are_shown_on_unlabeled_ones(predict, tiny_data):
    source = {'model.batch_transforms.0.source': 'labeled'}
    mixes, model, _ = tiny_mixes(4, predict, **source)
    assert any(0 < mix.mask.mean() < 1 for mix in mixes)
    for mix in mixes:
        for index, kind in enumerate(('train', 'unlabeled')):
            image = (mix.image, mix.partner)[index]
            expected = as_file(mix, index, tiny_data, f'images/{kind}')
            np.testing.assert_array_equal(image, expected[..., ::-1])
        truth = as_file(mix, 0, tiny_data, 'masks/train')
        np.testing.assert_array_equal(mix.label, truth)
        keep = mix.mask
        np.testing.assert_array_equal(
            mix.mixed_image, np.where(keep[..., None], mix.image, mix.partner)
        )
        np.testing.assert_array_equal(mix.mixed_label[keep], truth[keep])
        # Without a teacher nothing is known of the unlabeled image.
        rest = mix.mixed_label[~keep]
        assert (rest < 3).all() if predict else (rest == 255).all()


def test_one_image_a_process_is_mixed_with_that_of_another():
    sizes = {
        'train_dataloader.batch_size': 2,
        'train_dataloader.sampler.batch_size': 2,
    }
    mixes, *_ = tiny_mixes(4, **sizes)
    expected, *_ = tiny_mixes(4)
    for one, other in zip(mixes, expected, strict=True):
        np.testing.assert_array_equal(one.mixed_image, other.mixed_image)


def test_tool_draws_every_mix(tmp_path):
    out = tmp_path / 'new' / 'cut.png'
    arguments = CLASSMIX, '--output', out, '--num', 3, '--seed', 5
    done = browse(*arguments, '--cfg-options', f'{MIX}=CutMix')
    assert done.returncode == 0, done.stdout
    mixes, *_ = tiny_mixes(3, predict=False, seed=5, **{MIX: 'CutMix'})
    sheet = cv2.imread(str(out))[:, :, ::-1]
    colors = np.array([*PALETTE, [255] * 3], np.uint8)
    for row, mix in enumerate(mixes):
        expected = [
            mix.image,
            mix.partner,
            colors[np.minimum(mix.label, 3)],
            np.stack([mix.mask] * 3, -1) * np.uint8(255),
            mix.mixed_image,
            colors[np.minimum(mix.mixed_label, 3)],
        ]
        for column, image in enumerate(expected):
            # Nine pixels a pixel; photographs are interpolated.
            found = large_cell(sheet, row, column)
            if column in (2, 3, 5):
                np.testing.assert_array_equal(found[4::9, 4::9], image)
            else:
                difference = np.abs(found[4::9, 4::9] - image.astype(int))
                assert np.mean(difference) < 2
    # The legend has the colors of the classes.
    below = sheet[46 + 3 * 308 :].reshape(-1, 3)
    assert all((below == color).all(1).any() for color in PALETTE)


def large_cell(sheet, row, column):
    """Cut a picture of 288x360 pixels out of a sheet."""
    top, left = 46 + row * (288 + 20), 8 + column * (360 + 8)
    return sheet[top : top + 288, left : left + 360]


def test_tool_draws_predictions_of_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MODELS.build(tiny_config(tmp_path).model)
    torch.save(model.state_dict(), tmp_path / 'net.pth')
    done = browse(CLASSMIX, 'net.pth')
    assert done.returncode == 0, done.stdout
    sheet = cv2.imread('work_dirs/tiny_classmix/mixes.png')
    # Four rows and six columns of 32x40 pixels, and text.
    assert sheet.shape[1] == 6 * 368 + 8
    assert 4 * 308 < sheet.shape[0] < 4 * 308 + 150


def test_checkpoint_of_a_supervised_training_is_the_teacher(tmp_path):
    build = runpy.run_path(str(TOOL))['build_model']
    plain = MODELS.build(tiny_config(tmp_path, SUPERVISED).model).state_dict()
    torch.save(plain, tmp_path / 'net.pth')
    path = str(tmp_path / 'net.pth')
    teacher = build(tiny_config(tmp_path), path, 'cpu').teacher.state_dict()
    assert largest_difference(teacher, plain) == 0


def test_tool_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'a': torch.zeros(1)}, 'other.pth')
    for arguments, message in (
        (('none.pth',), 'no checkpoint none.pth'),
        (('--num', 0), '--num 0 must be at least 1'),
        (('--output', 'mixes.xyz'), 'mixes.xyz is no picture'),
    ):
        done = browse(CLASSMIX, *arguments)
        assert done.returncode == 2 and message in done.stdout
    with pytest.raises(ValueError, match='batch_transforms is missing'):
        browse(SUPERVISED)
    with pytest.raises(RuntimeError, match='unexpected key'):
        browse(CLASSMIX, 'other.pth')


def test_tool_runs_on_camvid(camvid, tmp_path):
    out = tmp_path / 'mixes.png'
    config = ROOT / 'configs/classmix/camvid_1-8_r18.py'
    done = browse(config, '--output', out, '--num', 2)
    assert done.returncode == 0, done.stdout
    picture = cv2.imread(str(out))[:, :, ::-1]
    # Road is the class with the most pixels.
    assert (picture == (128, 64, 128)).all(-1).mean() > 0.03
