"""Strong photometric augmentation of the mixed images."""

import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class KorniaAugment(BaseTransform):
    """Apply photometric augmentations of kornia to a batch of images.

    Paper, section 4.3 (extra augmentations). Put it after the mix: pixels
    change, labels do not, so only kornia's intensity augmentations are taken.

    Required keys: ``img`` (N, 3, H, W) float, normalized; ``mean`` and
    ``std`` of the preprocessor, (3, 1, 1), or None; ``channel_order``, 'bgr'
    or 'rgb' (default).

    Args:
        transforms: Configs of kornia augmentations, such as
            ``dict(type='ColorJiggle', brightness=0.25, p=0.8)``, applied in
            order to RGB images in [0, 1].

    Raises:
        ValueError: If a type is unknown, not photometric, or refuses its
            arguments.
    """

    def __init__(self, transforms: list[dict]) -> None:
        if not isinstance(transforms, (list, tuple)) or not transforms:
            raise ValueError(
                f'KorniaAugment transforms={transforms!r} '
                '(model.batch_transforms) must be a list of configs'
            )
        self.augment = torch.nn.Sequential(*map(_build, transforms))

    @torch.no_grad()
    def transform(self, batch: dict) -> dict:
        """Augment ``img``; everything else of ``batch`` stays."""
        img = batch['img']
        mean, std = batch.get('mean'), batch.get('std')
        scale = 1.0 if std is None else std
        shift = 0.0 if mean is None else mean
        bgr = batch.get('channel_order', 'rgb') == 'bgr'
        unit = ((img * scale + shift) / 255).clamp(0, 1)
        unit = self.augment(unit.flip(1) if bgr else unit)
        unit = unit.flip(1) if bgr else unit
        return dict(batch, img=(unit * 255 - shift) / scale)


def _build(cfg: dict) -> torch.nn.Module:
    """Build a kornia augmentation and try it once."""
    # Half a second that only configs with this transform have to wait.
    import kornia.augmentation as K

    arguments = dict(cfg)
    name = arguments.pop('type', None)
    place = f'KorniaAugment {name!r} (model.batch_transforms)'
    augmentation = getattr(K, str(name), None)
    if not (
        isinstance(augmentation, type)
        and issubclass(augmentation, K.IntensityAugmentationBase2D)
    ):
        raise ValueError(
            f'{place} is no intensity augmentation of kornia.augmentation (a '
            'geometric one would separate images from labels)'
        )
    for key in ('p', 'p_batch'):
        if not 0 <= arguments.get(key, 1) <= 1:
            raise ValueError(
                f'{place}: {key}={arguments[key]} is outside [0, 1]'
            )
    try:
        # Some arguments are looked at only when p lets an image through.
        trial = augmentation(**{**arguments, 'p': 1.0})
        with torch.random.fork_rng(devices=[]):
            trial(torch.rand(1, 3, 256, 256))
        return augmentation(**arguments)
    except Exception as error:
        raise ValueError(f'{place}: {error}') from error
