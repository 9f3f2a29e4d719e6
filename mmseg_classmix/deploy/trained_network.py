"""One network of a checkpoint, with the config of a plain segmentor."""

from copy import deepcopy
from dataclasses import dataclass

from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import CheckpointLoader
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_classmix.checkpoints.compare import (
    compare,
    is_plain,
    without_wrappers,
)


@dataclass
class TrainedNetwork:
    """What is left of a training when a network is to be used.

    Attributes:
        cfg: Config of an mmseg segmentor, its ``data_preprocessor`` included.
        state_dict: Its tensors, under the names of that segmentor.
        name: 'student' or 'teacher'; None if only one network was trained.
        meta: ``meta`` of the checkpoint.
    """

    cfg: ConfigDict
    state_dict: dict[str, Tensor]
    name: str | None
    meta: dict

    def build(self) -> nn.Module:
        """Build the segmentor, in eval mode and on the CPU.

        Raises:
            ValueError: If a tensor is missing or has another shape.
        """
        # Statistics of several processes are of no use here.
        model = revert_sync_batchnorm(MODELS.build(deepcopy(self.cfg)))
        misfit = compare(self.state_dict, model)
        if misfit:
            raise ValueError(
                'the checkpoint is of another network than the config: '
                f'{misfit}. Give the config that it was trained with (it '
                'lies in its work directory)'
            )
        # What it has beyond the segmentor, such as a head for training.
        model.load_state_dict(self.state_dict, strict=False)
        return model.eval()


def read_network(
    cfg: Config,
    checkpoint: str,
    network: str | None = None,
    default: str | None = None,
) -> TrainedNetwork:
    """Read a checkpoint with ``weights_only=True`` and take a network of it.

    Args:
        cfg: Config that it was trained with, or an exported one.
        checkpoint: File or address. Prefixes of compiled and of data
            parallel models are taken off.
        network: 'student', 'teacher', or None for ``default``.
        default: What None means; by default ``model.predict_on``.

    Returns:
        The network.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or would execute code; if config
            and checkpoint are not both of a mean teacher or both of a
            supervised training; if a network is chosen of one.
    """
    semi = 'segmentor' in cfg.model
    content = CheckpointLoader.load_checkpoint(
        checkpoint, map_location='cpu', logger='silent'
    )
    state = without_wrappers(content.get('state_dict', content))
    name = cfg.filename or 'the config'
    if semi and is_plain(state):
        raise ValueError(
            f'{checkpoint} has one network, but {name} is of a '
            'MeanTeacherSegmentor with a student and a teacher: give the '
            'config that the checkpoint was trained with, such as the '
            'supervised baseline that this config inherits'
        )
    if not semi and not is_plain(state):
        raise ValueError(
            f'{checkpoint} has a student and a teacher, but {name} is of one '
            'network: give the semi-supervised config that the checkpoint '
            'was trained with (it lies in its work directory)'
        )
    if network and not semi:
        raise ValueError(
            f'--network {network}: {name} and {checkpoint} have only one '
            'network, leave --network out'
        )
    if semi:
        network = network or default or cfg.model.get('predict_on', 'student')
        start = f'{network}.'
        state = {
            key.removeprefix(start): value
            for key, value in state.items()
            if key.startswith(start)
        }
    return TrainedNetwork(
        segmentor_config(cfg), state, network, content.get('meta', {})
    )


def segmentor_config(cfg: Config) -> ConfigDict:
    """Copy the config of the segmentor that both networks are."""
    model = deepcopy(cfg.model)
    outer = model.get('data_preprocessor') or cfg.get('data_preprocessor')
    segmentor = model.get('segmentor', model)
    segmentor.data_preprocessor = segmentor.get('data_preprocessor') or outer
    return segmentor
