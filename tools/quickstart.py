"""Watch ClassMix learn from unlabeled images, in minutes, on a CPU.

Draws street scenes, trains a supervised baseline and ClassMix on the same 16
labeled scenes, evaluates both on held-back scenes and draws one picture.
Everything else is mmengine's ordinary Runner with
configs/supervised/street_scenes_r18.py and configs/classmix/....
"""

import argparse
import io
import sys
import time
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmseg_classmix.datasets.street_scenes import write_street_scenes

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = (
    'image, partner, mask, mixed image, mixed pseudo-label, baseline, '
    'ClassMix (student), ground truth'
).split(', ')
NUM_ROWS = 4


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        choices=(0, 1, 2),
        help='of the labeled scenes, the first weights and the order of data',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=ROOT / 'work_dirs' / 'quickstart',
        help='folder of the picture, the checkpoints and the logs',
    )
    parser.add_argument(
        '--iters', type=int, help='iterations of each training'
    )
    args = parser.parse_args()
    if args.iters is not None and args.iters < 1:
        parser.error(f'--iters {args.iters}: at least 1 is needed')
    return args


def load_config(kind: str, args: argparse.Namespace) -> Config:
    """Load the config of one training and apply the command line.

    Args:
        kind: 'supervised' or 'classmix'.
        args: The command line.

    Returns:
        Config for ``Runner.from_cfg``.
    """
    cfg = Config.fromfile(ROOT / 'configs' / kind / 'street_scenes_r18.py')
    cfg.work_dir = str(args.out / kind)
    cfg.experiment_name = cfg.visualizer.name = f'quickstart_{kind}'
    cfg.randomness.seed = args.seed
    for source in cfg.train_dataloader.dataset.datasets:
        source.ann_file = source.ann_file.replace('_0_', f'_{args.seed}_')
    if args.iters is not None:
        cfg.train_cfg.max_iters = args.iters
        cfg.param_scheduler[0].end = args.iters + 1
    # The last weights count, not the best ones on the held-back scenes.
    iters = cfg.train_cfg.max_iters
    cfg.train_cfg.val_interval = iters
    cfg.default_hooks.checkpoint.update(interval=iters, save_best=None)
    return cfg


def say(text: str) -> None:
    """Print, even where standard output is redirected."""
    print(text, file=sys.__stdout__, flush=True)


