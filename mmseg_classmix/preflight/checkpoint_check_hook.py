"""A checkpoint of another network is refused."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from mmseg_classmix.checkpoints.tensor_shapes import tensor_shapes
from mmseg_classmix.distributed.unwrap import unwrap
from mmseg_classmix.models import MeanTeacherSegmentor
from mmseg_classmix.models.segmentors.supported import NETWORKS


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
        found = tensor_shapes(checkpoint.get('state_dict', checkpoint))
        needed = _needed(model, found)
        wrong = {k: s for k, s in needed.items() if found.get(k) != s}
        if wrong:
            raise ValueError(_message(runner, model, found, needed, wrong))


def _needed(model: nn.Module, found: dict) -> dict[str, tuple]:
    """Names and shapes that a checkpoint must have."""
    needed = {
        key: shape
        for key, shape in tensor_shapes(model.state_dict()).items()
        if not key.endswith('num_batches_tracked')
    }
    starts = tuple(f'{name}.' for name in NETWORKS)
    spread = isinstance(model, MeanTeacherSegmentor) and not any(
        key.startswith(starts) for key in found
    )
    if not spread:
        return needed
    # A plain checkpoint is for both networks.
    start = starts[0]
    return {
        key[len(start) :]: shape
        for key, shape in needed.items()
        if key.startswith(start)
    }


def _message(
    runner: Runner, model: nn.Module, found: dict, needed: dict, wrong: dict
) -> str:
    source = runner._load_from
    source = f'load_from={source!r}' if source else 'the one to resume from'
    some = '; '.join(
        f'{key} is {found.get(key, "missing")}, needs {shape}'
        for key, shape in list(wrong.items())[:3]
    )
    return (
        f'the checkpoint ({source}) is of another network than '
        f'{type(model).__name__} of this config: {len(wrong)} of '
        f'{len(needed)} tensors are missing or of another shape: {some}. '
        f'{_advice(found, wrong)}'
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
