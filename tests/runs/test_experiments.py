import pytest
from mmengine.config import Config
from support import ROOT

from mmseg_classmix.distributed.plain_config import plain
from mmseg_classmix.runs.experiments import EXPERIMENTS, TABLES
from mmseg_classmix.runs.settings import (
    data_name,
    fits_baseline,
    images_per_iter,
    labeled_source,
    method_of,
    split_of,
)

# Typed from the paper: labeled share, baseline, ClassMix, improvement.
TABLE_1 = """
1/30   43.84%±0.71  54.07%±1.61  10.23
1/8    54.84%±1.14  61.35%±0.62  6.51
1/4    60.08%±0.62  63.63%±0.33  3.55
1/2    63.02%±0.14  66.29%±0.47  3.27
Full   66.19%±0.11  -            -
"""
TABLE_2 = """
1/100  42.47%  54.18%  11.71
1/50   55.69%  66.15%  10.46
1/20   61.36%  67.77%  6.41
1/8    67.14%  71.00%  3.86
1/4    70.20%  72.45%  2.25
Full   74.13%  -       -
"""
TABLE_3 = {
    'Baseline': ('supervised/cityscapes_1-8', 54.84),
    'Default SSL': ('classmix/cityscapes_1-8', 61.35),
    'CowMix': ('ablations/cowmix', 60.37),
    'CutMix': ('ablations/cutmix', 59.12),
    'Pixel-wise threshold': ('ablations/pixelwise_threshold', 58.61),
    'Sigmoid ramp up': ('ablations/sigmoid_ramp_up', 60.58),
    'Constant unsupervised weight': ('ablations/constant_weight', 60.58),
    'Squared error loss': ('ablations/squared_error', 58.74),
    'No Pseudo-label': ('ablations/no_pseudo_label', 60.15),
    'Random crop Baseline': ('ablations/random_crop_baseline', 56.42),
    'Random crop': ('ablations/random_crop', 62.16),
    'Extra augmentations': ('ablations/extra_augmentations', 61.85),
    '80k iterations Baseline': ('ablations/baseline_80k', 55.05),
    '80k iterations': ('ablations/80k', 62.92),
}


def printed(experiment):
    """A score as the paper prints it."""
    std = '' if experiment.std is None else f'±{experiment.std:.2f}'
    return f'{experiment.mean:.2f}%{std}'


@pytest.mark.parametrize(
    ('table', 'rows'), [('cityscapes', TABLE_1), ('voc12aug', TABLE_2)]
)
def test_main_tables_are_those_of_the_paper(table, rows):
    configs = {e.config: e for e in TABLES[table]}
    for row in rows.strip().splitlines():
        share, base, ours, improvement = row.split()
        name = f'{table}_{share.lower().replace("/", "-")}'
        assert printed(configs.pop(f'supervised/{name}')) == base
        if ours == '-':
            continue
        experiment = configs.pop(f'classmix/{name}')
        assert printed(experiment) == ours
        assert f'{experiment.published_gain:.2f}' == improvement
    assert not configs


def test_ablations_are_those_of_the_paper():
    scores = {e.config: e.mean for e in TABLES['ablations']}
    assert {c: m for c, m in scores.items() if m is not None} == dict(
        TABLE_3.values()
    )
    gains = {e.config[10:]: e.published_gain for e in TABLES['ablations']}
    assert gains['random_crop'] == 5.74
    assert gains['80k'] == 7.87
    assert gains['cutmix'] == 4.28
    assert gains['no_mix'] is gains['baseline_80k'] is None


def test_configs_are_recognized_and_find_their_baseline():
    compared = {}
    for e in EXPERIMENTS:
        path = ROOT / 'configs' / f'{e.config}.py'
        cfg = Config.fromfile(str(path), import_custom_modules=False)
        cfg = plain(cfg.to_dict())
        source = labeled_source(cfg)
        fraction, _ = split_of(source, path.stem)
        iters = cfg['train_cfg']['max_iters']
        assert (data_name(source), fraction) == (e.data, e.fraction), path
        assert (method_of(cfg), iters) == (e.method, e.max_iters), path
        assert images_per_iter(cfg, 2)[0] == e.labeled, path
        compared[e.config] = (
            data_name(source),
            fraction,
            iters,
            fits_baseline(cfg, 2),
        )
    supervised = [e.config for e in EXPERIMENTS if e.baseline is None]
    for e in EXPERIMENTS:
        if e.baseline is not None:
            fitting = [
                c for c in supervised if compared[c] == compared[e.config]
            ]
            assert fitting == [e.baseline]
