"""The same training, executed in other ways."""

import pytest
import torch
from support import (
    CLASSMIX,
    SUPERVISED,
    TINY,
    largest_difference,
    load,
    log_lines,
    train,
)
from tool_process import arguments_for, run_tool
from torch._dynamo.utils import counters

from mmseg_classmix.engine.hooks import ExecutionHook

BLOCKS = 'backbone.layer?.*'


def weights(work_dir):
    return load(work_dir / 'iter_4.pth')['state_dict']


def execution(**options):
    return {f'default_hooks.execution.{k}': v for k, v in options.items()}


@pytest.fixture(scope='module')
def usual(tmp_path_factory):
    """A run without any option."""
    folder = tmp_path_factory.mktemp('usual')
    train(folder)
    return folder


@pytest.mark.parametrize('config', [CLASSMIX, SUPERVISED])
def test_checkpointing_changes_nothing(tmp_path, config):
    train(tmp_path / 'usual', config)
    train(tmp_path / 'less', config, **execution(checkpointing=BLOCKS))
    # Running statistics and their counters too, bit for bit.
    first, second = weights(tmp_path / 'usual'), weights(tmp_path / 'less')
    assert any(key.endswith('num_batches_tracked') for key in first)
    assert largest_difference(first, second) == 0


def kept_numbers(folder, **options):
    """Numbers that autograd keeps for the backward pass."""
    kept = []

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        train(folder, **{'train_cfg.max_iters': 1}, **options)
    return sum(kept)


def test_checkpointing_keeps_less(tmp_path):
    # Blocks and all that lies within them are replaced by their inputs.
    all_kept = kept_numbers(tmp_path / 'all')
    some_kept = kept_numbers(
        tmp_path / 'some', **execution(checkpointing=BLOCKS)
    )
    assert some_kept < all_kept


def test_checkpointing_works_in_two_processes(tmp_path):
    states = []
    for name in ('none', BLOCKS):
        folder = tmp_path / str(len(states))
        folder.mkdir()
        run_tool(
            'train.py',
            *(TINY / 'tiny_double.py', '--work-dir', folder, '--cfg-options'),
            'train_dataloader.batch_size=2',
            'train_dataloader.sampler.batch_size=2',
            *(
                ()
                if name == 'none'
                else (f'default_hooks.execution.checkpointing={name}',)
            ),
            cwd=folder,
            ranks=2,
        )
        states.append(load(folder / 'iter_8.pth')['state_dict'])
    assert largest_difference(*states) == 0


def test_channels_last_trains_the_same(tmp_path, usual):
    runner = train(tmp_path, **execution(channels_last=True))
    for network in (runner.model.student, runner.model.teacher):
        weight = network.backbone.layer2[0].conv1.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert not weight.is_contiguous()
    # Another order of the same sums in float32.
    assert largest_difference(weights(usual), weights(tmp_path)) < 1e-4
    resumed = train(
        tmp_path, resume=True, **{'train_cfg.max_iters': 5},
        **execution(channels_last=True),
    )  # fmt: skip
    assert resumed.iter == 5


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def test_compiled_networks_train_the_same(tmp_path, usual, fresh_compiler):
    # Without code generation, which takes a minute.
    how = {
        **execution(torch_compile=dict(backend='aot_eager')),
        # A rate by the name of a parameter; those have not changed.
        'optim_wrapper.paramwise_cfg.custom_keys.decode_head.lr_mult': 1.0,
        'train_cfg.val_interval': 2,
    }
    runner = train(tmp_path, **how)
    assert len(runner.optim_wrapper.optimizer.param_groups) > 1
    assert largest_difference(weights(usual), weights(tmp_path)) < 1e-4
    graphs = counters['stats']['unique_graphs']
    assert graphs > 0
    # More iterations and validations compile nothing more.
    runner.train_loop._max_iters += 4
    runner.train_loop.run()
    assert counters['stats']['unique_graphs'] == graphs


def test_a_name_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match='layr.*backbone.layer1'):
        train(tmp_path, **execution(checkpointing='backbone.layr1'))


@pytest.mark.parametrize(
    'options',
    [
        dict(channels_last='yes'),
        dict(torch_compile='inductor'),
        dict(checkpointing=True),
        dict(tf32='high'),
    ],
)
def test_wrong_types_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f'{name}={value!r}'):
        ExecutionHook(**options)


@pytest.mark.parametrize(
    'other',
    [
        dict(torch_compile=dict(backend='aot_eager')),
        dict(checkpointing=BLOCKS),
    ],
)
def test_all_together_leave_the_losses(tmp_path, usual, fresh_compiler, other):
    train(
        tmp_path,
        **execution(channels_last=True, tf32=True, **other),
        **{'optim_wrapper.optimizer.foreach': True},
    )
    losses = [
        [line['loss'] for line in log_lines(folder) if 'loss' in line]
        for folder in (usual, tmp_path)
    ]
    assert len(losses[0]) == 4
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_compiled_networks_cannot_be_computed_again():
    with pytest.raises(ValueError, match='exclude each other'):
        ExecutionHook(torch_compile=True, checkpointing=BLOCKS)


def test_layouts_agree_in_two_processes(tmp_path):
    states = []
    for index, value in enumerate((False, True)):
        folder = tmp_path / str(index)
        folder.mkdir()
        arguments = arguments_for(folder, ranks=2)
        arguments.append(f'default_hooks.execution.channels_last={value}')
        config = TINY / 'tiny_double.py'
        run_tool('train.py', config, *arguments, cwd=folder, ranks=2)
        states.append(load(folder / 'iter_8.pth')['state_dict'])
    assert largest_difference(*states) < 1e-9


@pytest.mark.parametrize('first', [False, True])
def test_the_layout_may_change_at_a_resume(tmp_path, usual, first):
    fused = {'optim_wrapper.optimizer.fused': True}
    short = {'train_cfg.max_iters': 2}
    train(tmp_path, **short, **fused, **execution(channels_last=first))
    train(tmp_path, resume=True, **fused, **execution(channels_last=not first))
    assert largest_difference(weights(usual), weights(tmp_path)) < 1e-4
