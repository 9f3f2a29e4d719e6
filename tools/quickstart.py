"""Draw street scenes, train with and without ClassMix, and compare.

Both trainings are stock command lines, which are printed, and run side by
side; nothing is downloaded.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.dataset import Compose, pseudo_collate
from mmseg.apis import inference_model, init_model
from torch import nn

from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.demo.street_scenes import write_street_scenes
from mmseg_classmix.runs.run import Run, read_run
from mmseg_classmix.visualization import (
    colorize,
    denormalize,
    gray,
    label_and_mix,
)
from mmseg_classmix.visualization.image_grid import (
    Column,
    draw_image_grid,
    save_picture,
)

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / 'data' / 'street_scenes'
SPLITS = ROOT / 'configs' / 'splits' / 'street_scenes'
LABELED = '16-images'
# Longer side of an image in the picture, in pixels.
CELL = 288
METHODS = dict(supervised='supervised baseline', classmix='ClassMix')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        choices=range(5),
        help='seed of the split, the weights and the order of the data',
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/quickstart')
    )
    parser.add_argument(
        '--iters', type=int, help='shorter or longer than the configs'
    )
    args = parser.parse_args(argv)
    if args.iters is not None and args.iters < 1:
        parser.error(f'--iters {args.iters} must be at least 1')
    return args


def config_of(method: str) -> Path:
    """Path of the config of a method."""
    return ROOT / 'configs' / method / 'street_scenes_r18.py'


def training_command(
    method: str, work_dir: Path, seed: int, iters: int | None
) -> list[str]:
    """Write the command that trains one of the two models."""
    source = 'train_dataloader.dataset.datasets'
    lists = [SPLITS / f'{LABELED}_{seed}_labeled.txt']
    if method == 'classmix':
        lists.append(SPLITS / f'{LABELED}_{seed}_unlabeled.txt')
    options = [f'randomness.seed={seed}']
    options += [f'{source}.{i}.ann_file={p}' for i, p in enumerate(lists)]
    if iters is not None:
        options += [
            f'train_cfg.max_iters={iters}',
            f'train_cfg.val_interval={iters}',
            f'default_hooks.checkpoint.interval={iters}',
            f'param_scheduler.0.end={iters + 1}',
        ]
    return [
        sys.executable,
        str(ROOT / 'tools' / 'train.py'),
        str(config_of(method)),
        '--work-dir',
        str(work_dir),
        '--cfg-options',
        *options,
    ]


class Training:
    """A training in a process of its own.

    It has one thread, so that a seed gives the same result on any number of
    cores, and leaves a core to the other training.

    Args:
        name: Title on the screen.
        command: See :func:`training_command`.
        work_dir: Where the command writes.
    """

    def __init__(self, name: str, command: list[str], work_dir: Path) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        self.name, self.work_dir = name, work_dir
        self.log = work_dir / 'quickstart.log'
        print(f'\n{name}: OMP_NUM_THREADS=1 {shlex.join(command)}')
        print(f'log: {self.log}', flush=True)
        self.started, self.shown = time.time(), 0
        with open(self.log, 'w') as file:
            self.process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, 'OMP_NUM_THREADS': '1'},
            )

    def show(self) -> bool:
        """Print what is new; return whether the training goes on.

        Raises:
            RuntimeError: If the training has failed.
        """
        going = self.process.poll() is None
        scalars = read_scalars(self.work_dir, self.started)
        lines = [line for line in scalars if 'loss' in line]
        for line in lines[self.shown :]:
            text = progress(line, time.time() - self.started)
            print(f'{self.name:20} {text}', flush=True)
        self.shown = len(lines)
        if self.process.returncode:
            tail = '\n'.join(self.log.read_text().splitlines()[-15:])
            raise RuntimeError(f'{tail}\n{self.name} failed, see {self.log}')
        return going


def wait_for(trainings: list[Training]) -> None:
    """Show how far the trainings are, until the last one has ended.

    None outlives this one, whatever ends it.
    """
    try:
        while any([training.show() for training in trainings]):
            time.sleep(1)
    except RuntimeError as error:
        sys.exit(str(error))
    finally:
        for training in trainings:
            training.process.terminate()


def read_scalars(work_dir: Path, since: float) -> list[dict]:
    """Read what a training has logged since it was started."""
    paths = [
        path
        for path in work_dir.glob('*/vis_data/scalars.json')
        if path.stat().st_mtime >= since
    ]
    # The last line may be half written.
    lines = paths[0].read_text().split('\n')[:-1] if paths else []
    return [json.loads(line) for line in lines]


def progress(line: dict, seconds: float) -> str:
    """One line about a running training."""
    text = f'iteration {line["step"]:4d}   loss {line["loss"]:.3f}'
    if 'unsup.loss_ce' in line:
        text += f'   unsupervised {line["unsup.loss_ce"]:.3f}'
        text += f'   confident pixels {line["unsup.confident_share"]:4.0%}'
    return f'{text}   {seconds:3.0f} s'


def table(supervised: Run, classmix: Run, seed: int) -> str:
    """Format the result."""
    base = supervised.score('student', 'mIoU')
    rows = {
        f'ClassMix, {network}': classmix.score(network, 'mIoU')
        for network in NETWORKS
    }
    lines = [
        f'mIoU on 100 held-back scenes; {LABELED} labeled, seed {seed}',
        '',
        '| network             |  mIoU |  gain |',
        '|---------------------|-------|-------|',
        f'| supervised baseline | {base:5.2f} |       |',
    ]
    for name, value in rows.items():
        lines.append(f'| {name:19} | {value:5.2f} | {value - base:+5.2f} |')
    return '\n'.join(lines) + '\n'


def draw_picture(
    supervised: tuple[Path, Path],
    classmix: tuple[Path, Path],
    out: Path,
    rows: int = 5,
) -> None:
    """Draw images, their mixes and predictions, one image a row.

    Args:
        supervised: Config and checkpoint of the baseline.
        classmix: Config and checkpoint of the semi-supervised model.
        out: Picture to write.
        rows: Number of validation images; the partner of an image is the
            next one.
    """
    baseline = init_model(*map(str, supervised), 'cpu')
    model = init_model(*map(str, classmix), 'cpu')
    source = model.cfg.val_dataloader.dataset
    folder = Path(source.data_root)
    paths = sorted((folder / source.data_prefix.img_path).iterdir())[:rows]
    masks = folder / source.data_prefix.seg_map_path
    load = Compose(
        [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    )
    samples = [load(dict(img_path=str(path))) for path in paths]
    data = model.data_preprocessor(pseudo_collate(samples), True)
    model.mix_seed = 0
    batch, mixed = label_and_mix(model, data['inputs'], data['data_samples'])
    classes, palette = (model.dataset_meta[k] for k in ('classes', 'palette'))

    def paint(title: str, labels: Iterable[np.ndarray]) -> Column:
        return Column(title, [colorize(label, palette) for label in labels])

    def predict(network: nn.Module) -> Iterator[np.ndarray]:
        for path in paths:
            sample = inference_model(network, str(path))
            yield sample.pred_sem_seg.data[0].numpy()

    truth = (cv2.imread(str(masks / path.name), 0) for path in paths)
    images, mixes = (denormalize(b['img'], b) for b in (batch, mixed))
    columns = [
        Column('image', images, smooth=True),
        Column('partner', [*images[1:], images[0]], smooth=True),
        Column('mask', gray(mixed['mask'].numpy())),
        Column('mixed image', mixes, smooth=True),
        paint('pseudo-label', mixed['pseudo_label'].numpy()),
        paint('baseline', predict(baseline)),
        paint('student', predict(model)),
        paint('ground truth', truth),
    ]
    title = 'What ClassMix mixes, and what came of it'
    grid = draw_image_grid(columns, title, classes, palette, CELL)
    save_picture(grid, out)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the quickstart."""
    args = parse_args(argv)
    started = time.time()
    print(f'drawing 516 street scenes in {DATA} ...', flush=True)
    if not write_street_scenes(DATA):
        print('they are there already')
    out = args.work_dir / f'seed_{args.seed}'
    trainings = {}
    for method, name in METHODS.items():
        work_dir = out / method
        command = training_command(method, work_dir, args.seed, args.iters)
        trainings[method] = Training(name, command, work_dir)
    wait_for(list(trainings.values()))
    last = {m: (out / m / 'last_checkpoint').read_text() for m in METHODS}
    models = [(config_of(m), Path(path)) for m, path in last.items()]
    runs = {method: read_run(out / method) for method in METHODS}
    draw_picture(*models, out / 'quickstart.png')
    text = table(runs['supervised'], runs['classmix'], args.seed)
    (out / 'table.md').write_text(text)
    print(f'\n{text}')
    print(f'{time.time() - started:.0f} s in total')


if __name__ == '__main__':
    main()
