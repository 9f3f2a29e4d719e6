"""Which hooks a run has, whoever builds its runner."""

from pathlib import Path

import mmseg
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from support import CLASSMIX, ROOT, SUPERVISED, load, tiny_config
from tool_process import run_python

from mmseg_classmix.engine.hooks import PreemptionHook
from mmseg_classmix.engine.runner import (
    HOOKS_OF_EVERY_RUN,
    ClassMixRunner,
    build_runner,
)

STOCK = Path(mmseg.__file__).parent / '.mim' / 'tools'


@HOOKS.register_module()
class OwnPreemptionHook(Hook):
    """What a user may put in the place of one of ours."""


def hook_names(cfg):
    return [type(hook).__name__ for hook in build_runner(cfg).hooks]


@pytest.mark.parametrize('config', [CLASSMIX, SUPERVISED])
def test_every_run_has_what_no_user_chooses(tmp_path, config):
    cfg = tiny_config(tmp_path, config)
    # A config of somebody else.
    cfg.pop('default_hooks')
    cfg.pop('runner_type')
    names = hook_names(cfg)
    wanted = ['IterTimerHook', 'CheckpointHook', *HOOKS_OF_EVERY_RUN.values()]
    assert {name: names.count(name) for name in wanted} == dict.fromkeys(
        wanted, 1
    )


def test_the_hooks_of_a_config_take_the_place_of_ours(tmp_path):
    options = {
        'default_hooks.resume': dict(priority='LOWEST'),
        'default_hooks.preemption': dict(type='OwnPreemptionHook'),
        'default_hooks.iter_seed': None,
        'default_hooks.non_finite': None,
        'default_hooks.timer': None,
    }
    cfg = tiny_config(tmp_path, **options)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='IterSeedHook')]
    names = hook_names(cfg)
    assert names[-1] == 'ResumeHook'
    once = {'ResumeHook', 'OwnPreemptionHook', 'IterSeedHook'}
    assert {name: names.count(name) for name in once} == dict.fromkeys(once, 1)
    assert not {'PreemptionHook', 'NonFiniteHook', 'IterTimerHook'} & {*names}


def test_hooks_may_be_built_already(tmp_path):
    hook = PreemptionHook()
    runner = ClassMixRunner.from_cfg(tiny_config(tmp_path))
    runner._hooks = []
    runner.register_hooks(None, [hook])
    assert [h for h in runner.hooks if isinstance(h, PreemptionHook)] == [hook]


def test_the_tools_of_mmseg_train_and_test_the_same(tmp_path, finished):
    """In real processes, by the scripts that mmseg ships."""
    folder = ('--work-dir', tmp_path)
    every = ('--cfg-options', 'default_hooks.checkpoint.interval=2')
    tool, path = STOCK / 'train.py', str(ROOT)
    done = run_python(tool, CLASSMIX, *folder, *every, PYTHONPATH=path)
    assert done.returncode == 0, done.stdout
    weights, expected = (
        load(folder / 'iter_4.pth')['state_dict']
        for folder in (tmp_path, finished)
    )
    assert all(torch.equal(weights[key], expected[key]) for key in expected)
    tool, checkpoint = STOCK / 'test.py', tmp_path / 'iter_4.pth'
    done = run_python(tool, CLASSMIX, checkpoint, *folder, PYTHONPATH=path)
    assert done.returncode == 0, done.stdout
    assert 'mIoU' in done.stdout
    # The config of another network, in the runner of mmengine.
    other = (tool, SUPERVISED, checkpoint, *folder)
    done = run_python(*other, PYTHONPATH=path)
    assert done.returncode == 1
    assert 'the checkpoint is of another network' in done.stdout
