import gc
import os
import shutil

import pytest
import torch
from mmseg.utils import register_all_modules
from support import ROOT, train, write_tiny_data
from torch.utils.data import _utils

torch.set_num_threads(1)
# Workers that the garbage collector stops do not hear of it and are killed
# after this time, in seconds; 5 of each by default.
_utils.MP_STATUS_CHECK_INTERVAL = 0.2


@pytest.fixture(scope='session', autouse=True)
def default_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture(autouse=True)
def frozen_objects():
    """mmengine collects garbage for every dataset: only what is new."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def tiny_data(tmp_path_factory):
    """Folder of a tiny data set, which tests/configs find."""
    root = tmp_path_factory.mktemp('tiny_data')
    write_tiny_data(root)
    os.environ['TINY_DATA'] = str(root)
    return root


@pytest.fixture
def own_data(tmp_path, tiny_data, monkeypatch):
    """Folder of a copy of the tiny data set, which tests/configs find."""
    root = tmp_path / 'own data'
    shutil.copytree(tiny_data, root)
    monkeypatch.setenv('TINY_DATA', str(root))
    return root


@pytest.fixture(scope='session')
def finished(tmp_path_factory):
    """Folder of a finished run of 4 iterations, every checkpoint kept."""
    work_dir = tmp_path_factory.mktemp('finished')
    options = {
        'default_hooks.checkpoint.interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
        'train_cfg.val_interval': 4,
    }
    train(work_dir, **options)
    return work_dir


@pytest.fixture(scope='session')
def camvid():
    """Folder of CamVid, a data set that the project may not ship."""
    root = ROOT / 'data' / 'camvid'
    if not (root / 'images' / 'train').is_dir():
        pytest.skip(f'needs the real images of CamVid in {root}')
    return root
