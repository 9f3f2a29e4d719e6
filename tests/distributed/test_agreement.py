"""Ranks with different configs say so; the state of the first is for all."""

import io
import subprocess
import sys
from contextlib import redirect_stdout

import pytest
import torch
from mmengine.config import Config
from ranks import run_ranks
from support import environment, load, tiny_config
from torch import nn

from mmseg_classmix.distributed import prepare_distributed
from mmseg_classmix.distributed.agreement import compare_config, share_state
from mmseg_classmix.distributed.plain_config import plain
from mmseg_classmix.distributed.process_group import start_process_group
from mmseg_classmix.engine.runner import ClassMixRunner

LAUNCH = dict(launcher='pytorch')
CONFIG = dict(
    model=dict(type='A', heads=[dict(size=1), dict(size=2)]),
    train_cfg=dict(max_iters=4),
    data_root='/here/data',
    load_from=None,
)


def disagreement(check, *arguments, ranks=3):
    """What check(arguments[rank]) raises: one message for all, or None."""

    def work(rank):
        start_process_group(Config(LAUNCH))
        check(arguments[rank])

    outcomes = run_ranks(work, ranks=ranks)
    assert len({str(outcome) for outcome in outcomes}) == 1, outcomes
    if outcomes[0] is None:
        return None
    assert {type(outcome) for outcome in outcomes} == {ValueError}
    return str(outcomes[0])


def changed(**options):
    cfg = Config(CONFIG)
    cfg.merge_from_dict(options)
    return cfg


def configs(*changes):
    return [changed(**change) for change in changes]


@pytest.mark.parametrize(
    ('changes', 'key', 'values', 'odd'),
    [
        (({}, {'train_cfg.max_iters': 5}), 'train_cfg.max_iters', '45', 1),
        (({}, {'model.heads.1.size': 7}), 'model.heads.1.size', '27', 1),
        (({}, {'data_root': '/here/other'}), 'data_root', ('data', 'oth'), 1),
        (({}, {'load_from': 'x.pth'}), 'load_from', ('None', 'x.pth'), 1),
        (({}, {'seed': 3}), 'seed', ('missing', '3'), 1),
        (({}, {}, {'model.type': 'B'}), 'model.type', 'AB', 2),
        # Two against one: rank 0 is the odd one.
        (({'model.type': 'B'}, {}, {}), 'model.type', 'AB', 0),
    ],
)
def test_another_config_names_rank_key_and_values(changes, key, values, odd):
    message = disagreement(
        compare_config, *configs(*changes), ranks=len(changes)
    )
    assert f'{key} is ' in message
    usual = message.index(values[0], message.index(key) + len(key))
    assert usual < message.index(values[1], usual)
    assert message.index(f'rank {0 if odd else 1} (') < message.index(
        f'rank {odd} ('
    )
    assert '--cfg-options' in message


def test_hosts_may_keep_things_elsewhere():
    own = dict(work_dir='b', local_rank=1, data_root='/there/on/b/data')
    assert disagreement(compare_config, *configs({}, own), ranks=2) is None


TEXTS = """
from functools import partial
from mmengine.config import Config
from mmseg_classmix.distributed.plain_config import flatten, plain
class Thing: pass
values = [{'abc', 'bcd', 'cde', 'def'}, Thing, Thing.__init__, len]
values += [partial(lambda x: x, Thing()), {(frozenset('xyz'), Thing)}]
print(list(flatten(plain(dict(values=values)))))
"""


def test_sets_and_functions_have_one_text_in_all_processes():
    done = subprocess.run(
        [sys.executable, '-c', TEXTS],
        env=environment(PYTHONHASHSEED=1),
        check=True,
        capture_output=True,
        text=True,
    )
    # The seed of this process is another, or random.
    here = io.StringIO()
    with redirect_stdout(here):
        exec(TEXTS, dict(__name__='__main__'))  # noqa: S102
    assert done.stdout.endswith(here.getvalue())
    assert "['abc', 'bcd', 'cde', 'def']" in done.stdout
    assert '__main__.Thing' in done.stdout and 'builtins.len' in done.stdout


def test_all_ranks_get_the_state_of_the_first():
    def work(rank):
        start_process_group(Config(LAUNCH))
        torch.manual_seed(rank)
        net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        optimizer = torch.optim.Adam(net.parameters())
        net(torch.randn(4, 2)).square().sum().backward()
        optimizer.step()
        before = plain([net.state_dict(), optimizer.state_dict()])
        share_state(net, optimizer, 7)
        return before, plain([net.state_dict(), optimizer.state_dict()])

    first, second = run_ranks(work)
    assert second[0] != first[0]
    assert second[1] == first[1] == first[0]


def test_another_iteration_is_refused():
    message = disagreement(
        lambda i: share_state(nn.Linear(1, 1), None, i), 0, 500, ranks=2
    )
    assert 'rank 0' in message.split('has iteration 0, but rank 1')[0]
    assert '500' in message and 'work_dir' in message


def train_from(rank, work_dir, files):
    half = 'train_dataloader.batch_size', 'train_dataloader.sampler.batch_size'
    options = {'train_cfg.max_iters': 1, 'optim_wrapper.optimizer.lr': 0.0}
    cfg = tiny_config(work_dir, **dict.fromkeys(half, 2), **options)
    cfg.launcher = 'pytorch'
    prepare_distributed(cfg)
    # As where two hosts have other files in one place.
    cfg.load_from = str(files[rank])
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    return plain(runner.model.module.state_dict())


def test_ranks_that_load_other_files_train_the_same(tmp_path, finished):
    files = [finished / 'iter_1.pth', finished / 'iter_4.pth']
    first, second = run_ranks(train_from, tmp_path, files)
    assert first == second
    weight = 'student.decode_head.branches.0.weight'
    expected = load(files[0])['state_dict'][weight]
    assert first[weight] == expected.tolist()
