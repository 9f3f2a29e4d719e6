"""Validation of student and teacher in one pass over the images."""

import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import LOOPS
from mmengine.runner import Runner, ValLoop
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader

from mmseg_classmix.distributed.unwrap import unwrap


@LOOPS.register_module()
class TeacherStudentValLoop(ValLoop):
    """Evaluate both networks; every image is read once.

    Metrics are named ``student/NAME`` and ``teacher/NAME``, as plain floats,
    so that a checkpoint with the best score loads with ``weights_only``.

    Args:
        runner: The runner.
        dataloader: Validation loader or its config.
        evaluator: Config of the metrics; each network gets its own.
        fp16: Whether to predict under autocast.

    Raises:
        ValueError: If the evaluator is already built.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: dict | list,
        fp16: bool = False,
    ) -> None:
        if isinstance(evaluator, Evaluator):
            raise ValueError(
                'TeacherStudentValLoop needs val_evaluator as a config: it '
                'builds one for each network'
            )
        super().__init__(runner, dataloader, evaluator, fp16)
        teacher = runner.build_evaluator(evaluator)
        teacher.dataset_meta = self.evaluator.dataset_meta
        self.evaluators = dict(student=self.evaluator, teacher=teacher)

    def run(self) -> dict[str, float]:
        """Validate.

        Returns:
            Metrics of both networks.
        """
        self.runner.call_hook('before_val')
        self.runner.call_hook('before_val_epoch')
        self.runner.model.eval()
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        size = len(self.dataloader.dataset)
        metrics = {}
        for name, evaluator in self.evaluators.items():
            self.runner.logger.info(f'Results of the {name}:')
            for key, value in evaluator.evaluate(size).items():
                metrics[f'{name}/{key}'] = float(value)
        self.runner.call_hook('after_val_epoch', metrics=metrics)
        self.runner.call_hook('after_val')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Evaluate one batch with both networks.

        Args:
            idx: Number of the batch.
            data_batch: Batch of the loader.
        """
        self.runner.call_hook(
            'before_val_iter', batch_idx=idx, data_batch=data_batch
        )
        model = self.runner.model
        segmentor = unwrap(model)
        # Hooks see the network that predicts: it goes last.
        for name in sorted(
            self.evaluators, key=lambda n: n == segmentor.predict_on
        ):
            with segmentor.predicting_on(name), autocast(enabled=self.fp16):
                outputs = model.val_step(data_batch)
            self.evaluators[name].process(
                data_samples=outputs, data_batch=data_batch
            )
        self.runner.call_hook(
            'after_val_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs,
        )
