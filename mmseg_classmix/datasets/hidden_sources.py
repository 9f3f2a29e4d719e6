"""What sources with hidden masks have to agree about."""

from mmengine.dataset import BaseDataset

from mmseg_classmix.datasets.checked_pipeline import leaves

Source = tuple[str, BaseDataset]


def agree_on_hidden_masks(labeled: Source, others: list[Source]) -> None:
    """Let hidden masks have the numbers of the labeled masks.

    Args:
        labeled: Config key and built dataset of the labeled source.
        others: Those of the other sources; changed in place, see
            :meth:`UnlabeledDataset.read_masks_like`.

    Raises:
        ValueError: If some datasets have hidden masks and some have not, or
            if those of the labeled source number their masks differently.
    """
    parts = [part for source in others for part in leaves(*source)]
    hidden = [
        part for part in parts if getattr(part[1], 'eval_pseudo_labels', False)
    ]
    if not hidden:
        return
    _check_all(parts, hidden)
    (key, first), *rest = leaves(*labeled)
    for other_key, other in rest:
        if _numbers(other) != _numbers(first):
            raise ValueError(
                f'{key} and {other_key} map the values of their masks to '
                'classes differently (classes, mask_values, '
                'reduce_zero_label or ignore_index): which way is that of '
                f'the hidden masks of {hidden[0][0]}? Set '
                'eval_pseudo_labels=False'
            )
    for _, dataset in hidden:
        dataset.read_masks_like(first)


def _check_all(parts: list[Source], hidden: list[Source]) -> None:
    """Processes must exchange the same tensors, whatever images they have."""
    keys = {key for key, _ in hidden}
    for key, dataset in parts:
        if key not in keys:
            raise ValueError(
                f'{hidden[0][0]} has eval_pseudo_labels=True, but {key} '
                f'({type(dataset).__name__}) has no hidden masks: set it for '
                'all unlabeled datasets or for none'
            )


def _numbers(dataset: BaseDataset) -> tuple:
    names = ('label_map', 'reduce_zero_label', 'ignore_index')
    return tuple(getattr(dataset, name, None) for name in names)
