"""Work directories as mmengine leaves them, with scores of our choice."""

import json

from mmengine.config import Config
from support import CLASSMIX, SUPERVISED

# Of a real log; the number of processes is at its head.
LOG = 'Runtime environment:\n    Distributed launcher: none\n    GPU number: '


def experiment_config(semi, data, fraction, seed, **options):
    """A tiny config with the data set and the schedule of the paper."""
    cfg = Config.fromfile(str(CLASSMIX if semi else SUPERVISED))
    lists = f'/splits/x/{fraction}_{seed}_'
    source = 'train_dataloader.dataset.datasets'
    values = {
        f'{source}.0.type': data,
        f'{source}.0.data_root': '/data/root',
        'randomness.seed': seed,
        'train_cfg.max_iters': 40_000,
        'train_dataloader.batch_size': 4 if semi else 2,
    }
    if fraction == 'full':
        cfg.train_dataloader.dataset.datasets[0].pop('ann_file')
    else:
        values[f'{source}.0.ann_file'] = f'{lists}labeled.txt'
        if semi:
            values[f'{source}.1.ann_file'] = f'{lists}unlabeled.txt'
    cfg.merge_from_dict({**values, **options})
    return cfg


def write_run(
    work_dir,
    name,
    scores,
    semi=False,
    data='CityscapesDataset',
    fraction='1-8',
    seed=0,
    processes=1,
    start='20260101_000000',
    **options,
):
    """Write one start of a run.

    Args:
        scores: mIoU by iteration; of a mean teacher (student, teacher).
        options: Dotted keys of the config, and their values.
    """
    cfg = experiment_config(semi, data, fraction, seed, **options)
    vis = work_dir / start / 'vis_data'
    vis.mkdir(parents=True)
    cfg.dump(str(vis / 'config.py'))
    cfg.dump(str(work_dir / f'{name}.py'))
    (work_dir / start / f'{start}.log').write_text(f'{LOG}{processes}\n')
    lines = []
    for step, value in scores.items():
        lines.append(dict(loss=1.0, time=0.1, iter=step, step=step))
        line = dict(mIoU=value)
        if semi:
            line = {'student/mIoU': value[0], 'teacher/mIoU': value[1]}
        lines.append({**line, 'data_time': 0.1, 'time': 0.1, 'step': step})
    (vis / 'scalars.json').write_text(
        ''.join(f'{json.dumps(line)}\n' for line in lines)
    )
    return work_dir
