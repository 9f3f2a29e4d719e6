"""Sound data passes; each kind of damage is found, named and counted."""

import os
import shutil
import sys

import numpy as np
import pytest
from layouts import relocate, write_cityscapes, write_voc
from mmengine.config import Config
from PIL import Image
from support import CLASSMIX, ROOT, call_tool, run_process

TOOL = ROOT / 'tools' / 'dataset_converters' / 'check_dataset.py'
BASE = ROOT / 'configs' / '_base_' / 'datasets'


def check(config, *arguments):
    arguments = arguments or ('--workers', 1)
    done = call_tool('dataset_converters/check_dataset.py', config, *arguments)
    return done.returncode, done.stdout


def rows(output):
    """Cells of the printed table: {row: {column: text}}."""
    lines = [
        [cell.strip() for cell in line.split('|')[1:-1]]
        for line in output.splitlines()
        if line.startswith('|')
    ]
    head = lines[0]
    return {
        line[0]: dict(zip(head[1:], line[1:], strict=True))
        for line in lines[1:]
    }


def semi_supervised(tmp_path, base, root, labeled, unlabeled):
    """A config file of both streams with lists of these names."""
    cfg = relocate(Config.fromfile(str(BASE / base)), root)
    for source, names in (('labeled', labeled), ('unlabeled', unlabeled)):
        path = tmp_path / f'{source}.txt'
        path.write_text('\n'.join(names) + '\n')
        cfg[source].ann_file = str(path)
    cfg.train_dataloader.dataset.datasets = [cfg.labeled, cfg.unlabeled]
    cfg.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


@pytest.fixture
def cityscapes(tmp_path):
    """Config, root and names of 4 labeled and 8 unlabeled images."""
    root = tmp_path / 'cityscapes'
    write_cityscapes(root)
    names = [
        f'{city}/{city}_{i:06d}_000019'
        for city in ('aachen', 'bochum', 'zurich')
        for i in range(4)
    ]
    base = 'cityscapes_512x1024.py'
    config = semi_supervised(tmp_path, base, root, names[:4], names[4:])
    return config, root, names


def mask(root, name, split='train'):
    return root / 'gtFine' / split / f'{name}_gtFine_labelTrainIds.png'


def image(root, name, split='train'):
    return root / 'leftImg8bit' / split / f'{name}_leftImg8bit.png'


def test_sound_cityscapes(cityscapes):
    config, root, names = cityscapes
    done = run_process(sys.executable, TOOL, config, cwd=config.parent)
    output = done.stdout
    assert done.returncode == 0, output
    assert 'No problem found' in output
    table = rows(output)
    counts = dict(labeled='4', unlabeled='8', val='3')
    assert table['images'] == counts
    assert table['smallest image']['val'] == '64x128'
    assert table['wrong mask values']['unlabeled'] == '-'
    masks = np.stack([Image.open(mask(root, name)) for name in names[:4]])
    valid = masks[masks != 255]
    for row, value in (('% road', 0), ('% bicycle', 18)):
        share = 100 * (valid == value).sum() / valid.size
        images = (masks == value).any((1, 2)).sum()
        assert table[row]['labeled'] == f'{share:.3f} ({images})'
    ignored = 100 * (masks == 255).mean()
    assert table['% of all: ignored']['labeled'].startswith(f'{ignored:.3f} ')