class ProgressHook(Hook):
    """Print a line now and then.

    Args:
        interval: Iterations from line to line.
    """

    def __init__(self, interval: int = 100) -> None:
        self.interval = interval

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self.start = time.time()

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Print the mean loss and the time that is left."""
        done, total = runner.iter + 1, runner.max_iters
        if done % self.interval and done != total:
            return
        loss = runner.message_hub.get_scalar('train/loss').mean(self.interval)
        left = (time.time() - self.start) / done * (total - done)
        say(f'  {done:5}/{total}  loss {loss:.3f}  {left:4.0f} s left')


def train(title: str, cfg: Config) -> Runner:
    """Train and validate.

    Args:
        title: What to print first.
        cfg: Config of the training.

    Returns:
        The runner; its message hub has the metrics.
    """
    say(f'{title}; log and checkpoint in {cfg.work_dir}')
    for stale in Path(cfg.work_dir).glob('*.pth'):
        stale.unlink()
    # mmengine's logger keeps this stream; its files get every line.
    with redirect_stdout(io.StringIO()):
        runner = Runner.from_cfg(cfg)
        runner.register_hook(ProgressHook())
        runner.train()
    return runner


def print_table(baseline: Runner, classmix: Runner) -> None:
    """Print the mIoU of the three networks."""
    hubs = baseline.message_hub, classmix.message_hub
    reference = hubs[0].get_scalar('val/mIoU').current()
    size = len(baseline.val_dataloader.dataset)
    say(f'\nmIoU in % on {size} held-back scenes   gain')
    say(f'  supervised baseline   {reference:6.2f}')
    for name in ('student', 'teacher'):
        miou = hubs[1].get_scalar(f'val/{name}/mIoU').current()
        say(f'  ClassMix, {name}     {miou:6.2f}      {miou - reference:+.2f}')


@torch.no_grad()
def picture_columns(
    baseline: Runner, classmix: Runner, seed: int
) -> list[np.ndarray]:
    """Let the trained models label, mix and predict held-back scenes.

    Args:
        baseline: The supervised training.
        classmix: The semi-supervised training.
        seed: Seed of the mix.

    Returns:
        One array for each of :data:`COLUMNS`: images (N, H, W, 3) uint8, the
        mask (N, H, W) bool, labels (N, H, W) int64.
    """
    dataset = classmix.val_dataloader.dataset
    step = len(dataset) // NUM_ROWS
    data = pseudo_collate([dataset[i * step] for i in range(NUM_ROWS)])
    predicted = [
        torch.cat([s.pred_sem_seg.data for s in r.model.eval().val_step(data)])
        for r in (baseline, classmix)
    ]
    truth = torch.cat([s.gt_sem_seg.data for s in data['data_samples']])
    model = classmix.model.train()
    model.mix_seed = seed
    torch.manual_seed(seed)
    data = model.data_preprocessor(data)
    batch = model.pseudo_label(data['inputs'], data['data_samples'])
    mixed = model.batch_transforms(batch)
    image, mixed_image = (
        (img * batch['std'] + batch['mean']).clamp(0, 255).permute(0, 2, 3, 1)
        for img in (batch['img'], mixed['img'])
    )
    image, mixed_image = image.byte(), mixed_image.byte()
    columns = [image, image.roll(-1, 0), mixed['mask'], mixed_image]
    columns += [mixed['pseudo_label'], *predicted, truth]
    return [column.cpu().numpy() for column in columns]


def write_picture(
    path: Path, columns: list[np.ndarray], classes: list, palette: list
) -> None:
    """Write the columns with titles, and the colors of the classes below.

    Args:
        path: Where to write.
        columns: See :func:`picture_columns`.
        classes: Names of the classes.
        palette: Their colors, RGB.
    """
    colors, gap, bar = np.array(palette, np.uint8), 4, 26
    n, height, width = columns[0].shape[:3]
    cell = np.array([height + gap, width + gap])
    size = cell * [n, len(columns)] + [2 * bar, gap]
    picture = np.full((*size, 3), 255, np.uint8)
    for j, (title, column) in enumerate(zip(COLUMNS, columns, strict=True)):
        if column.dtype == bool:
            column = column[..., None] * np.uint8(255)
        elif column.ndim == 3:
            column = colors[column]
        left = gap + j * cell[1]
        put_text(picture, title, left, bar - 9)
        for i, tile in enumerate(column):
            top = bar + i * cell[0]
            picture[top : top + height, left : left + width] = tile
    for j, name in enumerate(classes):
        left = gap + j * (size[1] // len(classes))
        picture[-bar + 3 : -7, left : left + 24] = colors[j]
        put_text(picture, name, left + 30, size[0] - 9)
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise OSError(f'cannot write {path}')


def put_text(picture: np.ndarray, text: str, x: int, y: int) -> None:
    """Write black letters; (x, y) is their lower left corner."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, (int(x), int(y)), font, 0.5, 0, 1, cv2.LINE_AA)


def main() -> None:
    """Draw, train twice, compare."""
    args, start = parse_args(), time.time()
    warnings.filterwarnings('ignore')
    picture = args.out / 'quickstart.png'
    picture.unlink(missing_ok=True)
    configs = [load_config(k, args) for k in ('supervised', 'classmix')]
    say(f'Drawing street scenes in {Path(configs[0].data_root).resolve()}')
    if not write_street_scenes(configs[0].data_root):
        say('  they are there already')
    baseline = train('Training the supervised baseline', configs[0])
    classmix = train('Training with ClassMix', configs[1])
    columns = picture_columns(baseline, classmix, args.seed)
    meta = classmix.val_dataloader.dataset.metainfo
    write_picture(picture, columns, meta['classes'], meta['palette'])
    print_table(baseline, classmix)
    say(f'\nPicture: {picture}\n{time.time() - start:.0f} s in total')


if __name__ == '__main__':
    main()
