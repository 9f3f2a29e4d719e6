"""`check_stack` against made-up environments, each in its own process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import packaging
import pytest

from mmseg_classmix.stack_check import check_stack

ROOT = Path(__file__).resolve().parents[1]
ONEDL = {
    'torch': '2.13.0+cpu',
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmsegmentation': '1.4.2',
}
OPENMMLAB = {
    'torch': '2.13.0',
    'mmengine': '0.10.7',
    'mmcv': '2.1.0',
    'mmsegmentation': '1.2.2',
}
MODULE = {'mmsegmentation': 'mmseg', 'mmcv-lite': 'mmcv', 'mmcv-full': 'mmcv'}
REAL_LIMIT = "MMCV_MIN = '2.0.0rc4'\nMMCV_MAX = '2.2.0'\n"
# The file alone, so that the check is seen apart from the rest of the package.
CODE = f"""
import runpy
path = {str(ROOT / 'mmseg_classmix' / 'stack_check.py')!r}
runpy.run_path(path)['check_stack']()
"""


def install(site: Path, versions: dict[str, str]) -> None:
    """Lays out distributions the way pip does, without their code."""
    for name, version in versions.items():
        info = site / f'{name.replace("-", "_")}-{version}.dist-info'
        info.mkdir(parents=True)
        (info / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n'
        )
        name = name.removeprefix('onedl-')
        module = site / MODULE.get(name, name)
        module.mkdir(exist_ok=True)
        (module / '__init__.py').touch()
        if name == 'mmcv' and 'onedl-mmcv' not in versions:
            (module / '_ext.cpython-311-x86_64-linux-gnu.so').touch()
        if name == 'mmsegmentation' and not version.startswith('0.'):
            (module / 'registry').mkdir()
            if 'mmsegmentation' in versions:
                (module / '__init__.py').write_text(REAL_LIMIT)


def run(site: Path, code: str = CODE) -> subprocess.CompletedProcess:
    """Runs Python with the standard library and `site` only."""
    return subprocess.run(
        [sys.executable, '-S', '-c', code],
        env={**os.environ, 'PYTHONPATH': str(site)},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site directory that holds nothing but `packaging`."""
    shutil.copytree(packaging.__path__[0], tmp_path / 'packaging')
    return tmp_path


def assert_one_clear_message(stderr: str, *parts: str) -> None:
    """Checks for a single ImportError with all parts and both ways out."""
    assert stderr.count('Traceback') == 1, stderr
    message = stderr.partition('\nImportError: ')[2]
    for part in (
        *parts,
        'pip install -r requirements.txt',
        'onedl-mmsegmentation==1.4.2',
        'pip install -r requirements/openmmlab.txt',
        '--no-build-isolation mmcv==2.1.0',
    ):
        assert part in message, stderr


def test_current_environment_passes():
    check_stack()


@pytest.mark.parametrize('versions', [ONEDL, OPENMMLAB])
def test_complete_stack_passes(site, versions):
    install(site, versions)
    result = run(site)
    assert result.returncode == 0, result.stderr


def test_unreadable_version_is_not_held_against_a_stack(site):
    install(site, {**ONEDL, 'torch': '2.1.0a0+nv-local build'})
    result = run(site)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ('versions', 'parts'),
    [
        ({}, ['torch is missing', 'mmseg is missing', 'Found: nothing']),
        ({'torch': '2.13.0'}, ['mmengine is missing', 'torch 2.13.0']),
        (
            {**OPENMMLAB, 'mmengine': '0.9.1'},
            ['mmengine 0.9.1 is too old: 0.10 or later'],
        ),
        (
            {**OPENMMLAB, 'mmcv': '2.0.0rc3'},
            ['mmcv 2.0.0rc3 is too old: 2.0.0rc4 or later'],
        ),
        (
            {**OPENMMLAB, 'mmcv': '2.2.0'},
            ['mmsegmentation refuses mmcv 2.2.0 and later', 'mmcv 2.2.0'],
        ),
        (
            {**OPENMMLAB, 'mmsegmentation': '0.30.0'},
            ['mmsegmentation 0.30.0 is too old', 'no registry'],
        ),
        (
            {**ONEDL, 'torch': '1.13.1'},
            ['torch 1.13.1 is too old: 2.0 or later'],
        ),
        (
            {'torch': '2.13.0', 'mmengine': '0.10.7', 'mmcv-full': '1.7.2'},
            ['mmcv-full 1.7.2 is too old', 'mmseg is missing'],
        ),
        (
            {**ONEDL, 'mmcv': '2.1.0'},
            ['two stacks', 'onedl-mmcv', 'mmcv 2.1.0'],
        ),
    ],
)
def test_stack_that_cannot_work_is_named(site, versions, parts):
    install(site, versions)
    assert_one_clear_message(run(site).stderr, *parts)


def test_mmcv_without_ops_is_named_for_the_original_mmseg(site):
    versions = {k: v for k, v in OPENMMLAB.items() if k != 'mmcv'}
    install(site, {**versions, 'mmcv-lite': '2.1.0'})
    assert_one_clear_message(
        run(site).stderr, 'compiled ops', 'mmcv-lite 2.1.0'
    )


def test_tokenizer_called_mmseg_is_named(site):
    versions = {k: v for k, v in ONEDL.items() if 'mmseg' not in k}
    install(site, {**versions, 'mmseg': '1.3.0'})
    assert_one_clear_message(
        run(site).stderr, 'mmseg 1.3.0 is a Chinese tokenizer'
    )


def test_folder_called_mmseg_is_not_taken_for_the_package(site):
    install(site, {k: v for k, v in ONEDL.items() if 'mmseg' not in k})
    (site / 'mmseg').mkdir()
    assert_one_clear_message(run(site).stderr, str(site / 'mmseg'))


def test_import_of_the_package_stops_with_the_message(tmp_path):
    # Not even `packaging`: a clone without its requirements installed.
    code = f'import sys; sys.path.append({str(ROOT)!r}); import mmseg_classmix'
    assert_one_clear_message(
        run(tmp_path, code).stderr, 'packaging is not installed'
    )
