"""Mixes on dicts of tensors, against loops over images and pixels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.registry import TRANSFORMS
from torch import Tensor

from mmseg_classmix.mixing.batch_mix import (
    ClassMix,
    CowMix,
    CutMix,
)
from mmseg_classmix.mixing.ring import next_in_batch

MIXES = {
    'ClassMix': ClassMix(),
    'CutMix': CutMix(),
    'CowMix': CowMix(sigma=(1, 3)),
}
every_mix = pytest.mark.parametrize('mix', MIXES.values(), ids=MIXES)


def make_batch(
    n: int = 3,
    num_classes: int = 5,
    size: tuple[int, int] = (8, 10),
    seed: int = 0,
) -> dict:
    """A batch as the teacher labels it, from random logits."""
    own = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn((n, num_classes, *size), generator=own)
    prob = logits.softmax(1)
    confidence, pseudo_label = prob.max(1)
    return dict(
        img=torch.randn((n, 3, *size), generator=own),
        pseudo_label=pseudo_label,
        confidence=confidence,
        prob=prob,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(seed),
    )


def mixed_by_loop(x: Tensor, mask: Tensor) -> Tensor:
    """out[i] = m[i] x[i] + (1 - m[i]) x[(i + 1) % B], pixel by pixel."""
    out = torch.empty_like(x)
    n, height, width = mask.shape
    for i in range(n):
        for row in range(height):
            for col in range(width):
                source = i if mask[i, row, col] else (i + 1) % n
                out[i, ..., row, col] = x[source, ..., row, col]
    return out


def test_partners_are_a_ring():
    x = torch.tensor([10.0, 11.0, 12.0])
    assert next_in_batch(x).tolist() == [11, 12, 10]


@every_mix
def test_every_tensor_is_mixed_with_the_same_mask(mix):
    batch = make_batch()
    out = mix.transform(batch)
    assert out['mask'].dtype == torch.bool
    assert out['mask'].shape == batch['pseudo_label'].shape
    assert out['mask'].any()
    assert not out['mask'].all()
    for key in ('img', 'pseudo_label', 'confidence', 'prob'):
        assert out[key].dtype == batch[key].dtype
        assert torch.equal(out[key], mixed_by_loop(batch[key], out['mask']))


@every_mix
def test_images_are_paired_with_their_next(mix):
    batch = make_batch(3)
    owner = torch.arange(3.0).view(3, 1, 1)
    batch['confidence'] = owner.expand(3, 8, 10).clone()
    out = mix.transform(batch)
    for i, pair in enumerate([(0, 1), (1, 2), (2, 0)]):
        seen = set(out['confidence'][i].flatten().tolist())
        assert seen == set(pair)


@every_mix
def test_probabilities_are_optional(mix):
    batch = make_batch()
    del batch['prob']
    out = mix.transform(batch)
    assert 'prob' not in out
    expected = mixed_by_loop(batch['pseudo_label'], out['mask'])
    assert torch.equal(out['pseudo_label'], expected)


@every_mix
@settings(max_examples=8, deadline=None)
@given(
    n=st.integers(2, 4),
    num_classes=st.integers(1, 6),
    size=st.tuples(st.integers(2, 6), st.integers(1, 6)),
    seed=st.integers(0, 1000),
)
def test_mixed_argmax_is_the_argmax_of_the_mixed_softmax(
    mix, n, num_classes, size, seed
):
    out = mix.transform(make_batch(n, num_classes, size, seed))
    confidence, pseudo_label = out['prob'].max(1)
    assert torch.equal(pseudo_label, out['pseudo_label'])
    assert torch.equal(confidence, out['confidence'])


@every_mix
def test_the_given_batch_is_not_changed(mix):
    batch = make_batch()
    before = {
        key: value.clone() if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }
    mix.transform(batch)
    assert batch.keys() == before.keys()
    for key, value in before.items():
        if isinstance(value, Tensor):
            assert torch.equal(batch[key], value)
        else:
            assert batch[key] is value


@every_mix
def test_keys_that_are_not_mixed_pass_through(mix):
    mean = torch.ones(3, 1, 1)
    batch = dict(make_batch(), mean=mean, std=None, channel_order='bgr')
    out = mix.transform(batch)
    assert out['mean'] is mean
    assert out['std'] is None
    assert out['channel_order'] == 'bgr'
    assert out['num_classes'] == 5


@every_mix
def test_a_mix_can_be_called_like_any_transform(mix):
    out = mix(make_batch())
    assert torch.equal(out['mask'], mix.transform(make_batch())['mask'])


@every_mix
def test_the_generator_of_the_batch_decides(mix):
    state = torch.get_rng_state()
    first = mix.transform(make_batch(seed=1))
    again = mix.transform(make_batch(seed=1))
    assert torch.equal(first['img'], again['img'])
    assert torch.equal(torch.get_rng_state(), state)
    other = make_batch(seed=1)
    other['generator'] = torch.Generator().manual_seed(99)
    assert not torch.equal(first['mask'], mix.transform(other)['mask'])


@every_mix
@pytest.mark.parametrize('present', [True, False])
def test_without_a_generator_the_global_seed_decides(mix, present):
    batch = make_batch()
    batch['generator'] = None
    if not present:
        del batch['generator']
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = mix.transform(batch)
        second = mix.transform(batch)
        torch.manual_seed(1)
        again = mix.transform(batch)
    assert torch.equal(first['mask'], again['mask'])
    assert not torch.equal(first['mask'], second['mask'])


def test_image_of_one_class_becomes_its_partner():
    batch = make_batch()
    batch['pseudo_label'] = (
        torch.tensor([2, 0, 4]).view(3, 1, 1).repeat(1, 8, 10)
    )
    out = ClassMix().transform(batch)
    assert not out['mask'].any()
    for i in range(3):
        for key in ('img', 'pseudo_label', 'confidence', 'prob'):
            assert torch.equal(out[key][i], batch[key][(i + 1) % 3])


def test_two_of_five_classes_are_kept():
    batch = make_batch()
    label = torch.arange(5).repeat(3, 8, 2)
    batch['pseudo_label'] = label
    mask = ClassMix().transform(batch)['mask']
    for i in range(3):
        kept = set(label[i][mask[i]].tolist())
        assert len(kept) == 2
        assert set(label[i][~mask[i]].tolist()) == set(range(5)) - kept


def chosen_often(label: Tensor, draws: int = 30, **changes) -> set[int]:
    """Labels that ClassMix keeps in any of many draws."""
    n = len(label)
    kept = set()
    for seed in range(draws):
        batch = dict(
            img=torch.zeros(n, 3, *label.shape[1:]),
            pseudo_label=label,
            confidence=torch.zeros(label.shape),
            generator=torch.Generator().manual_seed(seed),
        )
        batch.update(changes)
        mix = ClassMix(**batch.pop('arguments', {}))
        kept |= set(label[mix.transform(batch)['mask']].tolist())
    return kept


def test_ignored_pixels_are_never_kept():
    label = torch.tensor([[[0, 255, 1, 2]], [[255, 3, 255, 1]]])
    assert chosen_often(label, num_classes=4) == {0, 1, 2, 3}


def test_ignored_pixels_do_not_count_as_a_class():
    label = torch.tensor([[[0, 255]], [[255, 3]]])
    assert chosen_often(label, num_classes=4) == set()


def test_with_more_than_255_classes_the_ignored_label_is_none():
    label = torch.tensor([[[255, 7, 299]], [[255, 255, 7]]])
    kept = chosen_often(label, num_classes=300, ignore_index=255)
    assert kept == {7, 299}


def test_the_batch_names_its_ignored_label():
    label = torch.tensor([[[255, 7]], [[254, 254]]])
    changes = dict(num_classes=300, ignore_index=254)
    assert chosen_often(label, **changes) == {255, 7}


def test_the_argument_names_the_ignored_label_where_the_batch_does_not():
    label = torch.tensor([[[3, 1, 0]], [[3, 1, 0]]])
    changes = dict(num_classes=4, arguments=dict(ignore_index=3))
    assert chosen_often(label, **changes) == {0, 1}


def test_ignored_labels_are_mixed_like_the_others():
    batch = make_batch()
    batch['pseudo_label'][:, :, :3] = 255
    out = CutMix().transform(batch)
    expected = mixed_by_loop(batch['pseudo_label'], out['mask'])
    assert torch.equal(out['pseudo_label'], expected)


def test_cut_mix_takes_its_area():
    mask = CutMix(area=1.0).transform(make_batch())['mask']
    assert not mask.any()
    mask = CutMix(area=0.25).transform(make_batch(size=(16, 16)))['mask']
    zeros = (~mask).sum((1, 2))
    assert ((zeros - 64).abs() <= 8).all()


def test_cow_mix_takes_its_quantile():
    batch = make_batch(4, size=(64, 64))
    mask = CowMix(sigma=[1, 2], p=0.8).transform(batch)['mask']
    assert abs(mask.float().mean().item() - 0.2) < 0.05


@pytest.mark.parametrize('name', ['ClassMix', 'CutMix', 'CowMix'])
def test_mixes_are_built_from_configs(name):
    mix = TRANSFORMS.build(dict(type=name))
    assert isinstance(mix, type(MIXES[name]))
    assert 'mask' in mix(make_batch())


@pytest.mark.parametrize('area', [0, -1, 1.5])
def test_cut_mix_names_a_bad_area(area):
    with pytest.raises(ValueError, match=f'CutMix area.*{area}'):
        CutMix(area=area)


@pytest.mark.parametrize('sigma', [(0, 8), (-8, 8), (32, 8)])
def test_cow_mix_names_a_bad_sigma(sigma):
    with pytest.raises(ValueError, match='CowMix sigma') as error:
        CowMix(sigma=sigma)
    assert str(sigma) in str(error.value)


@pytest.mark.parametrize('p', [0, 1, 2])
def test_cow_mix_names_a_bad_quantile(p):
    with pytest.raises(ValueError, match=f'CowMix p.*{p}'):
        CowMix(p=p)
