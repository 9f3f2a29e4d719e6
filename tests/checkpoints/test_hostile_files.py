"""Files that somebody sends, with a program inside, given to every tool."""

import json
import re
import shutil
import sys

import pytest
import torch
from run_logs import write_run, write_table_configs
from support import CLASSMIX, ROOT, call_tool, run_process
from tool_process import run_python

TOOLS = ROOT / 'tools'
# Runs commands one after the other: importing takes longer than failing.
DRIVER = """
import json, runpy, sys
for number, words in enumerate(json.load(open(sys.argv[1]))):
    sys.argv = words
    try:
        runpy.run_path(words[0], run_name='__main__')
        print(f'\\nEND {number}: no error')
    except BaseException as error:
        text = ' '.join(str(error).split())
        print(f'\\nEND {number}: {type(error).__name__}: {text}')
"""


@pytest.fixture
def hostile_run(tmp_path):
    """A run of the first row of Table 1, whose config is a program."""
    configs = write_table_configs(tmp_path / 'configs')
    out = tmp_path / 'out'
    work_dir = out / 'cityscapes/supervised/cityscapes_1-8/seed_0'
    write_run(work_dir, 'cityscapes_1-8', {40_000: 50})
    target = tmp_path / 'executed'
    # As mmengine dumps the config of a run.
    for path in ('cityscapes_1-8.py', '20260101_000000/vis_data/config.py'):
        (work_dir / path).write_text(f'open({str(target)!r}, "w")\n')
    return configs, out, target


def test_tables_do_not_run_the_configs_in_work_directories(hostile_run):
    configs, out, target = hostile_run
    done = call_tool('analysis_tools/summarize_runs.py', out)
    assert done.returncode == 0, done.stdout
    table = ('cityscapes', '--dry-run', '--only', 'supervised/*_1-8')
    folders = ('--configs', configs, '--work-dir', out)
    done = call_tool('run_table.py', *table, '--seeds', 0, *folders)
    assert 'finished run of 40000 iterations, not 4' in done.stdout
    assert not target.exists()


class Touch:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return open, (self.target, 'w')


def write_hostile(path, checkpoint, target):
    """A checkpoint of ours with one object more."""
    content = torch.load(checkpoint, weights_only=True)
    content['meta']['extra'] = Touch(target)
    torch.save(content, path)
    # It does what it says where nobody refuses.
    torch.load(path, weights_only=False)
    assert target.exists()
    target.unlink()
    return path


def commands(path, out):
    """Every way to have a checkpoint or weights loaded."""
    train = [TOOLS / 'train.py', CLASSMIX, '--work-dir', out]
    train.append('--cfg-options')
    backbone = 'model.segmentor.backbone.init_cfg'
    browse = TOOLS / 'analysis_tools' / 'browse_mixes.py'
    convert = TOOLS / 'model_converters' / 'deeplab_coco.py'
    return {
        'load_from': [*train, f'load_from={path}'],
        'init_cfg': [
            *train,
            f'{backbone}.type=Pretrained',
            f'{backbone}.checkpoint={path}',
        ],
        'resume': [*train, 'resume=True', f'load_from={path}'],
        'test': [TOOLS / 'test.py', CLASSMIX, path, '--work-dir', out],
        'browse': [browse, CLASSMIX, path, '--output', out / 'mixes.png'],
        'convert': [convert, path, out / 'out.pth'],
    }


def test_no_tool_runs_what_is_in_a_checkpoint(tmp_path, finished):
    target = tmp_path / 'executed'
    path = write_hostile(
        tmp_path / 'iter_9.pth', finished / 'iter_4.pth', target
    )
    every = commands(path, tmp_path / 'out')
    script = tmp_path / 'commands.json'
    words = [list(map(str, command)) for command in every.values()]
    script.write_text(json.dumps(words))
    done = run_process(sys.executable, '-c', DRIVER, script, cwd=tmp_path)
    assert not target.exists(), done.stdout[-3000:]
    ends = re.findall(r'^END \d+: (.*)$', done.stdout, re.MULTILINE)
    assert len(ends) == len(every), done.stdout[-3000:]
    for name, end in zip(every, ends, strict=True):
        assert end.startswith('ValueError: '), (name, end)
        assert str(path) in end, (name, end)


def test_a_run_is_not_resumed_from_a_hostile_checkpoint(tmp_path, finished):
    work_dir, target = tmp_path / 'run', tmp_path / 'executed'
    shutil.copytree(finished, work_dir)
    path = write_hostile(
        work_dir / 'iter_9.pth', finished / 'iter_4.pth', target
    )
    (work_dir / 'last_checkpoint').write_text(str(path))
    done = run_python(
        'train.py',
        CLASSMIX,
        '--work-dir',
        work_dir,
        '--resume',
        '--cfg-options',
        'train_cfg.max_iters=5',
        cwd=tmp_path,
    )
    assert not target.exists(), done.stdout[-3000:]
    assert done.returncode == 0, done.stdout[-3000:]
    assert f'Not resumed: {path} cannot be read' in done.stdout
    assert f'Resuming from {work_dir / "iter_4.pth"}' in done.stdout
