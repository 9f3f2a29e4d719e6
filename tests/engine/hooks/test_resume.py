"""A run that was killed with kill -9 ends as if it never had been."""

import pytest
from resume_support import assert_same
from support import TINY, load
from tool_process import arguments_for, run_tool, write_config

CONFIG = TINY / 'tiny_resume.py'
END = 6


@pytest.mark.parametrize(
    ('ranks', 'workers', 'stage', 'at'),
    [
        (1, 2, 'before_save_checkpoint', 3),
        (2, 2, 'before_train_iter', 3),
        pytest.param(2, 0, 'after_train_iter', 2, marks=pytest.mark.slow),
    ],
)
def test_kill_and_resume_changes_no_bit(
    uninterrupted, tmp_path, ranks, workers, stage, at
):
    settings = dict(ranks=ranks, workers=workers)
    kill = dict(type='SignalHook', number='SIGKILL', stage=stage, at=at)
    killed = write_config(tmp_path / 'killed.py', CONFIG, [kill])
    arguments = arguments_for(tmp_path, **settings)
    options = dict(cwd=tmp_path, ranks=ranks)
    run_tool('train.py', killed, *arguments, codes=[-9], **options)
    saved = sorted(path.name for path in tmp_path.glob('iter_*.pth'))
    assert saved and f'iter_{END}.pth' not in saved
    # What a kill can leave behind: mmengine does not write it atomically.
    (tmp_path / 'last_checkpoint').write_text('')

    arguments = arguments_for(tmp_path, '--resume', **settings)
    output = run_tool('train.py', CONFIG, *arguments, **options)
    assert f'Resuming from {tmp_path / saved[-1]}' in output
    resumed = load(tmp_path / f'iter_{END}.pth')
    whole = uninterrupted(ranks)
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert_same(resumed[part], whole[part], part)
    assert_same(resumed['message_hub'], whole['message_hub'])
    losses = whole['message_hub']['log_scalars']['train/loss']['log']
    assert len(losses) == END and len(set(losses.tolist())) == END
