"""Settings that cannot work are refused before anything is built."""

import shutil

import pytest
import torch
from error_table import ROWS, rows
from support import CLASSMIX, tiny_config, train

from mmseg_classmix.preflight.settings_check import check_settings

CASES = {
    'no iterations': ('train_cfg.max_iters', 0),
    'validation interval of 0': ('train_cfg.val_interval', 0),
    'learning rate is negative or no number': (
        'optim_wrapper.optimizer.lr',
        float('nan'),
    ),
    'momentum of the optimizer outside [0, 1]': (
        'optim_wrapper.optimizer.momentum',
        -0.9,
    ),
    'gradients accumulated over 0 iterations': (
        'optim_wrapper.accumulative_counts',
        0,
    ),
    'batch size of validation or test out of range': (
        'val_dataloader.batch_size',
        0,
    ),
    'negative number of workers': ('train_dataloader.num_workers', -1),
    'workers that are kept, but there are none': (
        'train_dataloader.persistent_workers',
        True,
    ),
    'size of the preprocessor out of range': (
        'model.segmentor.data_preprocessor.size',
        (32, 0),
    ),
    'mixed precision in a config without a GPU': (
        'optim_wrapper.type',
        'AmpOptimWrapper',
    ),
    'checkpoint to load is missing': ('load_from', 'no/such.pth'),
}


@pytest.mark.parametrize('case', rows(CASES))
def test_key_and_value_are_named(case, tmp_path, tiny_data):
    key, value = CASES[case]
    assert ROWS[case].found == 'start'
    if value == 'AmpOptimWrapper' and torch.cuda.is_available():
        pytest.skip('this machine has the GPU')
    cfg = tiny_config(tmp_path, CLASSMIX)
    check_settings(cfg)
    cfg.merge_from_dict({key: value})
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        check_settings(cfg)
    assert f'{key}={value!r}' in str(error.value)


def test_a_wrong_type_is_as_bad_as_a_wrong_value(tmp_path, tiny_data):
    for key, value in (
        ('train_cfg.max_iters', 2.5),
        ('train_cfg.max_iters', '4'),
        ('train_dataloader.num_workers', True),
        ('data_preprocessor.size', 32),
    ):
        cfg = tiny_config(tmp_path, CLASSMIX, **{key: value})
        with pytest.raises(ValueError, match=key):
            check_settings(cfg)


def test_a_start_that_is_not_needed_may_be_missing(finished, tmp_path):
    shutil.copy(finished / 'iter_3.pth', tmp_path)
    missing = {'load_from': 'no/such.pth'}
    cfg = tiny_config(tmp_path, CLASSMIX, resume=True, **missing)
    check_settings(cfg)
    assert train(tmp_path, resume=True, **missing).iter == 4
    with pytest.raises(FileNotFoundError, match='no/such.pth'):
        train(tmp_path / 'new', resume=True, **missing)
