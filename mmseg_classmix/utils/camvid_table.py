"""The experiments on CamVid, which a CPU trains: docs/experiments.md."""

from functools import partial

from .paper import SEMI_SUPERVISED, SUPERVISED, Experiment

FRACTIONS = ('1-8', '1-30', '1-4', '1-2')
# Other mixes, at the fraction of the first row.
MIXES = ('no_mix', 'cutmix', 'cowmix')


def _rows(fraction: str) -> list[Experiment]:
    name = f'camvid_{fraction}_lite0'
    baseline = f'supervised/{name}'
    row = partial(
        Experiment,
        table='camvid',
        data='CamVid',
        fraction=fraction,
        labeled=2,
    )
    ours = partial(row, method=SEMI_SUPERVISED, baseline=baseline)
    mixes = MIXES if fraction == FRACTIONS[0] else ()
    return [
        row(config=baseline, method=SUPERVISED),
        *(
            ours(config=f'ablations/{mix}', ablation_base=name)
            for mix in mixes
        ),
        ours(config=f'classmix/{name}'),
    ]


CAMVID = [row for fraction in FRACTIONS for row in _rows(fraction)]
