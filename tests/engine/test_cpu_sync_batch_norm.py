import sys
from textwrap import dedent

import pytest
import torch
from support import run_process
from torch import nn

from mmseg_classmix.engine.cpu.sync_batch_norm import convert_sync_batch_norm

# Torch's own batch norm sees the whole batch; each rank only its part.
SCRIPT = """
import torch, torch.distributed as dist
from torch import nn
from mmseg_classmix.engine import close_distributed
from mmseg_classmix.engine.cpu.sync_batch_norm import convert_sync_batch_norm
dist.init_process_group('gloo')
rank = dist.get_rank()
torch.manual_seed(0)
whole = (torch.randn(4, 3, 5, 6).double() * 3 + 100).requires_grad_()
target = torch.randn(4, 3, 5, 6).double()
plain = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3)).double()
for norm in plain:
    nn.init.normal_(norm.weight)
synced = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3)).double()
synced.load_state_dict(plain.state_dict())
synced = convert_sync_batch_norm(synced)
part = whole.detach()[2 * rank : 2 * rank + 2].requires_grad_()
((plain(whole) - target) ** 2).sum().backward()
output = synced(part)
((output - target[2 * rank : 2 * rank + 2]) ** 2).sum().backward()
close = torch.testing.assert_close
close(part.grad, whole.grad[2 * rank : 2 * rank + 2])
for ours, torchs in zip(synced.parameters(), plain.parameters()):
    dist.all_reduce(ours.grad)
    close(ours.grad, torchs.grad)
for ours, torchs in zip(synced.buffers(), plain.buffers()):
    close(ours, torchs)
print('equal')
close_distributed()
"""


def test_two_processes_normalize_like_one(tmp_path):
    script = tmp_path / 'norm.py'
    script.write_text(dedent(SCRIPT))
    done = run_process(
        sys.executable,
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc_per_node=2',
        script,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count('equal') == 2


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
