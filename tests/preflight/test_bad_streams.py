"""Wrong folders and lists of the two streams, refused before iteration 1."""

from copy import deepcopy

import pytest
from bad_config import (
    missing_words,
    set_value,
    source,
    train_broken,
    write_list,
)
from error_table import ROWS, rows
from mmengine.config import ConfigDict
from other_models import PIDNET

DATASETS = 'train_dataloader.dataset.datasets'


def mask_unlabeled(cfg, root):
    unlabeled = source(cfg, 1)
    unlabeled.clear()
    unlabeled.update(source(cfg, 0))


def unmask_labeled(cfg, root):
    labeled = source(cfg, 0)
    masked = dict(type='LoadAnnotations')
    labeled.pipeline = [t for t in labeled.pipeline if t != masked]


def no_edges(cfg, root):
    for key, part in PIDNET.items():
        cfg.model.segmentor[key] = ConfigDict(part)
    cfg.model.segmentor.decode_head.num_classes = 3


def empty_folder(cfg, root):
    (root / 'nothing').mkdir(exist_ok=True)
    source(cfg, 1).data_prefix.img_path = 'nothing'


def no_classes(cfg, root):
    source(cfg, 0).metainfo = dict()


def hide_masks(cfg, root):
    unlabeled = source(cfg, 1)
    unlabeled.data_prefix.seg_map_path = 'masks'
    unlabeled.eval_pseudo_labels = True


def hide_some_masks(cfg, root):
    datasets = cfg.train_dataloader.dataset.datasets
    parts = [deepcopy(datasets[1]), datasets[1]]
    hide_masks(cfg, root)
    datasets[1] = dict(type='ConcatDataset', datasets=parts)


def number_masks_differently(cfg, root):
    hide_masks(cfg, root)
    datasets = cfg.train_dataloader.dataset.datasets
    parts = [datasets[0], dict(datasets[0], ignore_index=99)]
    datasets[0] = dict(type='ConcatDataset', datasets=parts)


def listed(index, data):
    """Return a change that lists these bytes, in a folder of its own."""

    def change(cfg, root):
        folder = root / 'lists'
        folder.mkdir(exist_ok=True)
        write_list(folder, index, data)(cfg, root)
        path = folder / source(cfg, index).ann_file
        source(cfg, index).ann_file = str(path)

    return change


CASES = {
    'masks in the unlabeled stream': (
        mask_unlabeled,
        ['datasets[1]', 'masks', 'LoadAnnotations'],
    ),
    'no masks in the labeled stream': (
        unmask_labeled,
        ['datasets[0]', 'mask', 'LoadAnnotations'],
    ),
    'no edges in the labeled stream of a PIDNet': (
        no_edges,
        ['datasets[0]', 'gt_edge_map', 'GenerateEdge', 'PackSegInputs'],
    ),
    'hidden masks for some unlabeled data sets only': (
        hide_some_masks,
        ['datasets[1].datasets[0]', 'datasets[1].datasets[1]', 'for none'],
    ),
    'labeled data sets that number masks differently, and hidden masks': (
        number_masks_differently,
        ['datasets[0].datasets[1]', 'ignore_index', 'label_map='],
    ),
    'folder of masks for unlabeled images': (
        set_value(f'{DATASETS}.1.data_prefix.seg_map_path', 'masks'),
        ['seg_map_path', 'no masks'],
    ),
    'labeled data set without classes': (
        no_classes,
        ['datasets[0]', 'metainfo'],
    ),
    'unlabeled folder without an image': (
        empty_folder,
        ['nothing', 'datasets[1]', 'data_prefix', 'img_suffix'],
    ),
    'unlabeled folder is missing': (
        set_value(f'{DATASETS}.1.data_prefix.img_path', 'gone'),
        ['gone', 'data_prefix'],
    ),
    'labeled folder is missing': (
        set_value(f'{DATASETS}.0.data_prefix.seg_map_path', 'gone'),
        ['gone', 'datasets[0]', 'data_prefix.seg_map_path'],
    ),
    'labeled list is empty': (
        listed(0, ''),
        ['list_0.txt', 'datasets[0]', 'ann_file'],
    ),
    'unlabeled list is empty': (listed(1, ''), ['list_1.txt', 'ann_file']),
    'labeled list is missing': (
        set_value(f'{DATASETS}.0.ann_file', 'no.txt'),
        ['no.txt', 'ann_file'],
    ),
    'unlabeled list is missing': (
        set_value(f'{DATASETS}.1.ann_file', 'no.txt'),
        ['no.txt', 'ann_file'],
    ),
    'labeled list names an image that does not exist': (
        listed(0, 'im_0\nim_99\n'),
        ['datasets[0]', 'im_99.png', 'list_0.txt', 'check_dataset.py'],
    ),
    'unlabeled list names an image that does not exist': (
        listed(1, 'im_0\nim_99\n'),
        ['im_99', 'list_1.txt'],
    ),
    'list names an image twice': (
        listed(0, 'im_0\nim_1\nim_0\n'),
        ['datasets[0]', 'im_0.png', 'twice', 'list_0.txt'],
    ),
    'labeled list starts with a byte order mark': (
        listed(0, b'\xef\xbb\xbfim_0\nim_1\n'),
        ['list_0.txt', 'datasets[0].ann_file', 'without BOM'],
    ),
    'labeled list has a blank line': (
        listed(0, 'im_0\n\nim_1\n'),
        ['list_0.txt', 'datasets[0].ann_file', 'line 2'],
    ),
    'list is no UTF-8 text': (
        listed(1, 'im_0\nM\u00fcnchen\n'.encode('latin-1')),
        ['list_1.txt', 'line 2', '0xfc', 'UTF-8'],
    ),
}


@pytest.mark.parametrize('case', rows(CASES))
def test_message_names_value_and_place(case, tmp_path, tiny_data):
    change, words = CASES[case]
    assert ROWS[case].found == 'start'
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        train_broken(tmp_path / 'run', change, tiny_data)
    assert missing_words(error, words) == []
