"""The model inside its wrapper."""

from mmengine.model import is_model_wrapper
from torch import nn


def unwrap(model: nn.Module) -> nn.Module:
    """Take off the wrapper of a distributed run, if there is one.

    Args:
        model: Model of a runner.

    Returns:
        The model that the config describes.
    """
    return model.module if is_model_wrapper(model) else model
