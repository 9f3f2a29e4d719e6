"""Real processes on the CPU: what two of them do equals what one does."""

import pytest
import torch
import torch.distributed as dist
from ranks import run_ranks
from support import CLASSMIX, ROOT, TINY, largest_difference, load, run_process
from tool_process import run_tool

from mmseg_classmix.mixing import next_in_batch


def train_with(processes, work_dir, *options, config=CLASSMIX):
    """Train with tools/train.py in some processes."""
    work_dir.mkdir()
    batch = 4 // processes
    arguments = [
        '--work-dir',
        work_dir,
        '--cfg-options',
        f'train_dataloader.batch_size={batch}',
        f'train_dataloader.sampler.batch_size={batch}',
        *options,
    ]
    run_tool('train.py', config, *arguments, cwd=work_dir, ranks=processes)


@pytest.mark.parametrize(
    'options',
    [
        (
            'model.unsup_loss.weighting=proportion_per_image',
            'model.batch_transforms.0.type=CutMix',
        ),
        (
            'model.unsup_loss.weighting=proportion_per_batch',
            'model.batch_transforms.0.source=labeled',
        ),
    ],
    ids=['cutmix-per-image', 'labeled-classmix-per-batch'],
)
def test_two_processes_train_like_one(tmp_path, options):
    one, two = tmp_path / 'one', tmp_path / 'two'
    train_with(1, one, *options, config=TINY / 'tiny_double.py')
    train_with(2, two, *options, config=TINY / 'tiny_double.py')
    states = [load(d / 'iter_8.pth')['state_dict'] for d in (one, two)]
    assert largest_difference(*states) < 1e-9


def test_two_processes_test(tmp_path, finished):
    done = run_process(
        ROOT / 'tools' / 'dist_test.sh',
        *(CLASSMIX, finished / 'iter_4.pth', 2, '--work-dir', tmp_path),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert 'mIoU' in done.stdout


def next_of(rank, counts):
    """What a rank of two gets of batches of 0, 1, 2 and so on."""
    dist.init_process_group('gloo')
    return [_next_of(rank, images) for images in counts]


def _next_of(rank, images):
    own = torch.arange(2 * images)[rank * images : (rank + 1) * images]
    x = own.view(images, 1, 1, 1).expand(images, 3, 2, 2).float()
    labels = own.view(images, 1, 1).expand(images, 2, 2)
    got = next_in_batch(x), next_in_batch(labels)
    assert got[0].shape == x.shape and got[0].dtype == x.dtype
    assert got[1].shape == labels.shape and got[1].dtype == labels.dtype
    # All pixels of an image are alike.
    return [[set(image.flatten().tolist()) for image in part] for part in got]


def test_partners_ring_over_the_ranks():
    counts = (1, 2, 3)
    for images, ranks in zip(
        counts, zip(*run_ranks(next_of, counts), strict=True), strict=True
    ):
        pictures, labels = zip(*ranks, strict=True)
        expected = [{(i + 1) % (2 * images)} for i in range(2 * images)]
        assert sum(pictures, []) == sum(labels, []) == expected
