"""Labeled images pasted on unlabeled ones, against loops over pixels."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
from ranks import bytes_written, run_ranks

from mmseg_classmix.mixing import (
    BatchMix,
    ClassMix,
    CowMix,
    CutMix,
    KorniaAugment,
)
from mmseg_classmix.mixing.batch_mix import (
    mix_sources,
    send_images,
)

MIXES = dict(
    ClassMix=ClassMix(source='labeled'),
    CutMix=CutMix(source='labeled'),
    CowMix=CowMix(sigma=(1, 3), source='labeled'),
)
# Numbers of labeled and unlabeled images: partners, written by hand.
PARTNERS = {
    (2, 2): [0, 1],
    (1, 3): [0, 0, 0],
    (3, 1): [0],
    (2, 3): [0, 0, 1],
    (3, 2): [0, 1],
    (2, 4): [0, 0, 1, 1],
}
#: What two processes mix: each mix, and each way to share the images.
CASES = list(zip(MIXES.values(), [(1, 1), (1, 2), (3, 2)], strict=True))
CLASSES, IGNORE, SIZE = 5, 255, (8, 10)


def make_batch(labeled=2, unlabeled=2, seed=0, **changes):
    """Predictions for unlabeled images, and labeled ones with ignored rows."""
    own = torch.Generator().manual_seed(seed)
    shape = (unlabeled, CLASSES, *SIZE)
    prob = (3 * torch.randn(shape, generator=own)).softmax(1)
    confidence, pseudo_label = prob.max(1)
    # Padding of the unlabeled images.
    pseudo_label[:, :, 8:] = IGNORE
    confidence[:, :, 8:] = 0
    label = torch.randint(CLASSES, (labeled, *SIZE), generator=own)
    label[:, :3] = IGNORE
    batch = dict(
        img=torch.randn((unlabeled, 3, *SIZE), generator=own),
        pseudo_label=pseudo_label,
        confidence=confidence,
        prob=prob,
        hidden_label=torch.full((unlabeled, *SIZE), 7),
        num_classes=CLASSES,
        ignore_index=IGNORE,
        generator=torch.Generator().manual_seed(seed),
        labeled=dict(
            img=torch.randn((labeled, 3, *SIZE), generator=own), label=label
        ),
    )
    return {**batch, **changes}


def pasted_by_loop(batch, mask, pairs):
    """What the labeled image, or else the teacher, says of every pixel."""
    keys = ('img', 'pseudo_label', 'confidence', 'prob', 'hidden_label')
    out = {key: batch[key].numpy().copy() for key in keys}
    labeled = {key: x.numpy() for key, x in batch['labeled'].items()}
    for i, row, col in np.argwhere(mask.numpy()):
        label = labeled['label'][pairs[i], row, col]
        known = label != IGNORE
        out['img'][i, :, row, col] = labeled['img'][pairs[i], :, row, col]
        out['pseudo_label'][i, row, col] = label
        out['hidden_label'][i, row, col] = label
        out['confidence'][i, row, col] = float(known)
        out['prob'][i, :, row, col] = 0
        if known:
            out['prob'][i, label, row, col] = 1
    return out


@pytest.mark.parametrize(
    ('name', 'counts'), list(zip([*MIXES] * 2, PARTNERS, strict=True)), ids=str
)
def test_pixels_under_the_mask_are_labeled_ones(name, counts):
    batch, same = make_batch(*counts), make_batch(*counts)
    out = MIXES[name](batch)
    mask = out['mask']
    for key in MIXES[name].mixed_keys:
        assert torch.equal(batch[key], same[key])
    for key, value in same['labeled'].items():
        assert torch.equal(batch['labeled'][key], value)
    assert 0 < mask.float().mean() < 1
    expected = pasted_by_loop(batch, mask, PARTNERS[counts])
    for key in MIXES[name].mixed_keys:
        assert out[key].dtype == batch[key].dtype
        np.testing.assert_array_equal(out[key], expected[key])
    assert torch.equal(out['ground_truth'], mask)
    for key in ('pseudo_label', 'confidence'):
        assert torch.equal(out['unlabeled'][key], batch[key])


@pytest.mark.parametrize(('round_up', 'half'), [(False, 2), (True, 3)])
def test_half_of_the_classes_of_the_ground_truth_is_pasted(round_up, half):
    batch = make_batch()
    label = batch['labeled']['label']
    mix = ClassMix(source='labeled', round_up=round_up)
    for i, mask in enumerate(mix(batch)['mask']):
        pasted = set(label[i][mask].tolist())
        assert len(pasted) == half
        assert IGNORE not in pasted
        assert not pasted & set(label[i][~mask].tolist())


def test_an_image_of_one_class_is_pasted_only_when_rounded_up():
    batch = make_batch()
    batch['labeled']['label'] = torch.full_like(batch['pseudo_label'], 3)
    assert not ClassMix(source='labeled')(batch)['mask'].any()
    assert ClassMix(source='labeled', round_up=True)(batch)['mask'].all()


def test_boxes_carry_ignored_pixels_along():
    out = CutMix(source='labeled')(make_batch())
    ignored = out['mask'] & (out['pseudo_label'] == IGNORE)
    assert ignored.any()
    assert not out['confidence'][ignored].any()


def mix_parts(rank):
    """Mix the images of one of two ranks; count what it has sent."""
    dist.init_process_group('gloo')
    dist.barrier()
    return [mix_part(rank, *case) for case in CASES]


def mix_part(rank, mix, counts):
    batch = make_batch(*(2 * count for count in counts))
    own = {key: batch[key].chunk(2)[rank] for key in BatchMix.mixed_keys}
    labeled = batch['labeled'].items()
    batch['labeled'] = {key: x.chunk(2)[rank] for key, x in labeled}
    before = bytes_written()
    ahead = send_images([mix], own['img'])
    out = mix({**batch, **own, **ahead})
    sent = bytes_written() - before
    return sent, [out[k].numpy() for k in BatchMix.mixed_keys]


def test_two_processes_paste_like_one_and_send_nothing():
    outcomes = run_ranks(mix_parts)
    for outcome in outcomes:
        assert isinstance(outcome, list), outcome
    for (mix, counts), *ranks in zip(CASES, *outcomes, strict=True):
        whole = mix(make_batch(*(2 * count for count in counts)))
        for i, key in enumerate(BatchMix.mixed_keys):
            parts = [torch.from_numpy(mixed[i]) for _, mixed in ranks]
            assert torch.equal(torch.cat(parts), whole[key])
        # An image alone has 960 bytes.
        assert max(sent for sent, _ in ranks) < 100


def test_neighbors_may_be_mixed_before_labeled_images_are_pasted():
    ring, labeled = ClassMix(), CutMix(source='labeled')
    augment = KorniaAugment([dict(type='RandomGrayscale', p=1.0)])
    assert mix_sources([]) == mix_sources([augment]) == set()
    assert mix_sources([ring, augment]) == {'unlabeled'}
    assert mix_sources([ring, labeled, augment]) == {'unlabeled', 'labeled'}
    for second in (ring, labeled):
        with pytest.raises(ValueError, match='last mix.*labeled, '):
            mix_sources([labeled, second])


def test_an_unknown_source_is_refused():
    for mix in (ClassMix, CutMix, CowMix):
        with pytest.raises(ValueError, match=f"{mix.__name__}.*'target'"):
            mix(source='target')


def test_a_batch_without_labeled_images_is_refused():
    batch = make_batch()
    del batch['labeled']
    with pytest.raises(ValueError, match="needs the batch's key 'labeled'"):
        ClassMix(source='labeled')(batch)


def test_a_key_that_labeled_images_lack_is_named():
    class DepthMix(ClassMix):
        mixed_keys = (*BatchMix.mixed_keys, 'depth')

    batch = make_batch(depth=torch.zeros(2, *SIZE))
    with pytest.raises(ValueError, match=r"\['depth'\].*mixed_keys"):
        DepthMix(source='labeled')(batch)
    batch['labeled']['depth'] = torch.ones(2, *SIZE)
    out = DepthMix(source='labeled')(batch)
    assert torch.equal(out['depth'], out['mask'].float())
