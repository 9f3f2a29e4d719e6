"""tools/test.py on both networks, one of them, and on a supervised one."""

import json

import numpy as np
import pytest
import torch
from mmengine.registry import LOOPS
from mmengine.runner import TestLoop
from ranks import run_ranks
from support import CLASSMIX, SUPERVISED, call_tool, load, part, tiny_config

from mmseg_classmix.distributed import prepare_distributed
from mmseg_classmix.engine.runner import ClassMixRunner

LOOP = 'TeacherStudentTestLoop'


def result_of(checkpoint, work_dir, config=CLASSMIX, **options):
    cfg = tiny_config(work_dir, config, **options)
    cfg.load_from = str(checkpoint)
    return ClassMixRunner.from_cfg(cfg).test()


@pytest.fixture(scope='module')
def checkpoint(finished, tmp_path_factory):
    """Networks that differ, and predict all classes."""
    weights = load(finished / 'iter_4.pth')['state_dict']
    generator = torch.Generator().manual_seed(0)
    for key, value in weights.items():
        if 'decode_head' in key and 'weight' in key:
            noise = torch.randn(value.shape, generator=generator)
            value += 20 * noise * value.std()
    path = tmp_path_factory.mktemp('networks') / 'net.pth'
    torch.save(weights, path)
    return path


@pytest.fixture(scope='module')
def stock(checkpoint, tmp_path_factory):
    """What mmengine's loop says of each network alone."""
    return {
        name: result_of(
            checkpoint,
            tmp_path_factory.mktemp(name),
            **{'model.predict_on': name},
        )
        for name in ('student', 'teacher')
    }


def test_both_are_tested_in_one_pass(checkpoint, stock, tmp_path):
    predict_on = 'teacher'
    assert stock['student'] != stock['teacher']
    options = {'test_cfg.type': LOOP, 'model.predict_on': predict_on}
    metrics = result_of(checkpoint, tmp_path, **options)
    for name, scores in stock.items():
        for key, value in scores.items():
            found = metrics[f'{name}/{key}']
            assert found == pytest.approx(value, abs=0.011)
    # The usual names are those of the network that predicts, and last.
    usual = {k: v for k, v in metrics.items() if '/' not in k}
    assert usual == stock[predict_on]
    assert list(metrics)[-3:] == list(usual)


@pytest.mark.parametrize('network', ['student', 'teacher'])
def test_one_network_is_tested_as_ever(checkpoint, stock, tmp_path, network):
    options = {'test_cfg.type': LOOP, 'test_cfg.network': network}
    assert result_of(checkpoint, tmp_path, **options) == stock[network]


def test_tool_prints_a_table_and_draws_a_matrix(checkpoint, stock, tmp_path):
    done = call_tool(
        'test.py',
        CLASSMIX,
        checkpoint,
        '--work-dir',
        tmp_path,
        '--network',
        'both',
        '--confusion-matrix',
        tmp_path / 'matrix.pdf',
        '--out',
        tmp_path / 'masks',
        '--cfg-options',
        'model.predict_on=teacher',
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    (means,) = [line for line in lines if line.startswith('| mean')]
    values = [float(cell) for cell in means.split('|')[2:-1]]
    expected = [
        stock[name][key]
        for key in ('mIoU', 'mAcc')
        for name in ('student', 'teacher')
    ]
    assert values == pytest.approx(expected, abs=0.011)
    (result,) = tmp_path.glob('*/*.json')
    assert json.loads(result.read_text())['mIoU'] == stock['teacher']['mIoU']
    assert len(list((tmp_path / 'masks').glob('*.png'))) == 3
    assert (tmp_path / 'matrix.pdf').read_bytes().startswith(b'%PDF')


def test_tool_augments_for_both(checkpoint, tmp_path):
    options = ['--work-dir', tmp_path, '--tta']
    scores = {}
    for name in ('student', 'teacher', 'both'):
        done = call_tool(
            'test.py',
            CLASSMIX,
            checkpoint,
            *options,
            '--network',
            name,
        )
        assert done.returncode == 0, done.stdout
        newest = max(
            tmp_path.glob('*/*.json'), key=lambda p: p.stat().st_mtime
        )
        scores[name] = json.loads(newest.read_text())
    assert scores['both']['mIoU'] == scores['student']['mIoU']
    for name in ('student', 'teacher'):
        found = scores['both'][f'{name}/mIoU']
        assert found == pytest.approx(scores[name]['mIoU'], abs=0.011)


@pytest.fixture(scope='module')
def plain(checkpoint):
    """The student as a supervised checkpoint."""
    path = checkpoint.with_name('plain.pth')
    torch.save(part(load(checkpoint), 'student'), path)
    return path


def test_supervised_network_is_tested_as_ever(plain, stock, tmp_path):
    done = call_tool(
        'test.py',
        SUPERVISED,
        plain,
        '--work-dir',
        tmp_path,
        '--confusion-matrix',
        tmp_path / 'm.png',
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 'm.png').stat().st_size > 1000
    rows = [x for x in done.stdout.splitlines() if x.startswith('|')]
    assert len([row for row in rows if 'box' in row]) == 1
    (result,) = tmp_path.glob('*/*.json')
    found = json.loads(result.read_text())
    assert {k: found[k] for k in stock['student']} == stock['student']
    assert not [key for key in found if '/' in key]


def test_supervised_model_has_no_other_network(plain, tmp_path):
    options = {'test_cfg.type': LOOP, 'test_cfg.network': 'teacher'}
    with pytest.raises(ValueError, match='EncoderDecoder has one network'):
        result_of(plain, tmp_path, SUPERVISED, **options)


def test_without_masks_there_is_nothing_to_compare(checkpoint, tmp_path):
    options = {
        'test_cfg.type': LOOP,
        'test_evaluator.format_only': True,
        'test_evaluator.output_dir': str(tmp_path / 'out'),
    }
    assert result_of(checkpoint, tmp_path / 'a', **options) == {}
    options['test_cfg.confusion_matrix'] = 'matrix.png'
    with pytest.raises(ValueError, match='format_only=True'):
        result_of(checkpoint, tmp_path / 'b', **options)


@LOOPS.register_module()
class OwnTestLoop(TestLoop):
    """Somebody's loop."""


def test_own_loop_is_kept(checkpoint, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(
        f'_base_ = {str(CLASSMIX)!r}\ntest_cfg = dict(type="OwnTestLoop")\n'
    )
    arguments = (config, checkpoint, '--work-dir', tmp_path)
    message = "test_cfg.type='OwnTestLoop': --network and"
    with pytest.raises(ValueError, match=message):
        call_tool('test.py', *arguments, '--network', 'both')


def run_as_rank(rank, checkpoint, work_dir, picture):
    cfg = tiny_config(work_dir, **{'test_cfg.type': LOOP})
    cfg.test_cfg.confusion_matrix = picture
    cfg.load_from, cfg.launcher = str(checkpoint), 'pytorch'
    prepare_distributed(cfg)
    return ClassMixRunner.from_cfg(cfg).test()


def test_two_processes_see_every_image_once(checkpoint, tmp_path):
    # Three images: one process gets one of them twice.
    picture = tmp_path / 'matrix.png'
    outcomes = run_ranks(run_as_rank, checkpoint, tmp_path, str(picture))
    alone = result_of(checkpoint, tmp_path / 'one', **{'test_cfg.type': LOOP})
    assert outcomes == [alone, alone]
    assert picture.is_file()
    assert np.isfinite(list(alone.values())).all()
