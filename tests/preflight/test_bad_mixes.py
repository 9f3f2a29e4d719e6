"""Mixes that cannot work, refused before iteration 1."""

import pytest
from bad_config import missing_words, quick_config, source, train_broken
from error_table import ROWS, row, rows
from support import SUPERVISED

from mmseg_classmix.engine.runner import ClassMixRunner

# The classes of the tiny data set, two of them exchanged.
OTHER = dict(classes=('ground', 'disk', 'box'), palette=[[0] * 3] * 3)
NAMES = ["'ground', 'disk', 'box'", "'ground', 'box', 'disk'"]


def paste_labeled(cfg):
    cfg.model.batch_transforms[0].source = 'labeled'


def other_unlabeled(cfg, _):
    paste_labeled(cfg)
    source(cfg, 1).metainfo = OTHER


def other_validation(cfg, _):
    paste_labeled(cfg)
    cfg.val_dataloader.dataset.metainfo = OTHER


def second_mix(cfg, _):
    paste_labeled(cfg)
    cfg.model.batch_transforms.append(dict(type='CutMix'))


def other_source(cfg, _):
    cfg.model.batch_transforms[0].source = 'target'


CASES = {
    'labels are pasted on images of other classes': [
        (other_unlabeled, ['train_dataloader.dataset.datasets[1]', *NAMES]),
        (other_validation, ['val_dataloader.dataset', *NAMES]),
    ],
    'mix after one that pastes labeled images': [
        (second_mix, ['model.batch_transforms', 'last', 'labeled, unlabeled'])
    ],
    'unknown source of a mix': [
        (other_source, ['model.batch_transforms', "'target'", 'labeled'])
    ],
}


@pytest.mark.parametrize('name', rows(CASES))
def test_message_names_value_and_place(name, tmp_path, tiny_data):
    assert ROWS[name].found == 'start'
    for i, (change, words) in enumerate(CASES[name]):
        with pytest.raises(ValueError) as error:
            train_broken(tmp_path / str(i), change, tiny_data)
        assert missing_words(error, words) == []


def test_in_one_domain_names_may_be_spelled_in_two_ways(tmp_path):
    cfg = quick_config(tmp_path, **{'train_cfg.max_iters': 1})
    cfg.val_dataloader.dataset.metainfo = OTHER
    ClassMixRunner.from_cfg(cfg).train()


@row('`SampleMix` outside `MultiImageMixDataset`')
def test_samples_that_have_no_partner(tmp_path):
    cfg = quick_config(tmp_path, SUPERVISED)
    step = dict(type='SampleMix', mix=dict(type='ClassMix'))
    source(cfg, 0).pipeline.insert(2, step)
    with pytest.raises(ValueError) as error:
        ClassMixRunner.from_cfg(cfg).train()
    words = ['datasets[0].pipeline[2]', 'MultiImageMixDataset', 'im_']
    assert missing_words(error, words) == []
