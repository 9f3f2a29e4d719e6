import re

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from support import CLASSMIX, ROOT, SUPERVISED, call_tool, import_tool

TOOL = 'analysis_tools/class_distribution.py'
CLASSES = ('ground', 'box', 'disk')
UNLABELED = 'train_dataloader.dataset.datasets.1'


def read(*paths):
    return np.stack([np.array(Image.open(path)) for path in paths])


def tiny_masks(root, split, count):
    folder = root / 'masks' / split
    return read(*(folder / f'im_{i}.png' for i in range(count)))


def count(split, config=CLASSMIX, size=None, **options):
    tool = import_tool(TOOL)
    cfg = Config.fromfile(str(config))
    cfg.merge_from_dict(options)
    return tool.count_classes(*tool.build_masks(cfg, split), size)


def check(found, masks):
    """Compare with plain counting."""
    assert found.masks == len(masks)
    for label in range(len(CLASSES)):
        here = masks == label
        np.testing.assert_allclose(found.frequency[label], here.mean(0))
        share = here.sum() / (masks != 255).sum()
        assert found.share[label] == pytest.approx(share)


@pytest.mark.parametrize(
    ('split', 'folder', 'number'),
    [('val', 'val', 3), ('labeled', 'train', 4), ('train', 'train', 4)],
)
def test_counts_are_those_of_numpy(split, folder, number, tiny_data):
    check(count(split), tiny_masks(tiny_data, folder, number))


def test_masks_of_unlabeled_images_count_in_train(tiny_data):
    options = {f'{UNLABELED}.data_prefix.img_path': 'images/train'}
    check(count('train', **options), tiny_masks(tiny_data, 'train', 8))
    check(count('labeled', **options), tiny_masks(tiny_data, 'train', 4))
    check(count('train', config=SUPERVISED), tiny_masks(tiny_data, 'train', 4))


def test_masks_of_several_sizes_are_resized_by_nearest(tmp_path):
    # Blocks of 4x4 and 8x8 pixels: every resampling that takes one pixel of
    # a block gives the same, an average would make new classes.
    small = np.array([[0, 2, 1], [255, 2, 0]], np.uint8)
    for folder in ('images/val', 'masks/val'):
        (tmp_path / folder).mkdir(parents=True)
    for i, block in enumerate((4, 8)):
        mask = np.kron(small, np.ones((block, block), np.uint8))
        for kind in ('images', 'masks'):
            cv2.imwrite(str(tmp_path / f'{kind}/val/im_{i}.png'), mask)
    options = {'val_dataloader.dataset.data_root': str(tmp_path)}
    found = count('val', size=(2, 3), **options)
    np.testing.assert_array_equal(
        found.frequency, [small == label for label in range(3)]
    )
    np.testing.assert_allclose(found.share, [2 / 5, 1 / 5, 2 / 5])
    # The first mask gives the size.
    assert count('val', **options).frequency.shape == (3, 8, 12)


def one_mask(folder, mask):
    for kind in ('images', 'masks'):
        (folder / kind / 'val').mkdir(parents=True)
        cv2.imwrite(str(folder / kind / 'val' / 'a.png'), mask)
    return {'val_dataloader.dataset.data_root': str(folder)}


def test_long_masks_are_shrunk(tmp_path):
    options = one_mask(tmp_path, np.zeros((100, 1024), np.uint8))
    assert count('val', **options).frequency.shape == (3, 50, 512)


def test_masks_that_cannot_be_counted_are_named(tmp_path):
    options = one_mask(tmp_path, np.full((4, 4), 7, np.uint8))
    with pytest.raises(ValueError, match=r'masks/val/a.png .*\[7\]'):
        count('val', **options)
    with pytest.raises(ValueError, match='val_dataloader.*LoadAnnotations'):
        count('val', **{'val_dataloader.dataset.pipeline': []})


def test_tool_prints_and_draws_shares_and_absent_classes(
    tmp_path, tiny_data, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / 'ghost.py'
    config.write_text(
        f'_base_ = {str(SUPERVISED)!r}\n'
        "metainfo = dict(classes=('ground', 'box', 'disk', 'ghost'),\n"
        '    palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]])\n'
        'val_dataloader = dict(dataset=dict(metainfo=metainfo))\n'
    )
    done = call_tool(TOOL, config, '--split', 'val')
    assert done.returncode == 0, done.stdout
    masks = tiny_masks(tiny_data, 'val', 3)
    words = [line.split() for line in done.stdout.splitlines()]
    printed = {w[0]: w[1] for w in words if len(w) == 2}
    assert printed['ghost'] == '(absent)'
    for label, name in enumerate(CLASSES):
        share = (masks == label).sum() / (masks != 255).sum()
        assert float(printed[name].rstrip('%')) == pytest.approx(
            100 * share, abs=0.051
        )
    out = 'work_dirs/ghost/class_distribution_val.png'
    picture = cv2.imread(str(tmp_path / out))
    assert picture.shape[1] > 500


def test_sheet_shows_every_class_on_one_scale(tiny_data):
    tool = import_tool(TOOL)
    found = tool.Distribution(
        np.stack([np.full((2, 4), 0.25), np.eye(2, 4), np.zeros((2, 4))]),
        np.array([0.6, 0.004, 0]),
        8,
    )
    figure = tool.draw(found, ['a', 'b', 'c'], 'title')
    maps = [axes for axes in figure.axes if axes.images]
    titles = [axes.get_title() for axes in maps]
    assert titles == ['a  60.0%', 'b  0.4%', 'c  (absent)']
    for axes, frequency in zip(maps, found.frequency, strict=True):
        image = axes.images[0]
        np.testing.assert_array_equal(image.get_array(), frequency)
        assert image.norm.vmin == 0 and image.norm.vmax == 1
    assert [len(axes.texts) for axes in maps] == [0, 0, 1]


def test_tool_counts_camvid(camvid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = ROOT / 'configs/classmix/camvid_1-8_r18.py'
    done = call_tool(TOOL, config, '--split', 'labeled')
    assert done.returncode == 0, done.stdout
    names = (ROOT / 'configs/splits/camvid/1-8_0_labeled.txt').read_text()
    folder = camvid / 'annotations' / 'train'
    masks = read(*(folder / f'{name}.png' for name in names.split()))
    road = 100 * (masks == 3).sum() / (masks != 255).sum()
    assert re.search(rf'^road +{road:.1f}%$', done.stdout, re.M)
