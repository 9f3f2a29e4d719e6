"""Labeled images as what is pasted on unlabeled ones."""

from collections.abc import Sequence

import torch
from torch import Tensor


def labeled_partners(batch: dict, keys: Sequence[str]) -> dict[str, Tensor]:
    """Take a labeled image for every unlabeled one, with what is known of it.

    Of M labeled and N unlabeled images in a process, unlabeled image i gets
    labeled image floor(i M / N): any two counts fit, nothing has to be sent,
    and N processes pair as one does.

    Args:
        batch: Required keys: ``img`` (N, 3, H, W), ``confidence``
            (N, H, W), ``num_classes``; ``labeled``, a dict with ``img``
            (M, 3, H, W) and ``label`` (M, H, W) int64, ``ignore_index``
            where there is no class; ``ignore_index``, optional.
        keys: Entries of ``batch`` that are mixed.

    Returns:
        A tensor of N images for every key: the image; the ground truth for
        labels; 1 for the confidence, and 0 where the ground truth is
        ignored; likewise one-hot probabilities, and zeros. Of other keys
        ``labeled`` has to have the value itself.

    Raises:
        ValueError: If ``labeled`` is missing, or lacks one of the keys.
    """
    if 'labeled' not in batch:
        raise ValueError(
            "a mix with source='labeled' (model.batch_transforms) needs the "
            "batch's key 'labeled', which MeanTeacherSegmentor.loss adds"
        )
    labeled, count = batch['labeled'], len(batch['img'])
    partners = {key: _for_each(x, count) for key, x in labeled.items()}
    label = partners['label']
    known = label != batch.get('ignore_index', 255)
    partners.update(pseudo_label=label, hidden_label=label)
    partners['confidence'] = known.to(batch['confidence'].dtype)
    if 'prob' in keys:
        classes = torch.arange(batch['num_classes'], device=label.device)
        one_hot = known[:, None] & (label[:, None] == classes.view(-1, 1, 1))
        partners['prob'] = one_hot.to(batch['prob'].dtype)
    unknown = [key for key in keys if key not in partners]
    if unknown:
        raise ValueError(
            f"a mix with source='labeled' does not know {unknown} (of its "
            "mixed_keys) of labeled images: add them to the batch's 'labeled'"
        )
    return {key: partners[key] for key in keys}


def _for_each(x: Tensor, count: int) -> Tensor:
    """Spread the rows of a tensor evenly over a number of rows."""
    if len(x) == count:
        return x
    # Made on the device: a list would have to be sent there.
    return x[torch.arange(count, device=x.device) * len(x) // count]
