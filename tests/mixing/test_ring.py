"""A global batch over real processes, against the same batch in one."""

import pytest
import torch
import torch.distributed as dist
from ranks import bytes_written, run_ranks

from mmseg_classmix.mixing import (
    ClassMix,
    CutMix,
    KorniaAugment,
    NextFirst,
)
from mmseg_classmix.mixing.batch_mix import send_images

SIZE = (32, 64)
PIXELS = SIZE[0] * SIZE[1]
MIXED = ('img', 'pseudo_label', 'confidence')
MANY = dict(num_classes=300, ignore_index=299)
# Images of a rank, whether they are sent ahead, changes of the batch, and the
# bytes of a pixel: an image and a confidence in float32, a label in a byte.
CASES = {
    2: [
        (1, True, {}, 3 * 4 + 1 + 4),
        (3, True, {}, 3 * 4 + 1 + 4),
        (1, False, {}, 3 * 4 + 1 + 4),
        # Labels that fit no byte are sent as they are.
        (1, True, MANY, 3 * 4 + 8 + 4),
    ],
    4: [(1, True, {}, 3 * 4 + 1 + 4)],
}


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


def mix_parts(rank, ranks):
    dist.init_process_group('gloo')
    # Connections are made by the first exchange.
    NextFirst(torch.zeros(1)).wait()
    return [mix_part(rank, ranks, *case[:3]) for case in CASES[ranks]]


def mix_part(rank, ranks, images, ahead, changes):
    mix, batch = ClassMix(), global_batch(images * ranks, **changes)
    own = {key: batch[key].chunk(ranks)[rank] for key in MIXED}
    own = {**batch, **own}
    dist.barrier()
    before = bytes_written()
    if ahead:
        own.update(send_images([mix], own['img']))
        assert 'next_img' in own
    out = mix.transform(own)
    sent = bytes_written() - before
    assert 'next_img' not in out
    return sent, [out[key].numpy() for key in MIXED]


@pytest.mark.parametrize('ranks', CASES)
def test_processes_mix_like_one_and_send_one_image(ranks):
    outcomes = run_ranks(mix_parts, ranks, ranks=ranks)
    for outcome in outcomes:
        assert isinstance(outcome, list), outcome
    for (images, _, changes, size), *parts in zip(
        CASES[ranks], *outcomes, strict=True
    ):
        whole = ClassMix().transform(global_batch(images * ranks, **changes))
        assert 0 < whole['mask'].float().mean() < 1
        for i, key in enumerate(MIXED):
            mixed = [torch.from_numpy(tensors[i]) for _, tensors in parts]
            assert mixed[0].dtype == whole[key].dtype
            assert torch.equal(torch.cat(mixed), whole[key])
        # However many images and ranks there are.
        for sent, _ in parts:
            assert PIXELS * size <= sent < PIXELS * size + 1000


def test_images_go_ahead_only_where_a_mix_is_first():
    img = torch.rand(2, 3, 4, 4)
    augment = KorniaAugment([dict(type='RandomGrayscale', p=1.0)])
    for none in ([], [augment], [augment, ClassMix()]):
        assert send_images(none, img) == {}
    assert send_images([ClassMix(source='labeled')], img) == {}
    (sent,) = send_images([CutMix(), augment], img).values()
    assert torch.equal(sent.wait()[0], img[:1])
