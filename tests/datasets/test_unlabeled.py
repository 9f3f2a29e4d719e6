import cv2
import numpy as np
import pytest

from mmseg_classmix.datasets import UnlabeledDataset

LOAD = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]


@pytest.fixture
def folder(tmp_path):
    image = np.full((4, 6, 3), 7, np.uint8)
    for name in ('b.png', 'a.JPG', 'deep/er/c d.jpeg', 'ünï.bmp'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ok, data = cv2.imencode(path.suffix.lower(), image)
        path.write_bytes(data.tobytes())
    (tmp_path / 'images' / 'notes.txt').write_text('no image')
    return tmp_path


def paths(dataset, folder):
    root = f'{folder}/images/'
    return [
        dataset.get_data_info(i)['img_path'].removeprefix(root)
        for i in range(len(dataset))
    ]


def make(folder, **kwargs):
    return UnlabeledDataset(
        data_root=str(folder),
        data_prefix=dict(img_path='images'),
        pipeline=LOAD,
        **kwargs,
    )


def test_folder_is_searched_recursively_for_several_suffixes(folder):
    dataset = make(folder)
    expected = ['a.JPG', 'b.png', 'deep/er/c d.jpeg', 'ünï.bmp']
    assert paths(dataset, folder) == expected


def test_samples_have_no_mask(folder):
    sample = make(folder)[2]
    assert sample['inputs'].shape == (3, 4, 6)
    assert 'gt_sem_seg' not in sample['data_samples']


def test_list_names_images_with_or_without_suffix(folder):
    (folder / 'list.txt').write_text('deep/er/c d\r\nb.png\n\n')
    dataset = make(folder, ann_file='list.txt')
    assert paths(dataset, folder) == ['deep/er/c d.jpeg', 'b.png']


def test_one_suffix_may_be_given(folder):
    assert paths(make(folder, img_suffix='.png'), folder) == ['b.png']


def test_given_suffix_keeps_its_case(folder):
    # As Cityscapes names its images.
    image = folder / 'images' / 'city' / 'a_leftImg8bit.png'
    image.parent.mkdir()
    image.write_bytes((folder / 'images' / 'b.png').read_bytes())
    (folder / 'list.txt').write_text('city/a\n')
    suffix = '_leftImg8bit.png'
    dataset = make(folder, ann_file='list.txt', img_suffix=suffix)
    assert paths(dataset, folder) == ['city/a_leftImg8bit.png']
    dataset = make(folder, img_suffix=suffix)
    assert paths(dataset, folder) == ['city/a_leftImg8bit.png']
