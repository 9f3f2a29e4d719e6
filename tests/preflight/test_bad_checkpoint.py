"""Checkpoints of other networks are refused, not loaded in part."""

import pytest
import torch
from bad_config import problems_of, quick_config, set_value
from error_table import ROWS, rows
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from support import CLASSMIX, SUPERVISED

from mmseg_classmix.engine.runner import build_runner
from mmseg_classmix.preflight import PreflightError


def save(path, config, **options):
    """Save the weights of a network at its random start."""
    cfg = Config.fromfile(str(config))
    cfg.merge_from_dict(options)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return str(path)


HEAD = 'model.segmentor.decode_head.num_classes'
DEPTH = 'model.segmentor.backbone.depth'
# What lies in the checkpoint, who loads it, what is said.
CASES = {
    'checkpoint with another number of classes': (
        (CLASSMIX, {HEAD: 5}),
        CLASSMIX,
        ['decode_head', '(5, 32, 3, 3)', '(3, 32, 3, 3)', 'init_cfg'],
    ),
    'checkpoint of another backbone': (
        (
            CLASSMIX,
            {DEPTH: 50, 'model.segmentor.decode_head.in_channels': 128},
        ),
        CLASSMIX,
        ['backbone', 'missing', 'use the config that it was trained with'],
    ),
    'checkpoint of MeanTeacherSegmentor for a plain segmentor': (
        (CLASSMIX, {}),
        SUPERVISED,
        ['missing', 'MeanTeacherSegmentor', 'model.predict_on'],
    ),
    'supervised checkpoint with another number of classes': (
        (SUPERVISED, {'model.decode_head.num_classes': 5}),
        CLASSMIX,
        ['(5, 32, 3, 3)', 'the number of classes differs'],
    ),
}


@pytest.mark.parametrize('case', rows(CASES))
def test_it_is_refused(case, tmp_path, tiny_data):
    assert ROWS[case].found == 'start'
    (saved, options), config, words = CASES[case]
    path = save(tmp_path / 'saved.pth', saved, **options)
    load = set_value('load_from', path)
    (problem,) = problems_of(tmp_path, load, config=config)
    assert [w for w in (path, *words) if w not in problem] == []


@pytest.mark.parametrize('use', ['train', 'test', 'load_or_resume'])
def test_no_run_starts_from_it(use, tmp_path, tiny_data):
    path = save(tmp_path / 'saved.pth', CLASSMIX, **{HEAD: 5})
    cfg = quick_config(tmp_path / 'run', load_from=path)
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='NoIteration')]
    runner = build_runner(cfg)
    with pytest.raises(PreflightError, match='number of classes differs'):
        getattr(runner, use)()


@pytest.mark.parametrize(
    ('saved', 'loading'),
    [(CLASSMIX, CLASSMIX), (SUPERVISED, CLASSMIX), (SUPERVISED, SUPERVISED)],
)
def test_a_checkpoint_that_fits_is_loaded(saved, loading, tmp_path, tiny_data):
    path = save(tmp_path / 'saved.pth', saved)
    state = torch.load(path, weights_only=True)['state_dict']
    runner = build_runner(
        quick_config(tmp_path / 'run', loading, load_from=path)
    )
    runner.load_or_resume()
    name = 'backbone.conv1.weight'
    for key, value in runner.model.state_dict().items():
        if key.endswith(name):
            same = state.get(key, state.get(name))
            assert torch.equal(value, same)