def test_each_damage_is_found(cityscapes):
    config, root, names = cityscapes
    # Labeled: a missing mask, a wrong value, another size, a color mask.
    mask(root, names[0]).unlink()
    wrong = np.full((64, 128), 3, np.uint8)
    wrong[0, 0] = 19
    Image.fromarray(wrong).save(mask(root, names[1]))
    Image.fromarray(wrong[:32] * 0).save(mask(root, names[2]))
    Image.fromarray(np.zeros((64, 128, 3), np.uint8)).save(
        mask(root, names[3])
    )
    image(root, names[3]).unlink()
    # Unlabeled: no image at all, and a truncated one.
    image(root, names[4]).write_bytes(b'')
    data = image(root, names[5]).read_bytes()
    image(root, names[5]).write_bytes(data[: len(data) // 2])
    # Val: a damaged mask, and an image of the train set by content.
    val = sorted((root / 'gtFine' / 'val').glob('*/*_labelTrainIds.png'))
    val[0].write_bytes(val[0].read_bytes()[:100])
    held = sorted((root / 'leftImg8bit' / 'val').glob('*/*.png'))
    shutil.copy(image(root, names[6]), held[1])
    shutil.copy(image(root, names[0]), held[2])
    code, output = check(config, '--workers', '2')
    assert code == 1
    table = rows(output)
    assert table['missing masks']['labeled'] == '1'
    assert table['wrong mask values']['labeled'] == '2'
    assert table['masks of another size']['labeled'] == '1'
    assert table['missing images']['labeled'] == '1'
    assert table['unreadable images']['unlabeled'] == '2'
    assert table['unreadable masks']['val'] == '1'
    assert table['also in labeled'] == dict(
        labeled='-', unlabeled='0', val='1'
    )
    assert table['also in unlabeled']['val'] == '1'
    assert '[19], allowed are 0 to 18 and 255' in output
    for path in (
        *(mask(root, name) for name in names[:4]),
        *(image(root, name) for name in names[3:6]),
        val[0],
        held[1],
        held[2],
    ):
        assert str(path) in output


def test_lists_that_overlap_or_repeat(tmp_path):
    root = tmp_path / 'voc'
    write_voc(root)
    names = [f'2008_{i:06d}' for i in range(6)]
    config = semi_supervised(
        tmp_path,
        'voc12aug_321x321.py',
        root,
        # A name twice, and one of the validation images.
        [names[0], names[1], names[1], '2009_000002'],
        [*names[1:], '2009_000003'],
    )
    code, output = check(config)
    assert code == 1
    table = rows(output)
    assert table['images'] == dict(labeled='3', unlabeled='6', val='4')
    assert table['listed twice']['labeled'] == '1'
    assert table['also in labeled']['unlabeled'] == '1'
    assert table['also in labeled']['val'] == '1'
    assert table['also in unlabeled']['val'] == '1'
    assert f'{names[1]}.jpg' in output
    # VOC images differ in size, by area.
    assert table['smallest image']['val'] == '142x200'
    assert table['largest image']['val'] == '375x500'


def test_data_set_that_is_not_there(tmp_path):
    config = tmp_path / 'config.py'
    cfg = relocate(
        Config.fromfile(str(BASE / 'voc12aug_321x321.py')), tmp_path / 'none'
    )
    cfg.dump(config)
    code, output = check(config)
    assert code == 1
    assert rows(output)['images'] == dict(labeled='not built', val='not built')
    assert 'trainaug.txt' in output
    assert 'val.txt' in output


def test_hidden_masks_are_read_as_the_labeled_ones(own_data, tmp_path):
    hidden = own_data / 'masks' / 'unlabeled'
    hidden.mkdir()
    for path in (own_data / 'images' / 'unlabeled').iterdir():
        shutil.copy(own_data / 'masks' / 'train' / path.name, hidden)
    config = tmp_path / 'config.py'
    config.write_text(
        f"_base_ = '{CLASSMIX}'\n"
        "_base_.unlabeled.data_prefix.seg_map_path = 'masks/unlabeled'\n"
        '_base_.unlabeled.eval_pseudo_labels = True\n'
        'train_dataloader = dict(\n'
        '    dataset=dict(datasets=[_base_.labeled, _base_.unlabeled]))\n'
    )
    code, output = check(config)
    assert code == 0, output
    (hidden / 'im_3.png').unlink()
    code, output = check(config)
    assert code == 1 and rows(output)['missing masks']['unlabeled'] == '1'


def test_camvid(camvid):
    config = ROOT / 'configs' / 'classmix' / 'camvid_1-8_r18.py'
    workers = min(os.cpu_count(), 2)
    code, output = check(config, '--workers', workers)
    assert code == 0, output
    counts = dict(labeled='46', unlabeled='321', val='101')
    assert rows(output)['images'] == counts
