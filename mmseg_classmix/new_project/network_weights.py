"""Where a config names pretrained weights, and whether they are there."""

import os.path as osp
from collections.abc import Iterator
from dataclasses import dataclass

from mmengine.model import PretrainedInit

from mmseg_classmix.new_project.model_config import as_list
from mmseg_classmix.new_project.unfit import UnfitNetwork


@dataclass
class Weights:
    """A place in a model that names weights.

    Attributes:
        place: Its key, such as 'backbone.init_cfg.checkpoint'.
        owner: Dict whose entry goes if the weights are not wanted.
        entry: This entry, 'pretrained' or 'init_cfg'.
        config: Dict that has the address.
        key: Its key there, 'pretrained' or 'checkpoint'.
    """

    place: str
    owner: dict
    entry: str
    config: dict
    key: str

    @property
    def address(self) -> str:
        """Path or address of the weights."""
        return self.config[self.key]

    @property
    def of_backbone(self) -> bool:
        """Whether a backbone starts from them."""
        return self.place.startswith(('backbone.', 'pretrained'))


def find_weights(part: object, place: str = '') -> Iterator[Weights]:
    """List all weights that a model or a part of one starts from.

    Args:
        part: A config, or what is inside one.
        place: Its key, with a dot at the end.
    """
    if isinstance(part, (list, tuple)):
        for i, inner in enumerate(part):
            yield from find_weights(inner, f'{place}{i}.')
    if not isinstance(part, dict):
        return
    if isinstance(part.get('pretrained'), str):
        yield Weights(
            f'{place}pretrained', part, 'pretrained', part, 'pretrained'
        )
    for start in as_list(part.get('init_cfg')):
        if start.get('type') in ('Pretrained', PretrainedInit):
            name = f'{place}init_cfg.checkpoint'
            yield Weights(name, part, 'init_cfg', start, 'checkpoint')
    for key, inner in part.items():
        if key != 'init_cfg':
            yield from find_weights(inner, f'{place}{key}.')


def start_from(model: dict, pretrained: str | None, init: str | None) -> None:
    """Put weights where a model wants them.

    Args:
        model: Config of a segmentor, which changes.
        pretrained: Weights of the backbone, or None for those of the model.
        init: Checkpoint of all of it, which leaves no use for others.

    Raises:
        UnfitNetwork: If the backbone has weights at several places.
    """
    found = list(find_weights(model))
    if init:
        for weights in found:
            weights.owner[weights.entry] = None
    if not pretrained:
        return
    found = [weights for weights in found if weights.of_backbone]
    if len(found) > 1:
        raise UnfitNetwork(
            'the backbone starts from several weights, model.'
            f'{" and model.".join(w.place for w in found)}',
            'leave --pretrained out, and give a config with your files there',
        )
    if found and not init:
        found[0].config[found[0].key] = pretrained
        return
    backbone = model['backbone']
    while isinstance(backbone.get('backbone_cfg'), dict):
        backbone = backbone['backbone_cfg']
    backbone['init_cfg'] = dict(type='Pretrained', checkpoint=pretrained)


def remark_on_weights(model: dict) -> list[str]:
    """Say what will be downloaded, and refuse files that are not there.

    Args:
        model: Config of a segmentor.

    Raises:
        UnfitNetwork: If a file is missing.
    """
    found = list(find_weights(model))
    missing = [
        f'{weights.address} (model.{weights.place})'
        for weights in found
        if '://' not in weights.address
        and not osp.isfile(osp.expanduser(weights.address))
    ]
    if missing:
        raise UnfitNetwork(
            f'no pretrained weights in {", ".join(missing)}',
            'put them there (docs/pretrained_weights.md), give the weights '
            'of the backbone with --pretrained FILE, or a checkpoint of the '
            'network with --init CHECKPOINT',
        )
    return [
        f'training starts with a download of {weights.address}'
        + (
            ', unless --pretrained FILE replaces it'
            if weights.of_backbone
            else ''
        )
        for weights in found
        if '://' in weights.address
    ]
