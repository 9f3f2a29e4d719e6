"""The experiments that a CPU trains: docs/experiments.md."""

from dataclasses import replace
from functools import partial

from .experiments import SEMI_SUPERVISED, SUPERVISED, Experiment

FRACTIONS = ('1-8', '1-30', '1-4', '1-2')
# Other mixes, at the fraction of the first row.
MIXES = ('no_mix', 'cutmix', 'cowmix')


def _pair(name: str, **common) -> list[Experiment]:
    """A baseline and ClassMix."""
    row = partial(Experiment, **common)
    baseline = f'supervised/{name}'
    return [
        row(config=baseline, method=SUPERVISED),
        row(
            config=f'classmix/{name}',
            method=SEMI_SUPERVISED,
            baseline=baseline,
        ),
    ]


def _camvid(fraction: str) -> list[Experiment]:
    name = f'camvid_{fraction}_lite0'
    baseline, ours = _pair(
        name,
        table='camvid',
        data='CamVid',
        fraction=fraction,
        labeled=2,
        max_iters=2000,
    )
    mixes = MIXES if fraction == FRACTIONS[0] else ()
    others = [
        replace(ours, config=f'ablations/{mix}', ablation_base=name)
        for mix in mixes
    ]
    return [baseline, *others, ours]


CAMVID = [row for fraction in FRACTIONS for row in _camvid(fraction)]
# What all labels would bring.
CAMVID.append(
    replace(CAMVID[0], config='supervised/camvid_full_lite0', fraction='full')
)
QUICKSTART = _pair(
    'street_scenes_r18',
    table='quickstart',
    data='StreetScenes',
    fraction='16-images',
    labeled=4,
    max_iters=1000,
)
