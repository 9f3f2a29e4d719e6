"""The same training, executed in other ways."""

import pytest
import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from ranks import run_ranks
from support import (
    CLASSMIX,
    SUPERVISED,
    TINY,
    largest_difference,
    load,
    log_lines,
    tiny_config,
    train,
)
from torch._dynamo.utils import counters

from mmseg_classmix.distributed import prepare_distributed
from mmseg_classmix.engine.hooks import ExecutionHook
from mmseg_classmix.engine.runner import ClassMixRunner

BLOCKS = 'backbone.layer?.*'


@OPTIM_WRAPPERS.register_module()
class ScaledOptimWrapper(AmpOptimWrapper):
    """mmengine's wrapper, which asks for a GPU, with torch's CPU scaler."""

    # In float32: a scale of 1024 rounds nothing.
    optim_context = OptimWrapper.optim_context

    def __init__(self, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=1024.0)


def weights(work_dir, name='iter_4.pth'):
    return load(work_dir / name)['state_dict']


def losses(work_dir):
    return [line['loss'] for line in log_lines(work_dir) if 'loss' in line]


def execution(**options):
    return {f'default_hooks.execution.{k}': v for k, v in options.items()}


@pytest.mark.parametrize('config', [CLASSMIX, SUPERVISED])
def test_checkpointing_changes_nothing(tmp_path, finished, config):
    usual = finished
    if config is SUPERVISED:
        usual = tmp_path / 'usual'
        train(usual, config)
    train(tmp_path / 'less', config, **execution(checkpointing=BLOCKS))
    # Running statistics and their counters too, bit for bit.
    first, second = weights(usual), weights(tmp_path / 'less')
    assert any(key.endswith('num_batches_tracked') for key in first)
    assert largest_difference(first, second) == 0


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'optim_wrapper.type': 'ScaledOptimWrapper'},
        {'optim_wrapper.accumulative_counts': 2},
        execution(checkpointing=BLOCKS),
    ],
)
def test_separate_backward_passes_train_the_same(tmp_path, finished, options):
    usual, difference = finished, 0
    if 'optim_wrapper.accumulative_counts' in options:
        # Four gradients are added in another order than two and two.
        usual, difference = tmp_path / 'usual', 1e-6
        train(usual, **options)
    less = tmp_path / 'less'
    train(less, **execution(separate_backward=True), **options)
    assert largest_difference(weights(usual), weights(less)) <= difference
    assert len(losses(usual)) == 4
    assert losses(less) == pytest.approx(losses(usual), rel=1e-5)


def test_what_takes_less_memory_keeps_less(tmp_path):
    live, total, peak = set(), [], []

    class Kept:
        """A tensor that autograd keeps for the backward pass."""

        def __init__(self, tensor):
            self.tensor = tensor
            live.add(self)
            peak[-1] = max(peak[-1], len(live))
            total[-1] += tensor.numel()

    def unpack(kept):
        live.discard(kept)
        return kept.tensor

    for i, options in enumerate(
        ({}, dict(checkpointing=BLOCKS), dict(separate_backward=True))
    ):
        total.append(0)
        peak.append(0)
        live.clear()
        with torch.autograd.graph.saved_tensors_hooks(Kept, unpack):
            short = {'train_cfg.max_iters': 1}
            train(tmp_path / str(i), **short, **execution(**options))
    # Blocks and all that lies within them are replaced by their inputs.
    assert total[1] < total[0]
    # One half of the batch at a time.
    assert peak[2] < 0.6 * peak[0]


def test_channels_last_trains_the_same(tmp_path, finished):
    runner = train(tmp_path, **execution(channels_last=True))
    for network in (runner.model.student, runner.model.teacher):
        weight = network.backbone.layer2[0].conv1.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert not weight.is_contiguous()
    # Another order of the same sums in float32.
    assert largest_difference(weights(finished), weights(tmp_path)) < 1e-4
    again = {'train_cfg.max_iters': 5, **execution(channels_last=True)}
    assert train(tmp_path, resume=True, **again).iter == 5


