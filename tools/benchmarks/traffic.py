"""What the processes of a training send to each other, and how long it takes.

Functions of torch.distributed are wrapped from outside, and the gradients of
DDP are reduced by a hook that does what DDP does; the training itself is not
changed. Each call becomes a record (iteration, kind, bytes, start, seconds).
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

KINDS = ('gradients', 'batch-norm statistics', 'mixing', 'all else')
GRADIENTS, STATISTICS, MIXING, OTHER = KINDS


@HOOKS.register_module()
class Traffic(Hook):
    """Record the iterations of a training into ``work_dir/traffic_RANK``.

    Bytes are those of the tensors that a process hands over to be sent.
    Seconds are those that the process stands still in a call, or in the wait
    for what it has started; for gradients from the moment that a bucket is
    full to its arrival, while the backward pass goes on.
    """

    # Around everything that other hooks send.
    priority = 'HIGHEST'

    def before_train(self, runner: Runner) -> None:
        """Wrap what can send."""
        self._records, self._iterations = [], []
        dist.all_reduce = self._wrapped(dist.all_reduce, _kind_of_caller)
        dist.all_gather = self._wrapped(dist.all_gather, _other)
        dist.broadcast = self._wrapped(dist.broadcast, _other)
        dist.all_gather_object = self._wrapped(dist.all_gather_object, _other)
        dist.batch_isend_irecv = self._wrapped(
            dist.batch_isend_irecv, lambda: MIXING
        )
        runner.model.register_comm_hook(None, self._reduce)

    def before_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Start an iteration when all processes are there."""
        self._barrier()
        self._written = bytes_written()
        self._start = time.perf_counter()

    def after_iteration(self) -> None:
        """End an iteration; :class:`TrafficEnd` calls it last of all."""
        seconds = time.perf_counter() - self._start
        written = bytes_written() - self._written
        self._iterations.append(dict(seconds=seconds, written=written))

    def after_train(self, runner: Runner) -> None:
        """Write the file."""
        content = dict(iterations=self._iterations, records=self._records)
        path = Path(runner.work_dir) / f'traffic_{runner.rank}'
        path.write_text(json.dumps(content))

    _barrier = staticmethod(dist.barrier)
    _all_reduce = staticmethod(dist.all_reduce)

    def _record(self, kind: str, num_bytes: int) -> dict:
        entry = dict(
            iteration=len(self._iterations),
            kind=kind,
            bytes=num_bytes,
            start=time.perf_counter(),
            seconds=0.0,
        )
        self._records.append(entry)
        return entry

    def _wrapped(self, function: Callable, kind: Callable) -> Callable:
        def call(first: Any, *args: Any, **kwargs: Any) -> Any:
            entry = self._record(kind(), _num_bytes(first))
            result = function(first, *args, **kwargs)
            _add_time(entry, entry['start'])
            if isinstance(result, list):
                return [_Waiting(work, entry) for work in result]
            return result and _Waiting(result, entry)

        return call

    def _reduce(
        self, state: None, bucket: dist.GradBucket
    ) -> torch.futures.Future[torch.Tensor]:
        entry = self._record(GRADIENTS, _num_bytes(bucket.buffer()))

        def arrived(future: Any) -> Any:
            _add_time(entry, entry['start'])
            return future.value()[0]

        mean = bucket.buffer().div_(dist.get_world_size())
        work = self._all_reduce(mean, async_op=True)
        return work.get_future().then(arrived)


@HOOKS.register_module()
class TrafficEnd(Hook):
    """The end of an iteration, after all other hooks."""

    priority = 'LOWEST'

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """End the iteration."""
        for hook in runner.hooks:
            if isinstance(hook, Traffic):
                hook.after_iteration()


class _Waiting:
    """A request whose wait counts as time of its call."""

    def __init__(self, work: Any, entry: dict) -> None:
        self._work, self._entry = work, entry

    def wait(self, *args: Any) -> Any:
        start = time.perf_counter()
        result = self._work.wait(*args)
        _add_time(self._entry, start)
        return result


def _add_time(entry: dict, start: float) -> None:
    entry['seconds'] += time.perf_counter() - start


def _other() -> str:
    return OTHER


def _kind_of_caller() -> str:
    """Only synchronized batch norm uses the differentiable all_reduce."""
    caller = sys._getframe(2).f_globals['__name__']
    return STATISTICS if caller == 'torch.distributed.nn.functional' else OTHER


def _num_bytes(sent: Any) -> int:
    """Bytes of a tensor, or of the sending part of a batch of requests."""
    if isinstance(sent, list):
        sends = [op for op in sent if getattr(op, 'op', None) is dist.isend]
        return sum(op.tensor.nbytes for op in sends)
    return getattr(sent, 'nbytes', 0)


def bytes_written() -> int:
    """Bytes that this process has written, as the system counts them."""
    with open('/proc/self/io') as file:
        return int(dict(line.split(': ') for line in file)['wchar'])
