"""The flag of the ranks waits no longer than the run allows."""

import time

from mmengine.config import Config
from ranks import run_ranks

from mmseg_classmix.distributed.process_group import start_process_group
from mmseg_classmix.distributed.rank_flag import RankFlag

CONFIG = Config(
    dict(launcher='pytorch', env_cfg=dict(dist_cfg=dict(timeout=3)))
)


def test_an_exchange_has_the_timeout_of_the_run():
    def work(rank):
        start_process_group(CONFIG)
        flag = RankFlag(CONFIG)
        if rank == 1:
            time.sleep(8)
        flag.least(0)

    begin = time.monotonic()
    error, _ = run_ranks(work)
    assert isinstance(error, RuntimeError)
    assert '3000ms' in str(error)
    assert time.monotonic() - begin < 60
