"""Work directories as trainings leave them, with scores of our choice."""

import json
from copy import deepcopy
from functools import lru_cache

from mmengine.config import Config
from support import CLASSMIX, ROOT, SUPERVISED

from mmseg_classmix.distributed.plain_config import plain

SOURCE = 'train_dataloader.dataset.datasets'


@lru_cache
def load_config(path):
    return Config.fromfile(str(path))


def experiment_config(name, semi, data, fraction, seed, **options):
    """The shipped config of Cityscapes; of other data a tiny one like it."""
    kinds = ('classmix', 'ablations') if semi else ('supervised', 'ablations')
    paths = [ROOT / 'configs' / kind / f'{name}.py' for kind in kinds]
    paths = [path for path in paths if path.is_file() and 'City' in data]
    paths.append(CLASSMIX if semi else SUPERVISED)
    cfg = deepcopy(load_config(paths[0]))
    lists = f'/splits/x/{fraction}_{seed}_'
    values = {
        f'{SOURCE}.0.type': data,
        f'{SOURCE}.0.data_root': '/data/root',
        'randomness.seed': seed,
        'train_cfg.max_iters': 40_000,
        'train_dataloader.batch_size': 4 if semi else 2,
    }
    if fraction == 'full':
        cfg.train_dataloader.dataset.datasets[0].pop('ann_file', None)
    else:
        values[f'{SOURCE}.0.ann_file'] = f'{lists}labeled.txt'
        if semi:
            values[f'{SOURCE}.1.ann_file'] = f'{lists}unlabeled.txt'
    cfg.merge_from_dict({**values, **options})
    return f'{paths[0].parent.name}/{name}', cfg


def write_run(
    work_dir,
    name,
    scores,
    semi=False,
    data='CityscapesDataset',
    fraction='1-8',
    seed=0,
    processes=1,
    classes=None,
    **options,
):
    """Write the record and the log of a run that was started once.

    Args:
        scores: mIoU by iteration; of a mean teacher (student, teacher).
        classes: IoU at the end by network and class.
        options: Dotted keys of the config, and their values.
    """
    name, cfg = experiment_config(name, semi, data, fraction, seed, **options)
    networks = ('student', 'teacher') if semi else ('student',)
    validations = [
        dict(
            iteration=step,
            scores={
                network: dict(mIoU=score)
                for network, score in zip(
                    networks, value if semi else (value,), strict=True
                )
            },
            class_scores={
                network: dict(IoU=list(values.values()))
                for network, values in (classes or {}).items()
            },
        )
        for step, value in scores.items()
    ]
    start = dict(iteration=0, log='20260101_000000', world_size=processes)
    record = dict(
        format=1,
        name=name,
        config=plain(cfg.to_dict()),
        seed=cfg.randomness.seed,
        split=dict(share=fraction, seed=None if fraction == 'full' else seed),
        classes=list(next(iter(classes.values()))) if classes else [],
        starts=[start],
        validations=validations,
    )
    lines = [dict(loss=1.0, time=0.1, step=step) for step in scores]
    write_log(work_dir, start['log'], lines)
    (work_dir / 'run.json').write_text(json.dumps(record))
    return work_dir


def write_log(work_dir, start, lines):
    """Write what mmengine logs of one start; returns the file."""
    path = work_dir / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
    return path


def add_start(work_dir, iteration, log, lines):
    """Resume a written run at an iteration, with a log of our choice."""
    path = work_dir / 'run.json'
    record = json.loads(path.read_text())
    record['starts'].append(dict(iteration=iteration, log=log, world_size=1))
    path.write_text(json.dumps(record))
    write_log(work_dir, log, lines)


def write_table_configs(root):
    """The rows of 1/8 of Cityscapes, on tiny data, with two splits."""
    lists = '{{ fileDirname }}/../splits/tiny/1-8_0_'
    labeled = f'labeled.ann_file = {lists + "labeled.txt"!r}\n'
    for method, base in (('supervised', SUPERVISED), ('classmix', CLASSMIX)):
        text = f'_base_ = {str(base)!r}\nlabeled = _base_.labeled\n{labeled}'
        sources = '[labeled]'
        if method == 'classmix':
            text += 'unlabeled = _base_.unlabeled\n'
            sources = '[labeled, unlabeled]'
        text += f'train_dataloader = dict(dataset=dict(datasets={sources}))\n'
        path = root / method / 'cityscapes_1-8.py'
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (root / 'splits' / 'tiny').mkdir(parents=True)
    names = dict(labeled=('im_0\nim_1\n', 'im_2\nim_3\n'))
    names['unlabeled'] = ('im_0\nim_1\nim_2\n', 'im_3\nim_4\nim_5\n')
    for kind, seeds in names.items():
        for seed, text in enumerate(seeds):
            path = root / 'splits' / 'tiny' / f'1-8_{seed}_{kind}.txt'
            path.write_text(text)
    return root
