import csv
import os
import re
import shutil
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
import torch
from drawn_weights import write_checkpoint
from mmseg.structures import SegDataSample
from PIL import Image
from support import CLASSMIX, ROOT, SUPERVISED, call_tool, train


@contextmanager
def folder(path):
    """Be in a folder, as a user is: contextlib.chdir is of Python 3.11."""
    before = os.getcwd()
    os.chdir(path)
    yield
    os.chdir(before)


@pytest.fixture(scope='module')
def labeled(tmp_path_factory, tiny_data):
    """Masks of 6 images, and the model that they come from."""
    root = tmp_path_factory.mktemp('pseudo')
    model = write_checkpoint(root / 'w.pth', CLASSMIX)
    images = tiny_data / 'images/unlabeled'
    shutil.copytree(images, root / 'images')
    done = label(root, '--threshold', '0.6', '--confidence', '16')
    assert done.returncode == 0, done.stdout
    return root, model


def label(root, *options, images='images', out='out'):
    with folder(root):
        arguments = CLASSMIX, 'w.pth', images, '--out', out
        return call_tool('pseudo_label.py', *arguments, *options)


def mask(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_labels_are_those_of_the_teacher(labeled):
    root, model = labeled
    for path in sorted((root / 'images').iterdir()):
        image = torch.from_numpy(cv2.imread(str(path))).permute(2, 0, 1)
        samples = [SegDataSample(metainfo=dict(img_shape=(32, 40)))]
        data = model.data_preprocessor(
            dict(inputs=[image], data_samples=samples)
        )
        # In eval mode, as the model is here.
        batch = model.pseudo_label(data['inputs'], samples)
        confidence = batch['confidence'][0].numpy()
        expected = np.where(
            confidence >= 0.6, batch['pseudo_label'][0].numpy(), 255
        )
        np.testing.assert_array_equal(
            mask(root / f'out/masks/{path.stem}.png'), expected
        )
        assert {255} < set(np.unique(expected))
        gray = cv2.imread(
            str(root / f'out/confidence/{path.stem}.png'),
            cv2.IMREAD_UNCHANGED,
        )
        np.testing.assert_allclose(gray / 65535, confidence, atol=1e-5)


def test_the_least_confident_image_comes_first(labeled):
    root, _ = labeled
    with open(root / 'out/summary.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    means = [float(row['mean_confidence']) for row in rows]
    assert means == sorted(means) and means[0] < means[-1]
    for row in rows:
        assert (root / row['image']).is_file()
        share = (mask(root / row['mask']) != 255).mean()
        assert float(row['confident_share']) == pytest.approx(share, abs=1e-6)


def test_masks_can_be_trained_on(labeled, tmp_path):
    """Labels of a teacher take the place of annotations."""
    root, _ = labeled
    dataset = 'train_dataloader.dataset.datasets.0'
    runner = train(
        tmp_path,
        SUPERVISED,
        **{
            f'{dataset}.data_root': str(root),
            f'{dataset}.data_prefix.img_path': 'images',
            f'{dataset}.data_prefix.seg_map_path': 'out/masks',
            f'{dataset}.ann_file': '',
            'train_cfg.max_iters': 2,
        },
    )
    assert runner.iter == 2
    assert len(runner.train_dataloader.dataset) == 6


def test_the_snippet_of_the_document_reads_them(
    labeled, tmp_path, monkeypatch
):
    """Images of several suffixes, one of which has no mask."""
    images = tmp_path / 'data/camvid/images/val'
    shutil.copytree(labeled[0] / 'images', images)
    first = images / 'im_0.png'
    cv2.imwrite(str(images / 'street.JPG'), cv2.imread(str(first)))
    first.write_bytes(b'')
    shutil.copy(labeled[0] / 'w.pth', tmp_path)
    done = label(tmp_path, images=images, out='labeled')
    assert done.returncode == 1 and 'im_0.png: is empty' in done.stdout
    text = (ROOT / 'docs' / 'deploy.md').read_text('utf-8')
    snippet = re.findall(r'```python\n(.*?)```', text, re.DOTALL)[2]
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(snippet, found)
    names = sorted(path.name for path in images.iterdir())
    names.remove('im_0.png')
    dataset = found['dataset']
    assert len(dataset) == len(names) == 6
    for item, name in zip(dataset, names, strict=True):
        assert item['img_path'].endswith(name)
        np.testing.assert_array_equal(
            item['gt_seg_map'],
            mask((tmp_path / 'labeled/masks' / name).with_suffix('.png')),
        )


def test_without_a_threshold_every_pixel_has_a_class(labeled):
    root, _ = labeled
    assert label(root, out='all').returncode == 0
    assert not (root / 'all/confidence').exists()
    for path in (root / 'all/masks').iterdir():
        certain = mask(root / 'out/masks' / path.name)
        np.testing.assert_array_equal(
            mask(path)[certain != 255], certain[certain != 255]
        )
        assert mask(path).max() <= 2


def test_settings_and_names_are_checked_first(labeled, tmp_path):
    root = tmp_path / 'copy'
    shutil.copytree(labeled[0], root)
    settings = '--threshold', '0.6', '--confidence', '16'
    # Folders have moved: the journal is of another one.
    with pytest.raises(FileExistsError, match='images was'):
        label(root, *settings)
    assert label(root, *settings, '--overwrite').returncode == 0
    again = label(root, *settings)
    assert '6 images, 6 of them finished' in again.stdout
    with pytest.raises(FileExistsError, match='threshold was 0.6 and is 0.7'):
        label(root, '--threshold', '0.7', '--confidence', '16')
    beyond = label(root, '--threshold', '96')
    assert beyond.returncode == 2 and 'from 0 to 1' in beyond.stdout
    shutil.copy(root / 'images/im_0.png', root / 'images/im_0.bmp')
    with pytest.raises(ValueError, match='im_0.bmp and im_0.png'):
        label(root)
