"""The experiments: those of the paper, and those that a CPU trains.

Scores are mIoU in percent on the validation set, from Tables 1, 2 and 3 of
the paper.
"""

from dataclasses import dataclass, replace

SUPERVISED = 'supervised'
SEMI_SUPERVISED = 'semi-supervised'

# Table 1: fraction, baseline and ClassMix, mean and std of three runs.
CITYSCAPES = {
    '1-30': ((43.84, 0.71), (54.07, 1.61)),
    '1-8': ((54.84, 1.14), (61.35, 0.62)),
    '1-4': ((60.08, 0.62), (63.63, 0.33)),
    '1-2': ((63.02, 0.14), (66.29, 0.47)),
    'full': ((66.19, 0.11), None),
}
# Table 2: one run each.
VOC = {
    '1-100': ((42.47, None), (54.18, None)),
    '1-50': ((55.69, None), (66.15, None)),
    '1-20': ((61.36, None), (67.77, None)),
    '1-8': ((67.14, None), (71.00, None)),
    '1-4': ((70.20, None), (72.45, None)),
    'full': ((74.13, None), None),
}
# Table 3: means of three runs on 1/8 of Cityscapes; None: not in the paper.
ABLATIONS = {
    'cowmix': 60.37,
    'cutmix': 59.12,
    'no_mix': None,
    'pixelwise_threshold': 58.61,
    'sigmoid_ramp_up': 60.58,
    'constant_weight': 60.58,
    'squared_error': 58.74,
    'no_pseudo_label': 60.15,
    'random_crop_baseline': 56.42,
    'random_crop': 62.16,
    'extra_augmentations': 61.85,
    'baseline_80k': 55.05,
    '80k': 62.92,
    'published_code': None,
}
# The others are compared with the baseline of Table 1.
ABLATION_BASELINES = {
    'random_crop': 'random_crop_baseline',
    '80k': 'baseline_80k',
}


@dataclass(frozen=True)
class Experiment:
    """One row of a table.

    Attributes:
        config: Path below ``configs``, without ``.py``.
        method: ``SUPERVISED`` or ``SEMI_SUPERVISED``.
        data: As ``settings.data_name`` calls it.
        fraction: Labeled share, as in the names of the split files.
        labeled: Labeled images an iteration, over all processes.
        mean, std: Published mIoU in percent, or None.
        baseline: Config of the supervised run to compare with, or None.
        ablation_base: For a config of ``ablations``, the config that it
            changes, if not that of the paper.
    """

    table: str
    config: str
    method: str
    data: str
    fraction: str
    labeled: int
    max_iters: int = 40_000
    mean: float | None = None
    std: float | None = None
    baseline: str | None = None
    ablation_base: str | None = None

    @property
    def published_gain(self) -> float | None:
        """Published score minus that of the baseline, in points."""
        if self.baseline is None or self.mean is None:
            return None
        (base,) = (e for e in EXPERIMENTS if e.config == self.baseline)
        return round(self.mean - base.mean, 2)


def _pair(
    name: str, base: tuple | None = None, ours: tuple | None = None, **row
) -> list[Experiment]:
    """A baseline and ClassMix, with published means and deviations."""
    config, unknown = f'supervised/{name}', (None, None)
    mean, std = base or unknown
    baseline = Experiment(
        config=config, method=SUPERVISED, mean=mean, std=std, **row
    )
    mean, std = ours or unknown
    semi = Experiment(
        config=f'classmix/{name}',
        method=SEMI_SUPERVISED,
        mean=mean,
        std=std,
        baseline=config,
        **row,
    )
    return [baseline, semi]


def _main_table(scores: dict, **row) -> list[Experiment]:
    rows = []
    for fraction, (base, ours) in scores.items():
        name = f'{row["table"]}_{fraction}'
        pair = _pair(name, base, ours, fraction=fraction, **row)
        rows += pair if ours else pair[:1]
    return rows


def _ablation(name: str, mean: float | None) -> Experiment:
    supervised = name in ABLATION_BASELINES.values()
    baseline = 'supervised/cityscapes_1-8'
    if name in ABLATION_BASELINES:
        baseline = f'ablations/{ABLATION_BASELINES[name]}'
    return Experiment(
        table='ablations',
        config=f'ablations/{name}',
        method=SUPERVISED if supervised else SEMI_SUPERVISED,
        data='Cityscapes',
        fraction='1-8',
        labeled=2,
        max_iters=80_000 if '80k' in name else 40_000,
        mean=mean,
        baseline=None if supervised else baseline,
    )


def _camvid() -> list[Experiment]:
    """Four shares; at the first one other mixes; what all labels bring."""
    rows = []
    for fraction in ('1-8', '1-30', '1-4', '1-2'):
        name = f'camvid_{fraction}_lite0'
        rows += _pair(
            name,
            table='camvid',
            data='CamVid',
            fraction=fraction,
            labeled=2,
            max_iters=2000,
        )
        if fraction == '1-8':
            rows[1:1] = [
                replace(rows[1], config=f'ablations/{mix}', ablation_base=name)
                for mix in ('no_mix', 'cutmix', 'cowmix')
            ]
    full = dict(config='supervised/camvid_full_lite0', fraction='full')
    return [*rows, replace(rows[0], **full)]


_CITYSCAPES = _main_table(
    CITYSCAPES, table='cityscapes', data='Cityscapes', labeled=2
)
_VOC = _main_table(VOC, table='voc12aug', data='VOC', labeled=10)
_ABLATIONS = [_ablation(name, mean) for name, mean in ABLATIONS.items()]
#: Those of the paper.
EXPERIMENTS = [*_CITYSCAPES, *_VOC, *_ABLATIONS]
TABLES = dict(
    cityscapes=_CITYSCAPES,
    voc12aug=_VOC,
    # The first two rows of Table 3 are runs of Table 1: nothing trains twice.
    ablations=[*(e for e in _CITYSCAPES if e.fraction == '1-8'), *_ABLATIONS],
    camvid=_camvid(),
    quickstart=_pair(
        'street_scenes_r18',
        table='quickstart',
        data='StreetScenes',
        fraction='16-images',
        labeled=4,
        max_iters=1000,
    ),
)
