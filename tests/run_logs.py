"""Work directories as mmengine leaves them, with scores of our choice."""

import json
import runpy
import subprocess
import sys

import pytest
from mmengine.config import Config
from support import CLASSMIX, ROOT, SUPERVISED, environment

# Of a real log; the number of processes is at its head.
LOG = 'Runtime environment:\n    Distributed launcher: none\n    GPU number: '


def experiment_config(name, semi, data, fraction, seed, **options):
    """The shipped config of Cityscapes; of other data a tiny one like it."""
    kinds = ('classmix', 'ablations') if semi else ('supervised', 'ablations')
    paths = [ROOT / 'configs' / kind / f'{name}.py' for kind in kinds]
    paths = [path for path in paths if path.is_file() and 'City' in data]
    paths.append(CLASSMIX if semi else SUPERVISED)
    cfg = Config.fromfile(str(paths[0]))
    lists = f'/splits/x/{fraction}_{seed}_'
    source = 'train_dataloader.dataset.datasets'
    values = {
        f'{source}.0.type': data,
        f'{source}.0.data_root': '/data/root',
        'randomness.seed': seed,
        'train_cfg.max_iters': 40_000,
        'train_dataloader.batch_size': 4 if semi else 2,
    }
    if fraction == 'full':
        cfg.train_dataloader.dataset.datasets[0].pop('ann_file', None)
    else:
        values[f'{source}.0.ann_file'] = f'{lists}labeled.txt'
        if semi:
            values[f'{source}.1.ann_file'] = f'{lists}unlabeled.txt'
    cfg.merge_from_dict({**values, **options})
    return cfg


def write_run(
    work_dir,
    name,
    scores,
    semi=False,
    data='CityscapesDataset',
    fraction='1-8',
    seed=0,
    processes=1,
    start='20260101_000000',
    **options,
):
    """Write one start of a run.

    Args:
        scores: mIoU by iteration; of a mean teacher (student, teacher).
        options: Dotted keys of the config, and their values.
    """
    cfg = experiment_config(name, semi, data, fraction, seed, **options)
    vis = work_dir / start / 'vis_data'
    vis.mkdir(parents=True)
    cfg.dump(str(vis / 'config.py'))
    cfg.dump(str(work_dir / f'{name}.py'))
    (work_dir / start / f'{start}.log').write_text(f'{LOG}{processes}\n')
    lines = []
    for step, value in scores.items():
        lines.append(dict(loss=1.0, time=0.1, iter=step, step=step))
        line = dict(mIoU=value)
        if semi:
            line = {'student/mIoU': value[0], 'teacher/mIoU': value[1]}
        lines.append({**line, 'data_time': 0.1, 'time': 0.1, 'step': step})
    (vis / 'scalars.json').write_text(
        ''.join(f'{json.dumps(line)}\n' for line in lines)
    )
    return work_dir


def write_table_configs(root):
    """The rows of 1/8 of Cityscapes, on tiny data, with two splits."""
    lists = '{{ fileDirname }}/../splits/tiny/1-8_0_'
    labeled = f'labeled.ann_file = {lists + "labeled.txt"!r}\n'
    for method, base in (('supervised', SUPERVISED), ('classmix', CLASSMIX)):
        text = f'_base_ = {str(base)!r}\nlabeled = _base_.labeled\n{labeled}'
        sources = '[labeled]'
        if method == 'classmix':
            text += 'unlabeled = _base_.unlabeled\n'
            sources = '[labeled, unlabeled]'
        text += f'train_dataloader = dict(dataset=dict(datasets={sources}))\n'
        path = root / method / 'cityscapes_1-8.py'
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (root / 'splits' / 'tiny').mkdir(parents=True)
    names = dict(labeled=('im_0\nim_1\n', 'im_2\nim_3\n'))
    names['unlabeled'] = ('im_0\nim_1\nim_2\n', 'im_3\nim_4\nim_5\n')
    for kind, seeds in names.items():
        for seed, text in enumerate(seeds):
            path = root / 'splits' / 'tiny' / f'1-8_{seed}_{kind}.txt'
            path.write_text(text)
    return root


def run_tool(tool, *arguments, cwd=None, **env):
    """Run a tool as a shell does, stdout and stderr apart."""
    return subprocess.run(
        [sys.executable, str(tool), *map(str, arguments)],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=300,
    )


def call_tool(tool, monkeypatch, capsys, *arguments):
    """Run a tool in this process, which has imported everything already.

    Returns:
        Its stdout, its stderr, and what it passed to sys.exit.
    """
    main = runpy.run_path(str(tool))['main']
    monkeypatch.setattr(sys, 'argv', [str(tool), *map(str, arguments)])
    capsys.readouterr()
    error = None
    try:
        main()
    except SystemExit as stop:
        error = stop.code
    return *capsys.readouterr(), error


def tool_fixture(tool):
    """A fixture that runs a tool in this process: its stdout and its error."""

    @pytest.fixture
    def call(monkeypatch, capsys):
        def run(*arguments):
            out, _, error = call_tool(tool, monkeypatch, capsys, *arguments)
            return out, error

        return run

    return call
