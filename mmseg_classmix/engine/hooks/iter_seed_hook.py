"""Random numbers that follow from the iteration."""

import random

import numpy as np
import torch
from mmengine.device import get_device
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.mixing.seeding import derive_seed


@HOOKS.register_module()
class IterSeedHook(Hook):
    """Reseed every iteration from (seed, rank, iteration).

    No state of a random generator is in a checkpoint of mmengine; with this
    hook a resumed run continues as if it had never stopped. Mixing is seeded
    without the rank, so that N processes mix like one.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Agree on the seed of the mixing (see ``diff_rank_seed``)."""
        seed = torch.tensor(runner.seed, device=get_device())
        broadcast(seed)
        self._mix_seed = int(seed)

    def before_train_iter(self, runner: Runner, *_, **__) -> None:
        """Seed random, numpy, torch and the mixing of the model."""
        seed = derive_seed('iter', runner.seed, runner.rank, runner.iter)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        model = unwrap(runner.model)
        if hasattr(model, 'mix_seed'):
            model.mix_seed = derive_seed('mix', self._mix_seed, runner.iter)
