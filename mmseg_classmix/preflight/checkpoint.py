"""A checkpoint of another network is refused."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from mmseg_classmix.checkpoints.compare import Misfit, compare
from mmseg_classmix.distributed.unwrap import unwrap


@HOOKS.register_module()
class CheckpointCheckHook(Hook):
    """Refuse a checkpoint that lacks a tensor or has it in another shape.

    mmengine leaves such tensors at their random start and says so only in
    the log, for ``load_from``, ``--resume`` and tests. What a checkpoint has
    beyond the network is no problem: that of a teacher, for example.
    """

    # Before hooks that change checkpoints.
    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes.

        Raises:
            ValueError: If they do not fit the model.
        """
        model = unwrap(runner.model)
        misfit = compare(checkpoint.get('state_dict', checkpoint), model)
        if misfit:
            raise ValueError(_message(runner, model, misfit))


def _message(runner: Runner, model: nn.Module, misfit: Misfit) -> str:
    source = runner._load_from
    source = f'load_from={source!r}' if source else 'the one to resume from'
    return (
        f'the checkpoint ({source}) is of another network than '
        f'{type(model).__name__} of this config: {misfit}. '
        f'{_advice(misfit.found, misfit.wrong)}'
    )


def _advice(found: dict, wrong: dict) -> str:
    head = [key for key in wrong if 'decode_head' in key]
    if any(f'student.{key}' in found for key in wrong):
        return (
            'It is a checkpoint of MeanTeacherSegmentor: use a config of '
            'that, model.predict_on chooses the network'
        )
    if len(head) == len(wrong) and all(key in found for key in wrong):
        return (
            'The number of classes differs: set num_classes of '
            'decode_head and the data set to those of the checkpoint; to '
            'start another data set from its backbone, set backbone.init_cfg'
            "=dict(type='Pretrained', checkpoint=..., "
            "prefix='student.backbone' or 'backbone') in place of load_from"
        )
    return (
        'Use the config that it was trained with (it lies in its work '
        'directory), or another checkpoint. Weights for a part of the '
        'network go into init_cfg of that part. '
        'default_hooks.checkpoint_check=None leaves the tensors that do not '
        'fit at their random start'
    )
