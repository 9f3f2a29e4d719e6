"""What sources with hidden masks have to agree about."""

from mmengine.dataset import BaseDataset
from mmseg.datasets import BaseSegDataset

from mmseg_classmix.datasets.wrappers import leaves

Source = tuple[str, BaseDataset]


def agree_on_hidden_masks(labeled: Source, others: list[Source]) -> None:
    """Let hidden masks have the numbers of the labeled masks.

    Args:
        labeled: Config key and built dataset of the labeled source.
        others: Those of the other sources; changed in place, see
            :meth:`UnlabeledDataset.read_masks_like`.

    Raises:
        ValueError: If some datasets have hidden masks and some have not, or
            if it does not follow from the labeled source which class a value
            of theirs is.
    """
    parts = [part for source in others for part in leaves(*source)]
    hidden = [
        part for part in parts if getattr(part[1], 'eval_pseudo_labels', False)
    ]
    if not hidden:
        return
    _check_all(parts, hidden)
    asking = [part for part in hidden if not part[1].maps_values]
    if asking:
        first = _masks_alike(list(leaves(*labeled)), asking[0][0])
        for _, dataset in asking:
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


def _masks_alike(parts: list[Source], asking: str) -> BaseDataset:
    """Return a labeled dataset after whose masks others can be read."""
    for key, dataset in parts:
        name = f'{key} ({type(dataset).__name__})'
        if _numbers(dataset) != _numbers(parts[0][1]):
            problem = (
                f'{parts[0][0]} and {name} map values differently (classes, '
                'mask_values, reduce_zero_label or ignore_index)'
            )
        elif not _is_stock(dataset):
            problem = f'{name} has a get_label_map for its own files alone'
        else:
            continue
        raise ValueError(
            f'which class is a value of the hidden masks of {asking}? '
            f'{problem}. Set {asking}.label_map=dict(...), class by value; '
            '{} if values are classes'
        )
    return parts[0][1]


def _numbers(dataset: BaseDataset) -> tuple:
    names = ('label_map', 'reduce_zero_label', 'ignore_index')
    return tuple(getattr(dataset, name, None) for name in names)


def _is_stock(dataset: BaseDataset) -> bool:
    method = getattr(dataset, 'get_label_map', BaseSegDataset.get_label_map)
    stock = BaseSegDataset.get_label_map.__func__
    return getattr(method, '__func__', None) is stock
