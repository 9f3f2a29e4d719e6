"""Real processes on the CPU: what two of them do equals what one does."""

import sys

import pytest
from support import CLASSMIX, ROOT, TINY, largest_difference, load, run_process
from torch.distributed.elastic.utils.distributed import get_free_port


def launch(script, *arguments, cwd, **env):
    return run_process(
        ROOT / 'tools' / script,
        *arguments,
        cwd=cwd,
        PORT=get_free_port(),
        **env,
    )


def train_with(processes, work_dir, *options, config=CLASSMIX):
    """Train with tools/train.py or tools/dist_train.sh."""
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
    if processes == 1:
        done = run_process(
            sys.executable,
            ROOT / 'tools' / 'train.py',
            config,
            *arguments,
            cwd=work_dir,
        )
    else:
        done = launch(
            'dist_train.sh', config, processes, *arguments, cwd=work_dir
        )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize(
    'options',
    [
        ('model.unsup_loss.weighting=proportion_per_image',),
        (
            'model.unsup_loss.weighting=proportion_per_batch',
            'model.batch_transforms.0.type=CutMix',
        ),
    ],
    ids=['classmix-per-image', 'cutmix-per-batch'],
)
def test_two_processes_train_like_one(tmp_path, options):
    one, two = tmp_path / 'one', tmp_path / 'two'
    train_with(1, one, *options, config=TINY / 'tiny_double.py')
    train_with(2, two, *options, config=TINY / 'tiny_double.py')
    states = [load(d / 'iter_8.pth')['state_dict'] for d in (one, two)]
    assert largest_difference(*states) < 1e-9


def test_two_processes_resume_and_test(tmp_path):
    two = tmp_path / 'two'
    short = ('train_cfg.max_iters=2',)
    train_with(2, two, *short)
    train_with(2, tmp_path / 'whole')
    done = launch(
        'dist_train.sh',
        CLASSMIX,
        2,
        '--work-dir',
        two,
        '--resume',
        '--cfg-options',
        'train_dataloader.batch_size=2',
        'train_dataloader.sampler.batch_size=2',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    states = [
        load(d / 'iter_4.pth')['state_dict'] for d in (two, tmp_path / 'whole')
    ]
    assert largest_difference(*states) == 0
    done = launch(
        'dist_test.sh', CLASSMIX, two / 'iter_4.pth', 2, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert 'mIoU' in done.stdout


RING = """
import torch, torch.distributed as dist
from mmseg_classmix.datasets.transforms import next_in_batch
from mmseg_classmix.engine import close_distributed
dist.init_process_group('gloo')
rank, n = dist.get_rank(), int(__import__('sys').argv[1])
images = torch.arange(2 * n)[rank * n : (rank + 1) * n]
x = images.view(n, 1, 1, 1).expand(n, 3, 2, 2).float()
ours = next_in_batch(x)
expected = (images + 1) % (2 * n)
assert torch.equal(ours, expected.view(n, 1, 1, 1).expand_as(x).float())
labels = images.view(n, 1, 1).expand(n, 2, 2)
assert torch.equal(next_in_batch(labels)[:, 0, 0], expected)
print('ring holds')
close_distributed()
"""


@pytest.mark.parametrize('images_per_rank', [1, 2, 3])
def test_partners_ring_over_the_ranks(tmp_path, images_per_rank):
    script = tmp_path / 'ring.py'
    script.write_text(RING)
    done = run_process(
        sys.executable,
        '-m',
        'torch.distributed.run',
        '--nproc_per_node=2',
        f'--master_port={get_free_port()}',
        script,
        images_per_rank,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('ring holds') == 2
