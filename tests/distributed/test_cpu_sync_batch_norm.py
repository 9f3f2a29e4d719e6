import pytest
import torch
import torch.distributed as dist
from ranks import run_ranks
from torch import nn

from mmseg_classmix.distributed.sync_batch_norm import convert_sync_batch_norm


def normalize(rank):
    """Compare a rank's part with torch's norm of the whole batch."""
    dist.init_process_group('gloo')
    torch.manual_seed(0)
    whole = (torch.randn(4, 3, 5, 6).double() * 3 + 100).requires_grad_()
    target = torch.randn(4, 3, 5, 6).double()
    plain, synced = (
        # 0 leaves the running statistics, None averages them plainly.
        nn.Sequential(*(nn.BatchNorm2d(3, momentum=m) for m in (0.1, 0, None)))
        for _ in range(2)
    )
    plain, synced = plain.double(), synced.double()
    for norm in plain:
        nn.init.normal_(norm.weight)
    synced.load_state_dict(plain.state_dict())
    synced = convert_sync_batch_norm(synced)
    part = whole.detach()[2 * rank : 2 * rank + 2].requires_grad_()
    ((plain(whole) - target) ** 2).sum().backward()
    output = synced(part)
    ((output - target[2 * rank : 2 * rank + 2]) ** 2).sum().backward()
    close = torch.testing.assert_close
    close(part.grad, whole.grad[2 * rank : 2 * rank + 2])
    for ours, torchs in zip(
        synced.parameters(), plain.parameters(), strict=True
    ):
        dist.all_reduce(ours.grad)
        close(ours.grad, torchs.grad)
    for ours, torchs in zip(synced.buffers(), plain.buffers(), strict=True):
        close(ours, torchs)
    return 'equal'


def test_two_processes_normalize_like_one():
    # Torch's own batch norm sees the whole batch; each rank only its part.
    assert run_ranks(normalize) == ['equal', 'equal']


@pytest.mark.parametrize('training', [True, False])
def test_one_process_normalizes_like_torch(training):
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    plain.train(training)
    synced = convert_sync_batch_norm(
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    )
    synced.load_state_dict(plain.state_dict())
    synced.train(training)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(synced(x), plain(x))
    assert torch.equal(synced[1].running_var, plain[1].running_var)
