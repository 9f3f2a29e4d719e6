"""Photometric augmentation against numpy on images of [0, 255]."""

import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS

from mmseg_classmix.mixing.strong_augment import KorniaAugment

MEAN = torch.tensor([104.008, 116.669, 122.675]).view(3, 1, 1)
STD = torch.tensor([58.0, 57.0, 1.5]).view(3, 1, 1)
JITTER = dict(
    type='ColorJiggle', brightness=0.25, contrast=0.25, saturation=0.25
)


def random_pixels(n: int = 2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 3, 9, 11)).astype(np.float32)


def make_batch(pixels: np.ndarray, order: str = 'rgb') -> dict:
    """The batch a preprocessor makes of images of [0, 255]."""
    img = (torch.from_numpy(pixels) - MEAN) / STD
    return dict(img=img, mean=MEAN, std=STD, channel_order=order)


def pixels_of(batch: dict) -> np.ndarray:
    return (batch['img'] * STD + MEAN).numpy()


def augment(cfg: dict | list, batch: dict) -> dict:
    cfg = [cfg] if isinstance(cfg, dict) else cfg
    return KorniaAugment(transforms=cfg).transform(batch)


def fixed(name: str, **changes) -> dict:
    return dict(type=name, p=1.0, **changes)


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_nothing_changes_with_a_probability_of_zero(order):
    batch = make_batch(random_pixels(), order)
    blur = dict(type='RandomGaussianBlur', kernel_size=3, sigma=(0.1, 1))
    out = augment([dict(JITTER, p=0.0), dict(blur, p=0.0)], batch)
    np.testing.assert_allclose(pixels_of(out), pixels_of(batch), atol=1e-3)


def test_several_transforms_act_one_after_another():
    pixels = random_pixels()
    half = fixed('RandomContrast', contrast=(0.5, 0.5))
    out = augment([half, fixed('RandomInvert')], make_batch(pixels))
    expected = 255 - pixels * 0.5
    np.testing.assert_allclose(pixels_of(out), expected, atol=1e-2)


def test_pixels_are_clipped_to_0_to_255_before_and_after():
    # As a cubic resize makes them.
    pixels = np.full((1, 3, 4, 4), -5, dtype=np.float32)
    pixels[..., 2:] = 280
    out = pixels_of(augment(fixed('RandomInvert'), make_batch(pixels)))
    expected = 255 - np.clip(pixels, 0, 255)
    np.testing.assert_allclose(out, expected, atol=1e-2)
    pixels = random_pixels()
    cfg = fixed('RandomBrightness', brightness=(1.4, 1.4))
    out = pixels_of(augment(cfg, make_batch(pixels)))
    expected = np.clip(pixels + 0.4 * 255, 0, 255)
    assert (expected == 255).any()
    np.testing.assert_allclose(out, expected, atol=1e-2)


@pytest.mark.parametrize('order', ['rgb', 'bgr', None])
def test_the_order_of_the_channels_is_respected(order):
    batch = make_batch(random_pixels(), order)
    if order is None:
        del batch['channel_order']
    cfg = fixed(
        'RandomRGBShift',
        r_shift_limit=0.0,
        g_shift_limit=0.0,
        b_shift_limit=0.3,
    )
    out = pixels_of(augment(cfg, batch))
    blue = 0 if order == 'bgr' else 2
    changed = np.abs(out - pixels_of(batch)).max((0, 2, 3)) > 1
    assert changed.tolist() == [channel == blue for channel in range(3)]


@pytest.mark.parametrize('keys', [(), ('mean', 'std')])
def test_without_normalization_pixels_are_taken_as_they_are(keys):
    pixels = random_pixels()
    batch = dict(img=torch.from_numpy(pixels), **dict.fromkeys(keys))
    cfg = fixed('RandomContrast', contrast=(0.5, 0.5))
    out = augment(cfg, batch)
    np.testing.assert_allclose(out['img'], pixels * 0.5, atol=1e-2)


def test_everything_but_the_image_stays():
    batch = make_batch(random_pixels())
    batch.update(
        pseudo_label=torch.randint(0, 5, (2, 9, 11)),
        confidence=torch.rand(2, 9, 11),
        prob=torch.rand(2, 5, 9, 11),
        mask=torch.rand(2, 9, 11) > 0.5,
        num_classes=5,
        generator=None,
    )
    before = {
        key: value.clone()
        for key, value in batch.items()
        if isinstance(value, torch.Tensor)
    }
    out = augment(dict(JITTER, p=1.0), batch)
    assert out.keys() == batch.keys()
    for key, value in before.items():
        assert torch.equal(batch[key], value), f'{key} was changed in place'
        if key != 'img':
            assert torch.equal(out[key], value)
    assert not torch.equal(out['img'], before['img'])
    assert out['img'].dtype == torch.float32
    assert out['img'].shape == before['img'].shape


def test_factors_differ_per_image():
    pixels = np.repeat(random_pixels(1), 4, 0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = augment(dict(JITTER, p=1.0), make_batch(pixels))['img']
    for i in range(1, 4):
        assert (out[i] - out[0]).abs().max() > 0.01


def test_the_probability_is_drawn_per_image():
    pixels = random_pixels(200)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = pixels_of(
            augment(dict(type='RandomInvert', p=0.8), make_batch(pixels))
        )
    changed = np.abs(out - pixels).max((1, 2, 3)) > 1
    assert 0.7 < changed.mean() < 0.9


def test_the_seed_of_torch_decides():
    batch = make_batch(random_pixels())
    jitter = KorniaAugment([dict(JITTER, hue=0.25, p=0.8)])
    with torch.random.fork_rng():
        outs = []
        for seed in (3, 3, 4):
            torch.manual_seed(seed)
            outs.append(jitter.transform(batch)['img'])
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


def test_it_is_built_from_a_config_which_stays():
    cfg = dict(type='KorniaAugment', transforms=[fixed('RandomInvert')])
    pixels = random_pixels()
    out = TRANSFORMS.build(cfg)(make_batch(pixels))
    np.testing.assert_allclose(pixels_of(out), 255 - pixels, atol=1e-2)
    assert cfg['transforms'] == [fixed('RandomInvert')]


@pytest.mark.parametrize(
    ('cfg', 'named'),
    [
        *(
            (dict(type=name), name)
            for name in (
                'RandomAffine',
                'RandomCutMixV2',
                'AugmentationSequential',
                'IntensityAugmentationBase2D',
                'NoSuchAugmentation',
                'functional',
            )
        ),
        (dict(p=0.5), 'None'),
        (dict(type='ColorJiggle', strength=1), 'ColorJiggle.*strength'),
        (dict(type='RandomGaussianBlur'), 'RandomGaussianBlur.*sigma'),
        (dict(type='ColorJiggle', brightness=-1.0), 'brightness.*-1'),
        (dict(type='ColorJiggle', hue=3.0), 'ColorJiggle.*hue'),
        (dict(type='RandomGrayscale', p=2.0), 'p=2.0'),
        (
            dict(type='RandomGaussianBlur', kernel_size=4, sigma=(1, 2)),
            'RandomGaussianBlur',
        ),
    ],
    ids=str,
)
def test_what_is_not_photometric_or_wrong_is_refused_by_name(cfg, named):
    with pytest.raises(ValueError, match=f'KorniaAugment.*{named}'):
        KorniaAugment([cfg])


@pytest.mark.parametrize('transforms', [[], dict(type='ColorJiggle'), 'blur'])
def test_anything_but_a_list_of_configs_is_refused(transforms):
    with pytest.raises(ValueError, match='list of configs'):
        KorniaAugment(transforms)
