"""All processes train the same thing, checked before the first iteration."""

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch.nn.parallel import DistributedDataParallel

from mmseg_classmix.distributed.rank_agreement import check_data, check_start


@HOOKS.register_module()
class RankAgreementHook(Hook):
    """Compare data, iteration and weights over the processes.

    Their configs are compared earlier, by ``prepare_distributed`` of
    tools/train.py. With one process nothing happens. Weights are compared
    where every process holds them all (``DistributedDataParallel``).
    """

    # Another check may stop one process only.
    priority = 'HIGHEST'

    def before_train(self, runner: Runner) -> None:
        """Compare.

        Raises:
            ValueError: On every process, see ``check_data`` and
                ``check_start``.
        """
        if get_world_size() == 1:
            return
        check_data(runner.train_dataloader.dataset, 'train_dataloader.dataset')
        if runner.val_loop is not None:
            check_data(runner.val_dataloader.dataset, 'val_dataloader.dataset')
        if isinstance(runner.model, DistributedDataParallel):
            check_start(runner.model, runner.iter)
