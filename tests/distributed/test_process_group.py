"""Processes that are late, missing or lost."""

import os
import signal
import socket
import time

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from ranks import run_ranks, set_rank

from mmseg_classmix.distributed import lost_processes_explained
from mmseg_classmix.distributed.agreement import RankFlag
from mmseg_classmix.distributed.process_group import start_process_group


def config(**dist_cfg):
    return Config(dict(launcher='pytorch', env_cfg=dict(dist_cfg=dist_cfg)))


def start(rank, timeout):
    start_process_group(config(backend='nccl', timeout=timeout))


@pytest.mark.parametrize('rank', [0, 1])
def test_a_missing_process_is_an_error_after_the_timeout(rank):
    begin = time.monotonic()
    (error,) = run_ranks(start, 2, present=[rank])
    assert 2 <= time.monotonic() - begin < 100
    assert isinstance(error, TimeoutError)
    for words in (f'RANK={rank}', '2 s', 'env_cfg.dist_cfg.timeout'):
        assert words in str(error)


def test_a_process_may_be_late():
    def work(rank):
        time.sleep(2 * rank)
        start(rank, 60)
        ranks = torch.ones(())
        dist.all_reduce(ranks)
        return int(ranks)

    assert run_ranks(work) == [2, 2]


def test_the_timeout_holds_for_later_exchanges():
    def work(rank):
        start(rank, 2)
        # An exchange in a group of its own, on the CPU.
        flag = RankFlag(config(timeout=2))
        if rank == 1:
            time.sleep(7)
            return
        with pytest.raises(RuntimeError, match='2000ms'):
            flag.least(0)
        with lost_processes_explained():
            dist.all_reduce(torch.ones(()))

    begin = time.monotonic()
    error, _ = run_ranks(work)
    assert 'env_cfg.dist_cfg.timeout' in str(error)
    assert time.monotonic() - begin < 60


def test_a_killed_process_ends_the_other_at_once():
    def work(rank):
        start(rank, 600)
        dist.barrier()
        if rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(RuntimeError) as caught, lost_processes_explained():
            while True:
                dist.all_reduce(torch.ones(()))
        return time.monotonic() - begin, str(caught.value)

    (seconds, message), dead = run_ranks(work)
    assert dead is None
    assert seconds < 60
    assert 'rank 0 of 2' in message and '--resume' in message


def test_other_errors_stay_as_they_are():
    texts = [
        'mine',
        'DataLoader timed out after 5 seconds',
        'CUDA error: the launch timed out and was terminated',
    ]

    def work(rank):
        start(rank, 60)
        for text in texts:
            error = RuntimeError(text)
            with pytest.raises(RuntimeError) as caught:
                with lost_processes_explained():
                    raise error
            assert caught.value is error
        return 'all'

    assert run_ranks(work, ranks=1) == ['all']


def test_a_port_in_use_is_named():
    with socket.socket() as sock:
        sock.bind(('0.0.0.0', 0))
        sock.listen()
        port = sock.getsockname()[1]

        def work(rank):
            set_rank(rank, 2, port)
            start(rank, 5)

        (error,) = run_ranks(work, present=[0])
    assert type(error) is OSError
    assert 'port is in use' in str(error)
    assert f'MASTER_PORT={port}' in str(error)


@pytest.mark.parametrize('timeout', [0, -1, '10 min', True])
def test_a_timeout_that_is_no_time_is_refused(timeout):
    with pytest.raises(ValueError) as error:
        start_process_group(config(timeout=timeout))
    assert f'env_cfg.dist_cfg.timeout={timeout!r}' in str(error.value)
