import runpy
import sys
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
    largest_difference,
    run_process,
    tiny_config,
)
from tool_process import run_python

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


def browse(*arguments, cwd):
    return run_python(TOOL, *arguments, cwd=cwd)


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


@pytest.mark.parametrize('kind', ['ClassMix', 'CutMix', 'CowMix'])
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
    cfg.custom_hooks = []
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


def test_sheet_shows_every_mix():
    tool = runpy.run_path(str(TOOL))
    mixes, *_ = tiny_mixes(3, predict=False)
    classes = ('ground', 'box', 'disk')
    figure = tool['draw'](
        mixes, 'title', 'truth', dict(classes=classes, palette=PALETTE)
    )
    colors = np.array([*PALETTE, [255] * 3], np.uint8)
    for i, mix in enumerate(mixes):
        cells = [a.images[0].get_array() for a in figure.axes[6 * i :][:6]]
        expected = [
            mix.image,
            mix.partner,
            colors[np.minimum(mix.label, 3)],
            np.stack([mix.mask] * 3, -1) * 255,
            mix.mixed_image,
            colors[np.minimum(mix.mixed_label, 3)],
        ]
        for cell, image in zip(cells, expected, strict=True):
            np.testing.assert_array_equal(cell, image)
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [*classes, 'ignored']


def test_tool_draws_ground_truth_and_other_mixes(tmp_path):
    out = tmp_path / 'new' / 'cut.png'
    done = browse(
        CLASSMIX,
        '--output',
        out,
        '--num',
        3,
        '--seed',
        5,
        '--cfg-options',
        f'{MIX}=CutMix',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    mixes, *_ = tiny_mixes(3, predict=False, seed=5, **{MIX: 'CutMix'})
    picture = cv2.imread(str(out))[:, :, ::-1]
    width = picture.shape[1] // 6
    for column, labels in (
        (2, [mix.label for mix in mixes]),
        (5, [mix.mixed_label for mix in mixes]),
    ):
        part = picture[:, column * width : (column + 1) * width]
        red, green = ((part == color).all(-1).sum() for color in PALETTE[1:])
        box, disk = ((np.array(labels) == c).sum() for c in (1, 2))
        # Boxes are larger; the legend has a little of both colors.
        assert red / green == pytest.approx(box / disk, rel=0.1)
    assert not (tmp_path / 'work_dirs').exists()


def test_tool_draws_predictions_of_a_checkpoint(tmp_path):
    model = MODELS.build(tiny_config(tmp_path).model)
    torch.save(model.state_dict(), tmp_path / 'net.pth')
    done = browse(CLASSMIX, 'net.pth', cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    out = tmp_path / 'work_dirs' / 'tiny_classmix' / 'mixes.png'
    height, width, _ = cv2.imread(str(out)).shape
    # Four rows and six columns of 32x40 pixels, and text.
    assert 4 * width / 6 * 32 / 40 < height < 5 * width / 6 * 32 / 40 + 300


def test_checkpoint_of_a_supervised_training_is_the_teacher(tmp_path):
    build = runpy.run_path(str(TOOL))['build_model']
    plain = MODELS.build(tiny_config(tmp_path, SUPERVISED).model).state_dict()
    torch.save(plain, tmp_path / 'net.pth')
    path = str(tmp_path / 'net.pth')
    teacher = build(tiny_config(tmp_path), path, 'cpu').teacher.state_dict()
    assert largest_difference(teacher, plain) == 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((SUPERVISED,), 'tiny_supervised.py: model.batch_transforms is miss'),
        ((CLASSMIX, 'none.pth'), 'no checkpoint none.pth'),
        ((CLASSMIX, 'other.pth'), 'unexpected key'),
        ((CLASSMIX, '--num', 0), '--num 0 must be at least 1'),
        ((CLASSMIX, '--output', 'mixes.xyz'), 'mixes.xyz is no picture'),
    ],
)
def test_tool_says_what_is_wrong(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    torch.save({'a': torch.zeros(1)}, 'other.pth')
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    with pytest.raises((SystemExit, ValueError, RuntimeError)) as error:
        runpy.run_path(str(TOOL), run_name='__main__')
    assert message in f'{error.value} {capsys.readouterr().err}'


def test_tool_runs_on_camvid(camvid, tmp_path):
    out = tmp_path / 'mixes.png'
    config = ROOT / 'configs/classmix/camvid_1-8_r18.py'
    arguments = (config, '--output', out, '--num', 2)
    done = run_process(sys.executable, TOOL, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    picture = cv2.imread(str(out))[:, :, ::-1]
    # Road is the class with the most pixels.
    assert (picture == (128, 64, 128)).all(-1).mean() > 0.03
