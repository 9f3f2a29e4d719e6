"""Checkpoints of nothing but tensors and plain values."""

from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.registry import HOOKS
from mmengine.runner import Runner


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Save the log of a run as tensors, and restore it on resume.

    mmengine pickles the history of losses as objects with methods, which
    ``torch.load(weights_only=True)`` refuses: mmengine 0.10.7 cannot resume
    its own checkpoints with torch 2.6 and later. With this hook every
    checkpoint loads with ``weights_only=True``.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn histories into tensors and numpy scalars into numbers."""
        hub = checkpoint.get('message_hub')
        if hub:
            checkpoint['message_hub'] = {k: _plain(v) for k, v in hub.items()}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn tensors into histories."""
        hub = checkpoint.get('message_hub')
        if hub:
            hub['log_scalars'] = {
                name: _history(value)
                for name, value in hub['log_scalars'].items()
            }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, HistoryBuffer):
        log, count = (torch.from_numpy(np.asarray(x)) for x in value.data)
        return dict(log=log, count=count, max_length=value.max_length)
    return value.item() if isinstance(value, np.generic) else value


def _history(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    log, count = (value[key].cpu().numpy() for key in ('log', 'count'))
    return HistoryBuffer(log, count, value['max_length'])
