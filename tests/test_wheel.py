"""The wheel carries what is needed to train away from the repository."""

import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from documents import blocks_of
from mmengine.config import Config
from support import ROOT, run_process

from mmseg_classmix.deploy.onnx_graph import NEEDED

FOLDERS = ('configs', 'tools')
MIM = 'mmseg_classmix/.mim'
SCENES = 'street_scenes_r18.py'


def tracked_files(*folders):
    """What git has in them, but without git: a source archive has none."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob('*')
        if path.is_file() and path.suffix != '.pyc'
    }


@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    """A wheel, built from a copy: nothing is left in the source tree."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    source.mkdir()
    for name in ('mmseg_classmix', *FOLDERS):
        shutil.copytree(ROOT / name, source / name)
    names = 'setup.py pyproject.toml MANIFEST.in model-index.yml'.split()
    for name in [*names, 'README.md', 'LICENSE']:
        shutil.copy(ROOT / name, source)
    code = (
        'import sys; from setuptools import build_meta;'
        'build_meta.build_wheel(sys.argv[1])'
    )
    done = run_process(sys.executable, '-c', code, folder, cwd=source)
    assert done.returncode == 0, done.stdout
    (path,) = folder.glob('*.whl')
    return path


@pytest.fixture(scope='session')
def site(wheel, tmp_path_factory):
    """A folder of site-packages that has the wheel and nothing else."""
    folder = tmp_path_factory.mktemp('site')
    done = run_process(
        *(sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-index'),
        *('--target', folder, wheel),
    )
    assert done.returncode == 0, done.stdout
    return folder


def run_installed(site, *command, cwd):
    """Run Python where the package is that of the wheel."""
    quick = ROOT / 'tests' / 'quick'
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={
            **os.environ,
            'PYTHONPATH': f'{quick}{os.pathsep}{site}',
            'OMP_NUM_THREADS': '1',
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_wheel_has_package_configs_tools_and_the_extra_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        found = {name for name in file.namelist() if '.dist-info/' not in name}
    expected = {
        f'{MIM}/{name}'
        for name in [*tracked_files(*FOLDERS), 'model-index.yml']
    }
    assert found == expected | tracked_files('mmseg_classmix')
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith('/METADATA')]
        text = archive.read(name).decode()
    extra = re.findall(
        r'^Requires-Dist: (\w+) ?; extra == .deploy.$', text, re.MULTILINE
    )
    assert sorted(extra) == sorted(NEEDED)


def test_scripts_run_and_configs_find_their_lists(site):
    scripts = list((site / MIM / 'tools').glob('*.sh'))
    assert len(scripts) == 5
    assert all(os.access(path, os.X_OK) for path in scripts)
    for method in ('supervised', 'classmix'):
        cfg = Config.fromfile(str(site / MIM / 'configs' / method / SCENES))
        for source in cfg.train_dataloader.dataset.datasets:
            assert os.path.isfile(source.ann_file)
            assert str(site) in os.path.realpath(source.ann_file)


def test_wheel_trains_away_from_the_repository(site, tiny_data, tmp_path):
    code = (
        'import importlib.util as util;'
        'print(util.find_spec("mmseg_classmix").origin)'
    )
    done = run_installed(site, '-c', code, cwd=tmp_path)
    assert done.stdout.startswith(str(site)), done.stdout
    sources = 'train_dataloader.dataset.datasets'
    done = run_installed(
        site,
        site / MIM / 'tools' / 'train.py',
        site / MIM / 'configs' / 'classmix' / SCENES,
        '--cfg-options',
        *(f'{sources}.{i}.data_root={tiny_data}' for i in (0, 1)),
        *(f'{sources}.{i}.ann_file=' for i in (0, 1)),
        f'{sources}.0.data_prefix.seg_map_path=masks/train',
        f'{sources}.1.data_prefix.img_path=images/unlabeled',
        f'val_dataloader.dataset.data_root={tiny_data}',
        'val_dataloader.dataset.data_prefix.seg_map_path=masks/val',
        'train_cfg.max_iters=2',
        'train_cfg.val_interval=2',
        'default_hooks.checkpoint.interval=2',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 'work_dirs/street_scenes_r18/iter_2.pth').is_file()
    assert 'student/mIoU' in done.stdout


def copy_as_the_page_says(site, folder):
    """Run the lines of docs/get_started.md that do not install."""
    page = ROOT / 'docs' / 'get_started.md'
    (block,) = [b for b in blocks_of(page) if 'MIM=' in b.text]
    lines = block.text.splitlines()
    copy = [line for line in lines if not line.startswith('pip install')]
    python = os.path.dirname(sys.executable)
    path = f'{python}{os.pathsep}{os.environ["PATH"]}'
    env = dict(os.environ, PYTHONPATH=str(site), PATH=path)
    script = '\n'.join(copy)
    subprocess.run(['bash', '-ec', script], cwd=folder, env=env, check=True)


def test_commands_of_the_page_copy_configs_and_tools(site, tmp_path):
    copy_as_the_page_says(site, tmp_path)
    for name in FOLDERS:
        found = {
            p.relative_to(tmp_path) for p in tmp_path.glob(f'{name}/**/*')
        }
        there = {p.relative_to(ROOT) for p in ROOT.glob(f'{name}/**/*.py')}
        assert there <= found


@pytest.mark.slow
def test_copied_configs_and_tools_are_a_project(site, tmp_path):
    copy_as_the_page_says(site, tmp_path)
    done = run_installed(
        site, 'tools/quickstart.py', '--iters', 2, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 'data/street_scenes/images/train').is_dir()
    assert (tmp_path / 'work_dirs/quickstart/seed_0/table.md').is_file()
