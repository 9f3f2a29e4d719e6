"""Validation and tools/test.py with the real Runner and real files."""

import json

import pytest
from mmseg.registry import TRANSFORMS
from support import CLASSMIX, log_lines, tiny_config
from tool_process import run_python

from mmseg_classmix.engine.runner import ClassMixRunner


def test_validation_reports_both_networks(finished):
    scores = log_lines(finished)[-1]
    assert {'student/mIoU', 'teacher/mIoU'} <= scores.keys()
    assert (finished / 'best_student_mIoU_iter_4.pth').is_file()


def test_tools_test_repeats_the_validation(finished, tmp_path):
    network = 'teacher'
    done = run_python(
        'test.py',
        CLASSMIX,
        finished / 'iter_4.pth',
        '--work-dir',
        tmp_path,
        '--out',
        tmp_path / 'masks',
        '--show-dir',
        tmp_path / 'painted',
        '--cfg-options',
        f'model.predict_on={network}',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    (result,) = tmp_path.glob('*/*.json')
    score = json.loads(result.read_text())['mIoU']
    assert score == pytest.approx(log_lines(finished)[-1][f'{network}/mIoU'])
    assert len(list((tmp_path / 'masks').glob('*.png'))) == 3
    assert len(list((tmp_path / 'painted').rglob('*.png'))) == 3


def test_validation_reads_each_image_once(tmp_path):
    paths = []

    class CountReads:
        def __call__(self, results):
            paths.append(results['img_path'])
            return results

    TRANSFORMS.register_module(module=CountReads, force=True)
    cfg = tiny_config(tmp_path)
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    cfg.val_dataloader.dataset.pipeline.insert(1, dict(type='CountReads'))
    ClassMixRunner.from_cfg(cfg).train()
    assert len(paths) == len(set(paths)) == 3
