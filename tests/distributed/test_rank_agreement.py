"""Ranks with different configs say so, all of them."""

import subprocess
import sys

import pytest
from mmengine.config import Config
from ranks import run_ranks
from support import environment

from mmseg_classmix.distributed.process_group import start_process_group
from mmseg_classmix.distributed.rank_agreement import check_config

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
        check_config, *configs(*changes), ranks=len(changes)
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
    assert disagreement(check_config, *configs({}, own), ranks=2) is None


TEXTS = """
from functools import partial
from mmengine.config import Config
from mmseg_classmix.distributed.config_text import flatten, plain
class Thing: pass
values = [{'abc', 'bcd', 'cde', 'def'}, Thing, Thing.__init__, len]
values += [partial(lambda x: x, Thing()), {(frozenset('xyz'), Thing)}]
print(list(flatten(plain(dict(values=values)))))
"""


def test_sets_and_functions_have_one_text_in_all_processes():
    texts = {
        subprocess.run(
            [sys.executable, '-c', TEXTS],
            env=environment(PYTHONHASHSEED=seed),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in (1, 2)
    }
    (text,) = texts
    assert "['abc', 'bcd', 'cde', 'def']" in text
    assert '__main__.Thing' in text and 'builtins.len' in text
