"""A batch of labeled and unlabeled images."""

import torch
from mmengine.dist import get_world_size
from torch import Tensor, nn

Part = tuple[Tensor, list]


def split_batch(
    inputs: Tensor, data_samples: list, fewest_unlabeled: int = 2
) -> tuple[Part, Part]:
    """Split a batch into its labeled and its unlabeled part.

    Args:
        inputs: (N, 3, H, W) float.
        data_samples: N ``SegDataSample``; unlabeled ones have no
            ``gt_sem_seg``.
        fewest_unlabeled: Unlabeled images that the global batch needs, 1
            or 2.

    Returns:
        (images, samples) of the labeled and of the unlabeled part.

    Raises:
        ValueError: If a part is empty, or the global batch has only one
            unlabeled image and needs two.
    """
    labeled = [i for i, s in enumerate(data_samples) if 'gt_sem_seg' in s]
    count, total = len(labeled), len(data_samples)
    if count == 0 or count == total:
        raise ValueError(
            f'the batch has {count} labeled and {total - count} unlabeled '
            'images, but semi-supervised training needs both: check the '
            'datasets of train_dataloader (labeled pipelines need '
            'LoadAnnotations, unlabeled ones must not have it) and '
            'train_dataloader.sampler.source_ratio'
        )
    if (total - count) * get_world_size() < fewest_unlabeled:
        raise ValueError(
            'the global batch has 1 unlabeled image, but mixing needs 2: '
            'raise train_dataloader.batch_size, '
            'train_dataloader.sampler.batch_size or the number of processes'
        )
    if labeled == list(range(count)):
        # Slices, unlike lists of indices, need nothing from the host.
        first, second = slice(count), slice(count, None)
        parts = (data_samples[first], data_samples[second])
        return (inputs[first], parts[0]), (inputs[second], parts[1])
    others = [i for i in range(total) if i not in set(labeled)]
    return tuple(
        (inputs[part], [data_samples[i] for i in part])
        for part in (labeled, others)
    )


def padding_mask(img: Tensor, data_samples: list) -> Tensor | None:
    """Find the pixels that the preprocessor has added to the images.

    Args:
        img: (N, 3, H, W).
        data_samples: N ``SegDataSample`` whose ``img_shape`` is the size
            before padding; padding is at the right and at the bottom.

    Returns:
        (N, H, W) bool, True on padding, or None if there is none.
    """
    full = tuple(img.shape[2:])
    shapes = [tuple(s.get('img_shape', full)[:2]) for s in data_samples]
    if all(shape == full for shape in shapes):
        return None
    sizes = torch.tensor(shapes).to(img.device, non_blocking=True)
    row = torch.arange(full[0], device=img.device)
    col = torch.arange(full[1], device=img.device)
    below = row >= sizes[:, :1]
    right = col >= sizes[:, 1:]
    return below[:, :, None] | right[:, None, :]


def labeled_batch(img: Tensor, data_samples: list, facts: dict) -> dict:
    """Collect labeled images for a mix that pastes them.

    Args:
        img: (M, 3, H, W) float.
        data_samples: M ``SegDataSample`` with ``gt_sem_seg``.
        facts: ``num_classes`` and ``ignore_index``.

    Returns:
        ``img``, as given; ``label``, (M, H, W) int64, ``ignore_index`` where
        the ground truth has no class and on padding.
    """
    label = torch.cat([s.gt_sem_seg.data for s in data_samples])
    # The only value outside the classes is that of ignored pixels.
    ignored = label >= facts['num_classes']
    padding = padding_mask(img, data_samples)
    if padding is not None:
        ignored = ignored | padding
    return dict(
        img=img, label=label.masked_fill(ignored, facts['ignore_index'])
    )


def ignore_padding(
    img: Tensor,
    data_samples: list,
    pseudo_label: Tensor,
    confidence: Tensor,
    ignore_index: int,
) -> dict[str, Tensor]:
    """Take labels and confidence off the padding.

    Args:
        img: (N, 3, H, W).
        data_samples: See :func:`padding_mask`.
        pseudo_label: (N, H, W) int64.
        confidence: (N, H, W) float32.
        ignore_index: Label of padding; its confidence is 0.

    Returns:
        ``pseudo_label`` and ``confidence``.
    """
    padding = padding_mask(img, data_samples)
    if padding is not None:
        confidence = confidence.masked_fill(padding, 0)
        pseudo_label = pseudo_label.masked_fill(padding, ignore_index)
    return dict(pseudo_label=pseudo_label, confidence=confidence)


def hidden_label(
    img: Tensor, data_samples: list, num_classes: int, ignore_index: int
) -> dict[str, Tensor]:
    """Collect the masks that measure pseudo-labels, if there are any.

    Args:
        img: (N, 3, H, W).
        data_samples: N ``SegDataSample``; all of them or none, on all ranks,
            have ``hidden_sem_seg`` (``UnlabeledDataset.eval_pseudo_labels``;
            ``MultiSourceDataset`` refuses anything else).
        num_classes: Labels from this on are ignored.
        ignore_index: Label of what is ignored, padding included.

    Returns:
        ``hidden_label``, (N, H, W) int64; nothing without such masks.
    """
    if 'hidden_sem_seg' not in data_samples[0]:
        return {}
    size = len(img), *img.shape[2:]
    label = img.new_full(size, ignore_index, dtype=torch.int64)
    for row, sample in zip(label, data_samples, strict=True):
        mask = sample.hidden_sem_seg.data[0]
        mask = mask.masked_fill(mask >= num_classes, ignore_index)
        row[: mask.size(0), : mask.size(1)] = mask
    return dict(hidden_label=label)


def constants(segmentor: nn.Module, preprocessor: nn.Module) -> dict:
    """Collect what batch transforms need to know beside the images.

    Args:
        segmentor: A built mmseg segmentor.
        preprocessor: Its data preprocessor.

    Returns:
        ``num_classes``, ``ignore_index``: int; ``mean``, ``std``: (3, 1, 1)
        float32 or None; ``channel_order``: 'rgb' or 'bgr'.
    """
    head = segmentor.decode_head
    head = head[-1] if isinstance(head, nn.ModuleList) else head
    # The two stacks name the attribute differently.
    names = ('channel_conversion', '_channel_conversion')
    # Images are loaded as BGR.
    swapped = any(getattr(preprocessor, name, False) for name in names)
    return dict(
        num_classes=segmentor.num_classes,
        ignore_index=255 if head.ignore_index is None else head.ignore_index,
        mean=getattr(preprocessor, 'mean', None),
        std=getattr(preprocessor, 'std', None),
        channel_order='rgb' if swapped else 'bgr',
    )
