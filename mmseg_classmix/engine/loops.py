"""Validation and test of both networks in one pass over the images."""

from contextlib import nullcontext

import numpy as np
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import LOOPS
from mmengine.runner import Runner, TestLoop, ValLoop
from mmengine.runner.amp import autocast
from mmseg.registry import METRICS
from torch.utils.data import DataLoader

from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.distributed.model_wrapper import unwrap
from mmseg_classmix.evaluation import ConfusionMatrix
from mmseg_classmix.evaluation.metrics import mean_scores, score_table

__all__ = ['TeacherStudentTestLoop', 'TeacherStudentValLoop']

BOTH = 'both'


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
        """Validate; returns the metrics of both networks."""
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
        """Evaluate one batch with both networks."""
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


@LOOPS.register_module()
class TeacherStudentTestLoop(TestLoop):
    """mmengine's loop, which also looks at the other network.

    The evaluator and hooks (masks, pictures) get the predictions of
    ``model.predict_on``, and metrics have their usual names. Where the model
    has two networks, both are compared class by class, and
    ``student/mIoU``, ``teacher/mIoU`` (aAcc, mAcc) are metrics too.

    Args:
        runner: The runner.
        dataloader: Test loader or its config.
        evaluator: Metrics or their config.
        fp16: Whether to predict under autocast.
        network: 'student' or 'teacher' tests that one alone, and predicts on
            it; 'both', or None: all that the model has.
        confusion_matrix: Picture to write, one matrix a network.

    Raises:
        ValueError: If the model has one network and another is asked for,
            or the classes cannot be compared because nothing is evaluated.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        fp16: bool = False,
        network: str | None = None,
        confusion_matrix: str | None = None,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        self.picture = confusion_matrix
        networks = self._choose(network)
        metrics = self.evaluator.metrics
        format_only = any(getattr(m, 'format_only', False) for m in metrics)
        if format_only and confusion_matrix:
            raise ValueError(
                'test_evaluator.format_only=True evaluates nothing: there is '
                'no confusion matrix (--confusion-matrix)'
            )
        # For one network IoUMetric prints the table itself.
        stock = any(isinstance(m, METRICS.get('IoUMetric')) for m in metrics)
        self.prints = len(networks) > 1 or not stock
        ignore_index = getattr(metrics[0], 'ignore_index', 255)
        self.matrices = {}
        if not format_only and (self.prints or confusion_matrix):
            self.matrices = {
                n: ConfusionMatrix(ignore_index) for n in networks
            }
        for matrix in self.matrices.values():
            matrix.dataset_meta = self.evaluator.dataset_meta

    def _choose(self, network: str | None) -> list[str]:
        model = unwrap(self.runner.model)
        if not hasattr(model, 'predicting_on'):
            if network is not None:
                raise ValueError(
                    f'--network {network}: {type(model).__name__} has one '
                    'network; leave the option out'
                )
            return ['']
        if network in NETWORKS:
            model.predict_on = network
            return [network]
        return list(NETWORKS)

    def run(self) -> dict[str, float]:
        """Test; returns the metrics of the evaluator and of networks."""
        if not self.matrices:
            return super().run()
        self.runner.call_hook('before_test')
        self.runner.call_hook('before_test_epoch')
        self.runner.model.eval()
        for idx, data_batch in enumerate(self.dataloader):
            self.run_iter(idx, data_batch)
        size = len(self.dataloader.dataset)
        metrics = self.evaluator.evaluate(size)
        matrices = {
            name: matrix.evaluate(size)['confusion_matrix']
            for name, matrix in self.matrices.items()
        }
        metrics = {**self._report(matrices), **metrics}
        self.runner.call_hook('after_test_epoch', metrics=metrics)
        self.runner.call_hook('after_test')
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Test one batch."""
        if not self.matrices:
            super().run_iter(idx, data_batch)
            return
        self.runner.call_hook(
            'before_test_iter', batch_idx=idx, data_batch=data_batch
        )
        model = unwrap(self.runner.model)
        predicting = getattr(model, 'predict_on', '')
        # Hooks and evaluator see the network that predicts: it goes last.
        for name in sorted(self.matrices, key=lambda n: n == predicting):
            chosen = model.predicting_on(name) if name else nullcontext()
            with chosen, autocast(enabled=self.fp16):
                outputs = self.runner.model.test_step(data_batch)
            samples = [output.to_dict() for output in outputs]
            self.matrices[name].process(data_batch, samples)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(
            'after_test_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs,
        )

    def _report(self, matrices: dict[str, np.ndarray]) -> dict[str, float]:
        classes = self.evaluator.dataset_meta['classes']
        if self.prints:
            table = score_table(matrices, classes)
            self.runner.logger.info(f'Results of each class:\n{table}')
        if self.picture and self.runner.rank == 0:
            # Half a second that only a test with a picture has to wait.
            from mmseg_classmix.visualization.confusion import draw_confusion

            draw_confusion(matrices, classes, self.picture)
        if len(matrices) == 1:
            return {}
        return {
            f'{name}/{key}': value
            for name, matrix in matrices.items()
            for key, value in mean_scores(matrix).items()
        }
