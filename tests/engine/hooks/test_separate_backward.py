"""The gradients of both losses, one after the other."""

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from support import (
    ROOT,
    SUPERVISED,
    TINY,
    largest_difference,
    load,
    log_lines,
    run_process,
    train,
)

OPTION = 'default_hooks.execution.separate_backward'


def weights(work_dir, name='iter_4.pth'):
    return load(work_dir / name)['state_dict']


@OPTIM_WRAPPERS.register_module()
class ScaledOptimWrapper(AmpOptimWrapper):
    """mmengine's wrapper, which asks for a GPU, with torch's CPU scaler."""

    # In float32: a scale of 1024 rounds nothing.
    optim_context = OptimWrapper.optim_context

    def __init__(self, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=1024.0)


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'optim_wrapper.type': 'ScaledOptimWrapper'},
        {'optim_wrapper.accumulative_counts': 2},
        {'default_hooks.execution.checkpointing': 'backbone.layer?.*'},
    ],
)
def test_the_training_stays_the_same(tmp_path, options):
    train(tmp_path / 'usual', **options)
    train(tmp_path / 'less', **{OPTION: True}, **options)
    both = weights(tmp_path / 'usual'), weights(tmp_path / 'less')
    # Four gradients are added in another order than two and two.
    assert largest_difference(*both) <= (
        1e-6 if 'accum' in str(options) else 0
    )
    losses = [
        [line['loss'] for line in log_lines(tmp_path / name) if 'loss' in line]
        for name in ('usual', 'less')
    ]
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_one_half_is_kept_at_a_time(tmp_path):
    live, peaks = set(), []

    class Kept:
        """A tensor that autograd keeps."""

        def __init__(self, tensor):
            self.tensor = tensor
            live.add(self)
            peaks[-1] = max(peaks[-1], len(live))

    def unpack(kept):
        live.discard(kept)
        return kept.tensor

    for name in ('usual', 'less'):
        peaks.append(0)
        with torch.autograd.graph.saved_tensors_hooks(Kept, unpack):
            train(
                tmp_path / name,
                **{'train_cfg.max_iters': 1, OPTION: name == 'less'},
            )
    assert peaks[1] < 0.6 * peaks[0]


def test_two_processes_agree_with_the_usual_way(tmp_path):
    states = []
    for value in (False, True):
        folder = tmp_path / str(value)
        folder.mkdir()
        done = run_process(
            ROOT / 'tools' / 'dist_train.sh',
            *(TINY / 'tiny_double.py', 2, '--work-dir', folder),
            '--cfg-options',
            'train_dataloader.batch_size=2',
            'train_dataloader.sampler.batch_size=2',
            f'{OPTION}={value}',
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout
        states.append(weights(folder, 'iter_8.pth'))
    # In float64; the order of sums over ranks may change.
    assert largest_difference(*states) < 1e-12


def test_a_single_loss_is_refused(tmp_path):
    with pytest.raises(ValueError, match='separate_backward=True.*one loss'):
        train(tmp_path, SUPERVISED, **{OPTION: True})
