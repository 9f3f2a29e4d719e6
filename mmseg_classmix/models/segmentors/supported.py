"""What can become student and teacher."""

import logging

from mmengine.logging import print_log
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import nn

from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.models.segmentors.logits import final_head

MASKS = 'masks and a class for each (mask classification)'
#: Heads of mmseg that predict something else than logits, and what it is;
#: others that do not even derive from BaseDecodeHead predict masks.
OTHER_PREDICTIONS = dict(
    MaskFormerHead=MASKS,
    Mask2FormerHead=MASKS,
    SideAdapterCLIPHead=MASKS,
    VPDDepthHead='depth',
)
#: Heads whose losses need the edges between classes in labeled samples.
EDGE_HEADS = ('PIDHead',)


def check_arguments(
    predict_on: str, batch_transforms: list, pretrained: None, train_cfg: None
) -> None:
    """Raise a ValueError that names a wrong argument by its config key."""
    misplaced = dict(pretrained=pretrained, train_cfg=train_cfg)
    for name, value in misplaced.items():
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
    """Refuse a built segmentor that cannot be trained on mixed images.

    A warning says if it would predict by another threshold than it labels.
    """
    head = final_head(segmentor)
    bases = [base.__name__ for base in type(head).__mro__]
    kinds = [OTHER_PREDICTIONS[b] for b in bases if b in OTHER_PREDICTIONS]
    if kinds or not isinstance(head, BaseDecodeHead):
        raise ValueError(
            f'model.segmentor.decode_head {bases[0]} does not predict logits '
            f'for every pixel, but {(kinds or [MASKS])[0]}: use a head that '
            "derives from mmseg's BaseDecodeHead; docs/other_models.md says "
            'why'
        )
    if segmentor.out_channels > 1:
        return
    if segmentor.num_classes != 2:
        raise ValueError(
            'model.segmentor.decode_head.out_channels=1 is for two classes, '
            f'but num_classes={segmentor.num_classes}: set num_classes=2, or '
            'leave out_channels out'
        )
    threshold = getattr(head, 'threshold', None)
    if threshold not in (None, 0.5):
        print_log(
            'model.segmentor.decode_head.out_channels=1: predictions are '
            f'class 1 from the probability threshold={threshold} on '
            "(mmseg's default is 0.3), pseudo-labels are the class with the "
            'higher one, from 0.5 on. Set model.segmentor.decode_head.'
            'threshold=0.5 for the same in both',
            logger='current',
            level=logging.WARNING,
        )


def needs_edges(model: nn.Module) -> bool:
    """Whether a head learns from ``gt_edge_map`` of labeled samples."""
    return any(
        base.__name__ in EDGE_HEADS
        for module in model.modules()
        for base in type(module).__mro__
    )
