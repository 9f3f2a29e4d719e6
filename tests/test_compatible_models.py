"""docs/compatible_models.md says what trains with the installed mmseg."""

import gc
import re
from importlib.metadata import PackageNotFoundError, version

import pytest
from mmengine.config import Config
from model_trial import try_model
from other_models import published_configs, small_segmentor
from support import ROOT

PAGE = (ROOT / 'docs' / 'compatible_models.md').read_text('utf-8')
ROWS = [
    [cell.strip() for cell in line.strip('|').split('|')]
    for line in PAGE.splitlines()
    if line.startswith('|')
]
TABLE = {row[0].strip('`'): row for row in ROWS[2:]}
SIZES = (64, 256, 512)


def test_table_has_all_models_of_mmseg_and_no_failure():
    files = (published_configs() / '_base_' / 'models').glob('*.py')
    assert {f'models/{path.name}' for path in files} <= set(TABLE)
    verdicts = {verdict for row in TABLE.values() for verdict in row[1:3]}
    assert verdicts == {'trains', 'early error', 'not alone'}


@pytest.mark.parametrize(
    ('head', 'verdict', 'why'),
    [
        ({}, 'trains', ''),
        (dict(num_classes=3, out_channels=1), 'early error', 'num_classes=3'),
        (dict(type='NoSuchHead'), 'not alone', 'NoSuchHead'),
    ],
)
def test_trial_says_who_is_to_blame(tmp_path, head, verdict, why):
    model = small_segmentor('classmix_segformer-b0_cityscapes_1-8')
    cfg = Config(dict(model=model))
    cfg.merge_from_dict({'model.decode_head': head})
    path = tmp_path / 'config.py'
    path.write_text(f'model = {cfg.model.to_dict()!r}\n')
    outcome = try_model(str(path), [64])
    assert outcome.verdict == verdict and why in outcome.why


@pytest.mark.slow
@pytest.mark.parametrize('name', TABLE)
def test_table_holds(name):
    try:
        installed = f'onedl-mmsegmentation {version("onedl-mmsegmentation")}'
    except PackageNotFoundError:
        installed = f'mmsegmentation {version("mmsegmentation")}'
    if installed not in ROWS[0]:
        pytest.skip(f'the table has no {installed}')
    folder = published_configs()
    if name.startswith('models/'):
        folder = folder / '_base_'
    outcome = try_model(str(folder / name), SIZES)
    gc.collect()
    expected = TABLE[name][ROWS[0].index(installed)]
    assert outcome.verdict == expected, outcome.why
    note = re.search(r'needs more than \d+x\d+ pixels', outcome.why)
    assert not note or note[0] in TABLE[name][3]
