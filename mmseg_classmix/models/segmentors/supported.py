"""What can become student and teacher."""

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

# Their training forward returns several outputs, not the logits.
TUPLE_HEADS = ('PIDHead', 'DDRHead')
NETWORKS = ('student', 'teacher')


def check_arguments(
    predict_on: str, batch_transforms: list, pretrained: None, train_cfg: None
) -> None:
    """Refuse what MeanTeacherSegmentor cannot work with.

    Args:
        predict_on: One of the networks.
        batch_transforms: List of configs.
        pretrained: Has to be None.
        train_cfg: Has to be None.

    Raises:
        ValueError: If an argument is wrong; it names the config key.
    """
    for name, value in dict(
        pretrained=pretrained, train_cfg=train_cfg
    ).items():
        if value is not None:
            raise ValueError(
                f'model.{name}={value!r}: set model.segmentor.{name}'
            )
    if predict_on not in NETWORKS:
        raise ValueError(
            f'model.predict_on={predict_on!r} must be one of {NETWORKS}'
        )
    if not isinstance(batch_transforms, (list, tuple)):
        raise ValueError(
            f'model.batch_transforms={batch_transforms!r} must be a list of '
            'configs'
        )


def check_segmentor(segmentor: nn.Module) -> None:
    """Refuse a segmentor that cannot be trained on mixed images.

    Args:
        segmentor: A built mmseg segmentor.

    Raises:
        ValueError: If its head predicts masks instead of logits, returns
            several outputs in training, or has a single output channel.
    """
    head = getattr(segmentor, 'decode_head', None)
    head = head[-1] if isinstance(head, nn.ModuleList) else head
    name = type(head).__name__
    if not isinstance(head, BaseDecodeHead):
        raise ValueError(
            f'model.segmentor.decode_head {name} does not predict logits for '
            'every pixel (mask classification): use a head that derives from '
            "mmseg's BaseDecodeHead"
        )
    if any(base.__name__ in TUPLE_HEADS for base in type(head).__mro__):
        raise ValueError(
            f'model.segmentor.decode_head {name} returns several outputs in '
            'training and cannot be trained on pseudo-labels: use another head'
        )
    if segmentor.out_channels == 1:
        raise ValueError(
            'model.segmentor.decode_head.out_channels=1: pseudo-labels need a '
            'channel for every class, set out_channels=2 and num_classes=2'
        )
