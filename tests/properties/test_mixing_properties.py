"""Mixing of any shape, class count, dtype and pattern of ignore."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from inputs import CLASSES, SEEDS, SHAPES, generator, labels, quick

from mmseg_classmix.mixing.batch_mix import (
    ClassMix,
    CowMix,
    CutMix,
)

MIXES = st.sampled_from([ClassMix(), CutMix(0.3), CowMix((1, 3), 0.4)])
FLOATS = st.sampled_from(
    [torch.float16, torch.bfloat16, torch.float32, torch.float64]
)


@st.composite
def batches(draw, ignore_index=255):
    """A batch as a teacher labels it; every value of it is another one."""
    shape = n, height, width = draw(SHAPES)
    num_classes = draw(CLASSES)
    dtype = draw(FLOATS)
    label = draw(labels(shape, num_classes, ignore_index))
    random = generator(draw(SEEDS))
    batch = dict(
        img=torch.randn((n, 3, height, width), generator=random).to(dtype),
        pseudo_label=torch.from_numpy(label),
        confidence=torch.rand(shape, generator=random),
        num_classes=num_classes,
        ignore_index=ignore_index,
        generator=generator(draw(SEEDS)),
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
        partner = x[i + 1] if i + 1 < len(x) else x[0]
        out.append(keep * x[i] + (1 - keep) * partner)
    return np.stack(out)


@quick
@given(batches(), MIXES)
def test_every_pixel_is_that_of_the_image_or_of_its_partner(batch, mix):
    out = mix.transform(batch)
    mask = out['mask']
    assert mask.dtype == torch.bool
    assert mask.shape == batch['pseudo_label'].shape
    for key in ('img', 'pseudo_label', 'confidence', 'prob'):
        assert (key in out) == (key in batch)
        if key in batch:
            assert out[key].dtype == batch[key].dtype
            assert out[key].shape == batch[key].shape
            # No rounding: in a mix nothing is computed.
            np.testing.assert_array_equal(
                out[key].double().numpy(), expected(batch[key], mask)
            )


@quick
@given(batches(), MIXES)
def test_what_is_labeled_stays_with_its_pixel(batch, mix):
    """An ignored pixel of the mix was ignored in the image that it is of."""
    batch['img'] = batch['pseudo_label'][:, None].expand(-1, 3, -1, -1)
    out = mix.transform(batch)
    for channel in out['img'].unbind(1):
        assert torch.equal(channel, out['pseudo_label'])


@quick
@given(batches(), st.data())
def test_pasted_classes_are_half_and_never_the_ignored_one(batch, data):
    mask = ClassMix().transform(batch)['mask'].numpy()
    label = batch['pseudo_label'].numpy()
    for image, keep in zip(label, mask, strict=True):
        present = set(np.unique(image[image != 255]))
        assert set(np.unique(image[keep])) <= present
        assert len(np.unique(image[keep])) == math.floor(len(present) / 2)


@quick
@given(batches(), MIXES)
def test_one_image_is_its_own_partner(batch, mix):
    for key in ('img', 'pseudo_label', 'confidence'):
        batch[key] = batch[key][:1]
    batch.pop('prob', None)
    out = mix.transform(batch)
    for key in ('img', 'pseudo_label', 'confidence'):
        assert torch.equal(out[key], batch[key])


@quick
@given(batches(), MIXES, st.integers(0, 3))
def test_the_ring_has_no_first_image(batch, mix, shift):
    """Rolled images with rolled masks are the rolled mix."""
    out = mix.transform(batch)

    class Given(type(mix)):
        def draw_mask(self, _):
            return out['mask'].roll(shift, 0)

    rolled = {
        key: value.roll(shift, 0) if torch.is_tensor(value) else value
        for key, value in batch.items()
    }
    again = Given().transform(rolled)
    for key in ('img', 'pseudo_label', 'confidence'):
        assert torch.equal(again[key], out[key].roll(shift, 0))