def test_the_layout_may_change_at_a_resume(tmp_path, finished):
    fused = {'optim_wrapper.optimizer.fused': True}
    train(tmp_path, **{'train_cfg.max_iters': 2}, **fused)
    train(tmp_path, resume=True, **fused, **execution(channels_last=True))
    assert largest_difference(weights(finished), weights(tmp_path)) < 1e-4


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def test_compiled_networks_train_the_same(tmp_path, finished, fresh_compiler):
    # Without code generation, which takes a minute.
    compiler = dict(backend='aot_eager')
    how = {
        **execution(torch_compile=compiler, channels_last=True, tf32=True),
        # A rate by the name of a parameter; those have not changed.
        'optim_wrapper.paramwise_cfg.custom_keys.decode_head.lr_mult': 1.0,
        'train_cfg.val_interval': 2,
    }
    runner = train(tmp_path, **how)
    assert len(runner.optim_wrapper.optimizer.param_groups) > 1
    assert largest_difference(weights(finished), weights(tmp_path)) < 1e-4
    graphs = counters['stats']['unique_graphs']
    assert graphs > 0
    # More iterations and validations compile nothing more.
    runner.train_loop._max_iters += 4
    runner.train_loop.run()
    assert counters['stats']['unique_graphs'] == graphs


def test_options_together_leave_the_losses(tmp_path, finished):
    train(
        tmp_path,
        **execution(channels_last=True, tf32=True, checkpointing=BLOCKS),
        **{'optim_wrapper.optimizer.foreach': True},
    )
    assert losses(tmp_path) == pytest.approx(losses(finished), rel=1e-3)


WAYS = {
    'usual': {},
    'checkpointing': execution(checkpointing=BLOCKS),
    'channels_last': execution(channels_last=True),
    'separate_backward': execution(separate_backward=True),
}


def train_as_rank(rank, folder):
    for name, options in WAYS.items():
        cfg = tiny_config(
            folder / name,
            TINY / 'tiny_double.py',
            **options,
            **{
                'launcher': 'pytorch',
                'train_dataloader.batch_size': 2,
                'train_dataloader.sampler.batch_size': 2,
                'train_cfg.max_iters': 2,
                'default_hooks.checkpoint.interval': 2,
            },
        )
        prepare_distributed(cfg)
        ClassMixRunner.from_cfg(cfg).train()


@pytest.fixture(scope='module')
def by_two_processes(tmp_path_factory):
    """Weights of trainings in float64, all by the same two processes."""
    folder = tmp_path_factory.mktemp('two')
    assert run_ranks(train_as_rank, folder) == [None, None]
    return {name: weights(folder / name, 'iter_2.pth') for name in WAYS}


@pytest.mark.parametrize(
    ('name', 'difference'),
    [
        ('checkpointing', 0),
        ('channels_last', 1e-9),
        # The order of sums over ranks may change.
        ('separate_backward', 1e-12),
    ],
)
def test_two_processes_agree_with_the_usual_way(
    by_two_processes, name, difference
):
    usual, other = by_two_processes['usual'], by_two_processes[name]
    assert largest_difference(usual, other) <= difference


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(channels_last='yes'), "channels_last='yes'"),
        (dict(torch_compile='inductor'), "torch_compile='inductor'"),
        (dict(checkpointing=True), 'checkpointing=True'),
        (dict(tf32='high'), "tf32='high'"),
        (dict(torch_compile=True, checkpointing=BLOCKS), 'exclude each'),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ExecutionHook(**options)


def test_what_does_not_fit_the_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match='layr.*backbone.layer1'):
        train(tmp_path / 'a', **execution(checkpointing='backbone.layr1'))
    with pytest.raises(ValueError, match='separate_backward=True.*one loss'):
        train(tmp_path / 'b', SUPERVISED, **execution(separate_backward=True))
