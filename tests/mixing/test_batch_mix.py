"""Mixes of any shape, class count, dtype and pattern of ignore."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmseg.registry import TRANSFORMS
from property_inputs import (
    CLASSES,
    SEEDS,
    SHAPES,
    generator,
    labels,
    quick,
)

from mmseg_classmix.mixing import ClassMix, CowMix, CutMix, next_in_batch

MIXES = {
    'ClassMix': ClassMix(),
    'CutMix': CutMix(0.3),
    'CowMix': CowMix((1, 3), 0.4),
}
every_mix = pytest.mark.parametrize('mix', MIXES.values(), ids=MIXES)
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def make_batch(n=3, size=(8, 10), seed=0):
    """A batch as the teacher labels it, from random logits."""
    own = generator(seed)
    prob = (3 * torch.randn((n, 5, *size), generator=own)).softmax(1)
    confidence, pseudo_label = prob.max(1)
    return dict(
        img=torch.randn((n, 3, *size), generator=own),
        pseudo_label=pseudo_label,
        confidence=confidence,
        prob=prob,
        num_classes=5,
        generator=generator(seed),
    )


@st.composite
def batches(draw):
    """A batch of any kind; every value of it is another one."""
    shape = n, height, width = draw(SHAPES)
    num_classes = draw(CLASSES)
    label = draw(labels(shape, num_classes, 255))
    random = generator(draw(SEEDS))
    img = torch.randn((n, 3, height, width), generator=random)
    batch = dict(
        img=img.to(draw(st.sampled_from(FLOATS))),
        pseudo_label=torch.from_numpy(label),
        confidence=torch.rand(shape, generator=random),
        num_classes=num_classes,
        ignore_index=255,
        generator=generator(draw(SEEDS)),
        mean=torch.ones(3, 1, 1),
        std=None,
        channel_order='bgr',
    )
    if draw(st.booleans()):
        prob = torch.randn((n, num_classes, height, width), generator=random)
        batch['prob'] = prob.softmax(1)
    return batch


def expected(x, mask):
    """Equation of the paper, m x_A + (1 - m) x_B, in float64, per image."""
    x = x.double().numpy()
    out = []
    for i, keep in enumerate(mask.numpy().astype(float)):
        partner = x[(i + 1) % len(x)]
        out.append(keep * x[i] + (1 - keep) * partner)
    return np.stack(out)


@every_mix
@quick
@given(batches())
def test_every_pixel_is_that_of_the_image_or_of_its_partner(mix, batch):
    before = {
        key: value.clone() if torch.is_tensor(value) else value
        for key, value in batch.items()
    }
    out = mix.transform(batch)
    mask = out.pop('mask')
    assert mask.dtype == torch.bool
    assert mask.shape == batch['pseudo_label'].shape
    assert out.keys() == batch.keys() == before.keys()
    for key, value in before.items():
        if key in mix.mixed_keys:
            assert torch.equal(batch[key], value)
            assert out[key].dtype == value.dtype
            # No rounding: in a mix nothing is computed.
            np.testing.assert_array_equal(
                out[key].double().numpy(), expected(value, mask)
            )
        else:
            assert out[key] is batch[key]


def test_partners_are_a_ring():
    x = torch.tensor([10.0, 11.0, 12.0])
    assert next_in_batch(x).tolist() == [11, 12, 10]


@every_mix
def test_mixed_argmax_is_the_argmax_of_the_mixed_softmax(mix):
    out = mix.transform(make_batch())
    assert 0 < out['mask'].float().mean() < 1
    confidence, pseudo_label = out['prob'].max(1)
    assert torch.equal(pseudo_label, out['pseudo_label'])
    assert torch.equal(confidence, out['confidence'])


@every_mix
@pytest.mark.parametrize('present', [True, False])
def test_the_generator_of_the_batch_decides_or_the_global_seed(mix, present):
    def masks(*seeds):
        for seed in seeds:
            batch = make_batch(seed=1)
            del batch['generator']
            if present:
                batch['generator'] = generator(seed)
            elif seed == 2:
                batch['generator'] = None
            torch.manual_seed(0 if present else seed)
            state = torch.get_rng_state()
            yield mix.transform(batch)['mask']
            kept = torch.equal(state, torch.get_rng_state())
            assert kept is present

    with torch.random.fork_rng():
        first, again, other = masks(1, 1, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_image_of_one_class_becomes_its_partner():
    batch = make_batch()
    label = torch.tensor([2, 0, 4]).view(3, 1, 1)
    batch['pseudo_label'] = label.repeat(1, 8, 10)
    out = ClassMix().transform(batch)
    assert not out['mask'].any()
    for i in range(3):
        for key in ('img', 'pseudo_label', 'confidence', 'prob'):
            assert torch.equal(out[key][i], batch[key][(i + 1) % 3])


@pytest.mark.parametrize(
    ('label', 'batch', 'arguments', 'kept'),
    [
        # Ignored pixels are not chosen, and do not count as a class.
        ([[0, 255, 1, 2], [255, 3, 255, 1]], {}, {}, {0, 1, 2, 3}),
        ([[0, 255], [255, 3]], {}, {}, set()),
        # With more than 255 classes the ignored label is one of them.
        (
            [[255, 7, 299], [255, 255, 7]],
            dict(num_classes=300, ignore_index=255),
            {},
            {7, 299},
        ),
        (
            [[255, 7], [254, 254]],
            dict(num_classes=300, ignore_index=254),
            {},
            {255, 7},
        ),
        # The argument counts where the batch names none.
        ([[3, 1, 0], [3, 1, 0]], {}, dict(ignore_index=3), {0, 1}),
    ],
)
def test_ignored_pixels_are_never_kept(label, batch, arguments, kept):
    label = torch.tensor(label)[:, None]
    seen = set()
    for seed in range(30):
        given_batch = dict(
            img=torch.zeros(2, 3, *label.shape[1:]),
            pseudo_label=label,
            confidence=torch.zeros(label.shape),
            num_classes=4,
            generator=generator(seed),
        )
        out = ClassMix(**arguments).transform({**given_batch, **batch})
        seen |= set(label[out['mask']].tolist())
    assert seen == kept


def test_mixes_take_their_arguments_from_a_config():
    def mask(**cfg):
        return TRANSFORMS.build(cfg)(make_batch(4, (64, 64)))['mask']

    assert 0 < mask(type='ClassMix').float().mean() < 1
    assert not mask(type='CutMix', area=1.0).any()
    hidden = (~mask(type='CutMix', area=0.25)).sum((1, 2))
    assert ((hidden - 64 * 16).abs() <= 32).all()
    share = mask(type='CowMix', sigma=[1, 2], p=0.8).float().mean().item()
    assert abs(share - 0.2) < 0.05
