"""The same image in two streams is legal, and said."""

import logging

import pytest
from bad_config import problems_of, quick_config
from bad_data import check
from error_table import ROWS, row
from mmengine.logging import MMLogger
from support import CLASSMIX, SUPERVISED

from mmseg_classmix.engine.runner import build_runner


@pytest.fixture
def log():
    """Warnings of mmengine's current logger."""
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def share(cfg):
    """All images of the train set are unlabeled ones."""
    unlabeled = cfg.train_dataloader.dataset.datasets[1]
    unlabeled.data_prefix.img_path = 'images/train'


@row('image in the labeled and the unlabeled stream')
def test_labeled_images_among_the_unlabeled(own_data, tmp_path, log):
    found = ROWS['image in the labeled and the unlabeled stream']
    assert found.found == 'log' and found.check == 'yes'
    assert problems_of(tmp_path) == [] and log == []
    assert problems_of(tmp_path, share) == []
    (message,) = log
    for word in (
        '4 of the 4 images',
        'datasets[0]',
        'datasets[1]',
        str(own_data / 'images' / 'train' / 'im_0.png'),
        'make_splits.py',
    ):
        assert word in message
    config = own_data / 'config.py'
    config.write_text(
        f"_base_ = '{CLASSMIX}'\n"
        'unlabeled = _base_.unlabeled\n'
        "unlabeled.data_prefix.img_path = 'images/train'\n"
        'train_dataloader = dict(\n'
        '    dataset=dict(datasets=[_base_.labeled, unlabeled]))\n'
    )
    code, output = check(config)
    assert code == 1 and 'unlabeled: also in labeled: 4' in output
    code, output = check(config, '--allow-overlap')
    assert code == 0 and 'also in labeled' in output


@row('image in training and validation')
def test_validation_images_among_the_trained(own_data, tmp_path):
    cfg = quick_config(tmp_path / 'run', SUPERVISED)
    # Under another name: a link is the same image.
    link = own_data / 'images' / 'val' / 'im_9.png'
    link.symlink_to(own_data / 'images' / 'train' / 'im_2.png')
    (own_data / 'masks' / 'val' / 'im_9.png').symlink_to(
        own_data / 'masks' / 'train' / 'im_2.png'
    )
    cfg.train_cfg.max_iters = 1
    build_runner(cfg).train()
    (path,) = (tmp_path / 'run').glob('*/*.log')
    (line,) = (
        x
        for x in path.read_text().splitlines()
        if 'WARNING' in x and 'too good' in x
    )
    assert '1 of the 4 images of val_dataloader.dataset' in line
    assert str(own_data / 'images' / 'train' / 'im_2.png') in line
