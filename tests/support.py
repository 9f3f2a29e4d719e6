"""What several test files need: tiny data, configs, runs, real processes."""

import importlib.util
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from mmseg.visualization import SegLocalVisualizer
from torch.distributed.elastic.utils.distributed import get_free_port

from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.models import MeanTeacherSegmentor

ROOT = Path(__file__).resolve().parents[1]
TINY = ROOT / 'tests' / 'configs'
CLASSMIX = TINY / 'tiny_classmix.py'
SUPERVISED = TINY / 'tiny_supervised.py'


def draw_tiny_image(rng):
    """A box and a disk on noise: (32, 40, 3) and (32, 40) uint8."""
    image = rng.integers(0, 60, (32, 40, 3), dtype=np.uint8)
    mask = np.zeros((32, 40), np.uint8)
    x, y = (int(v) for v in rng.integers(2, 20, 2))
    for canvas, color in ((image, (40, 60, 220)), (mask, 1)):
        cv2.rectangle(canvas, (x, y), (x + 12, y + 10), color, -1)
    x, y = (int(v) for v in rng.integers(8, 30, 2))
    for canvas, color in ((image, (60, 200, 60)), (mask, 2)):
        cv2.circle(canvas, (x, min(y, 26)), 5, color, -1)
    return image, mask


def write_tiny_data(root):
    """Write 8 train, 6 unlabeled and 3 val images, and a list of 4."""
    rng = np.random.default_rng(0)
    for split, count in dict(train=8, unlabeled=6, val=3).items():
        for kind in ('images', 'masks'):
            (root / kind / split).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image, mask = draw_tiny_image(rng)
            # Ignored pixels, not the same number in every image.
            mask[: 1 + i] = 255
            cv2.imwrite(str(root / 'images' / split / f'im_{i}.png'), image)
            if split != 'unlabeled':
                cv2.imwrite(str(root / 'masks' / split / f'im_{i}.png'), mask)
    (root / 'masks' / 'unlabeled').rmdir()
    (root / 'labeled.txt').write_text('im_0\nim_1\nim_2\nim_3\n')


def tiny_config(work_dir, config=CLASSMIX, **options):
    """Load a config of tests/configs and override values."""
    cfg = Config.fromfile(str(config))
    cfg.work_dir = str(work_dir)
    # Runs of one process would share mmengine's global objects otherwise.
    name = str(work_dir).replace('/', '_')
    cfg.merge_from_dict({'experiment_name': name, 'visualizer.name': name})
    cfg.merge_from_dict(options)
    return cfg


def train(work_dir, config=CLASSMIX, resume=False, **options):
    """Train in this process and return the runner."""
    cfg = tiny_config(work_dir, config, **options)
    cfg.resume = resume
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    return runner


def load(path):
    """Read a checkpoint as untrusted data."""
    return torch.load(path, map_location='cpu', weights_only=True)


def log_lines(work_dir):
    """Scalars that LoggerHook wrote, one dict a line."""
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def part(state_dict, name):
    """One network of a state dict, under the names of a plain checkpoint."""
    prefix = f'{name}.'
    return {
        key.removeprefix(prefix): value
        for key, value in state_dict.items()
        if key.startswith(prefix)
    }


def run_process(*command, cwd=None, timeout=300, **env):
    """Run a real process and return it finished, output as text."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        timeout=timeout,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def environment(**env):
    """Environment of a test process: this Python, this package, one core."""
    folders = (ROOT / 'tests' / 'quick', ROOT, ROOT / 'tests')
    inherited = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    paths = dict.fromkeys([*map(str, folders), *inherited])
    return {
        **os.environ,
        # Tests run side by side: never the port of the launch scripts.
        'PORT': str(get_free_port()),
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PYTHONPATH': os.pathsep.join(filter(None, paths)),
        'OMP_NUM_THREADS': '1',
        **{key: str(value) for key, value in env.items()},
    }


def largest_difference(first, second):
    """Largest absolute difference of two state dicts of the same keys."""
    assert first.keys() == second.keys()
    return max(
        (first[key].double() - second[key].double()).abs().max().item()
        for key in first
    )


@MODELS.register_module()
class DoubleMeanTeacher(MeanTeacherSegmentor):
    """Float64, so that rounding does not hide or fake a difference."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.student.double()
        self.teacher.double()

    def loss(self, inputs, data_samples):
        return super().loss(inputs.double(), data_samples)

    def predict(self, inputs, data_samples=None):
        return super().predict(inputs.double(), data_samples)


def import_tool(tool):
    """Import tools/TOOL as a module, once."""
    path = ROOT / 'tools' / tool
    name = 'tool_' + '_'.join(path.relative_to(ROOT).with_suffix('').parts)
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        # What Python does with the folder of a script.
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        finally:
            sys.path.remove(str(path.parent))
    return sys.modules[name]


def call_tool(tool, *arguments):
    """Call `main(argv)` of tools/TOOL in this process.

    For all but the tests whose subject is the process itself. Returns the
    exit code and what was printed; other exceptions than SystemExit pass.
    """
    # A process of its own would have none of an earlier run.
    for shared in (MessageHub, SegLocalVisualizer):
        shared._instance_dict.clear()
    output, code = io.StringIO(), None
    with redirect_stdout(output), redirect_stderr(output):
        try:
            code = import_tool(tool).main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code
            if isinstance(code, str):
                print(code)
                code = 1
    return SimpleNamespace(returncode=code or 0, stdout=output.getvalue())
