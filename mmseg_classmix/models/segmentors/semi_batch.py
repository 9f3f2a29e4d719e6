"""A batch of labeled and unlabeled images."""

import torch
from mmengine.dist import get_world_size
from torch import Tensor

Part = tuple[Tensor, list]


def split_batch(
    inputs: Tensor, data_samples: list, fewest_unlabeled: int = 2
) -> tuple[Part, Part]:
    """Split a batch into its labeled and its unlabeled part.

    Args:
        inputs: (N, 3, H, W) float.
        data_samples: N ``SegDataSample``; unlabeled ones have no
            ``gt_sem_seg``.
        fewest_unlabeled: How many the global batch needs, 1 or 2.

    Raises:
        ValueError: If a part is empty, or there are fewer unlabeled images.
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
    """Find the pixels that the preprocessor has added, right and below.

    Args:
        img: (N, 3, H, W).
        data_samples: N ``SegDataSample``; ``img_shape`` is the size before.

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
        ``img``; ``label``, (M, H, W) int64, ``ignore_index`` on padding too.
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


def hidden_label(img: Tensor, data_samples: list, facts: dict) -> Tensor:
    """Collect the masks that measure pseudo-labels.

    Args:
        img: (N, 3, H, W).
        data_samples: N ``SegDataSample``; all of them, on all ranks, have
            ``hidden_sem_seg`` (``UnlabeledDataset.eval_pseudo_labels``;
            ``MultiSourceDataset`` refuses anything else).
        facts: ``num_classes`` and ``ignore_index``.

    Returns:
        (N, H, W) int64, ``ignore_index`` on padding too.
    """
    size, ignored = (len(img), *img.shape[2:]), facts['ignore_index']
    label = img.new_full(size, ignored, dtype=torch.int64)
    for row, sample in zip(label, data_samples, strict=True):
        mask = sample.hidden_sem_seg.data[0]
        mask = mask.masked_fill(mask >= facts['num_classes'], ignored)
        row[: mask.size(0), : mask.size(1)] = mask
    return label
