import pytest
from mmengine.logging import MMLogger
from mmseg.models.decode_heads import FCNHead, SideAdapterCLIPHead
from mmseg.models.decode_heads.vpd_depth_head import VPDDepthHead
from torch import nn

from mmseg_classmix.models.segmentors.supported import check_segmentor


class SegmentorOf(nn.Module):
    """A segmentor with a head of a class that would take long to build."""

    def __init__(self, head, num_classes=3, out_channels=3):
        super().__init__()
        self.decode_head = nn.Module.__new__(head)
        nn.Module.__init__(self.decode_head)
        self.num_classes, self.out_channels = num_classes, out_channels


@pytest.mark.parametrize(
    ('head', 'what'),
    [(SideAdapterCLIPHead, 'masks'), (VPDDepthHead, 'depth')],
)
def test_heads_without_logits_are_refused(head, what):
    subclass = type('Own', (head,), {})
    for cls in (head, subclass):
        with pytest.raises(ValueError, match=f'{cls.__name__} .*but {what}'):
            check_segmentor(SegmentorOf(cls))


def test_cascade_is_judged_by_its_last_head():
    segmentor = SegmentorOf(FCNHead)
    first, last = SegmentorOf(VPDDepthHead), SegmentorOf(FCNHead)
    segmentor.decode_head = nn.ModuleList(
        [first.decode_head, last.decode_head]
    )
    check_segmentor(segmentor)
    segmentor.decode_head = segmentor.decode_head[::-1]
    with pytest.raises(ValueError, match='VPDDepthHead'):
        check_segmentor(segmentor)


@pytest.mark.parametrize('num_classes', [1, 3])
def test_one_channel_is_for_two_classes(num_classes):
    check_segmentor(SegmentorOf(FCNHead, 2, 1))
    with pytest.raises(ValueError, match=f'num_classes={num_classes}'):
        check_segmentor(SegmentorOf(FCNHead, num_classes, 1))


@pytest.mark.parametrize('threshold', [0.3, 0.5])
def test_labels_and_predictions_of_two_thresholds(threshold, caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    segmentor = SegmentorOf(FCNHead, 2, 1)
    segmentor.decode_head.threshold = threshold
    check_segmentor(segmentor)
    # With a channel for each class it means nothing.
    segmentor.out_channels = 2
    check_segmentor(segmentor)
    logger.removeHandler(caplog.handler)
    assert caplog.text.count('threshold=0.5 for the same') == (
        threshold != 0.5
    )
