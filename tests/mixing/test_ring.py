"""A global batch over real processes, against the same batch in one."""

import torch
import torch.distributed as dist
from ranks import run_ranks

from mmseg_classmix.mixing.batch_mix import (
    ClassMix,
    CutMix,
    send_images,
)
from mmseg_classmix.mixing.ring import NextFirst
from mmseg_classmix.mixing.strong_augment import KorniaAugment

SIZE = (32, 64)
MIXED = ('img', 'pseudo_label', 'confidence')


def global_batch(n, **changes):
    """The same n images, labels and confidences in every process."""
    own = torch.Generator().manual_seed(n)
    label = torch.randint(0, 19, (n, *SIZE), generator=own)
    label[torch.rand((n, *SIZE), generator=own) < 0.1] = 255
    batch = dict(
        img=torch.randn((n, 3, *SIZE), generator=own),
        pseudo_label=label,
        confidence=torch.rand((n, *SIZE), generator=own),
        num_classes=19,
        ignore_index=255,
        generator=torch.Generator().manual_seed(5),
    )
    return {**batch, **changes}


def part_of(batch, rank, ranks):
    own = {key: batch[key].chunk(ranks)[rank] for key in MIXED}
    return {**batch, **own}


def bytes_written():
    """What the system counts for this process, whatever wrote it."""
    with open('/proc/self/io') as file:
        lines = dict(line.split(': ') for line in file)
    return int(lines['wchar'])


def mix_part(rank, ranks, images, ahead, changes):
    dist.init_process_group('gloo')
    # Connections are made by the first exchange.
    NextFirst(torch.zeros(1)).wait()
    mix, batch = ClassMix(), global_batch(images * ranks, **changes)
    own = part_of(batch, rank, ranks)
    before = bytes_written()
    if ahead:
        own.update(send_images([mix], own['img']))
        assert 'next_img' in own
    out = mix.transform(own)
    sent = bytes_written() - before
    assert 'next_img' not in out
    return sent, [out[key].numpy() for key in MIXED]


def mix_with(ranks, images=1, ahead=True, **changes):
    """Mix over real processes; returns bytes of each, and all that is mixed.

    Where the result differs from that of one process, it fails.
    """
    outcomes = run_ranks(mix_part, ranks, images, ahead, changes, ranks=ranks)
    for outcome in outcomes:
        assert isinstance(outcome, tuple), outcome
    whole = ClassMix().transform(global_batch(images * ranks, **changes))
    assert 0 < whole['mask'].float().mean() < 1
    for i, key in enumerate(MIXED):
        parts = [torch.from_numpy(mixed[i]) for _, mixed in outcomes]
        assert parts[0].dtype == whole[key].dtype
        assert torch.equal(torch.cat(parts), whole[key])
    return [sent for sent, _ in outcomes]


def test_bytes_for_mixing_do_not_grow_with_the_ranks():
    # An image in float32, a label in a byte, a confidence in float32.
    payload = SIZE[0] * SIZE[1] * (3 * 4 + 1 + 4)
    for ranks, images in ((2, 1), (4, 1), (2, 3)):
        for sent in mix_with(ranks, images):
            assert payload <= sent < payload + 1000


def test_an_exchange_at_the_mix_does_the_same():
    assert mix_with(2, ahead=False)


def test_labels_that_fit_no_byte_are_sent_as_they_are():
    changes = dict(num_classes=300, ignore_index=299)
    pixels = SIZE[0] * SIZE[1]
    assert min(mix_with(2, **changes)) >= pixels * (3 * 4 + 8 + 4)


def test_images_go_ahead_only_where_a_mix_is_first():
    img = torch.rand(2, 3, 4, 4)
    augment = KorniaAugment([dict(type='RandomGrayscale', p=1.0)])
    assert send_images([], img) == {}
    assert send_images([augment], img) == {}
    assert send_images([augment, ClassMix()], img) == {}
    (sent,) = send_images([CutMix(), augment], img).values()
    assert torch.equal(sent.wait()[0], img[:1])
