"""What a sheet of MixVisualizationHook costs.

    python tools/benchmarks/sheet.py --size 512 1024

draws random images and labels, which are harder to compress than real ones.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from interleaved import measure, report
from mmseg.structures import SegDataSample

from mmseg_classmix.visualization.raster_sheet import draw_raster_sheet
from mmseg_classmix.visualization.training_step import (
    step_columns,
    take_snapshot,
)

CELL = 256


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', type=int, nargs=2, default=(512, 1024))
    parser.add_argument('--images', type=int, default=4, help='rows')
    parser.add_argument('--classes', type=int, default=19)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    return parser.parse_args()


def make_batch(args: argparse.Namespace) -> tuple[torch.Tensor, dict, dict]:
    """Make logits, a mixed batch and the batch of the loader."""
    shape = (args.images, *args.size)
    img = torch.rand(args.images, 3, *args.size) * 255
    label = torch.randint(args.classes, shape)
    batch = dict(
        img=img,
        mask=label % 2 == 0,
        pseudo_label=label,
        confidence=torch.rand(shape),
    )
    batch = {key: value.to(args.device) for key, value in batch.items()}
    batch.update(mean=None, std=None, channel_order='rgb')
    logits = torch.randn(args.images, args.classes, *args.size)
    samples = [SegDataSample() for _ in range(args.images)]
    loaded = dict(inputs=list(img.byte()), data_samples=samples)
    return logits.to(args.device), batch, loaded


def main() -> None:
    """Measure and print."""
    args = parse_args()
    logits, batch, loaded = make_batch(args)
    classes = [f'class {i}' for i in range(args.classes)]
    palette = np.random.randint(0, 256, (args.classes, 3)).tolist()

    def copy() -> dict:
        return take_snapshot(logits, batch, args.images, CELL)

    def draw() -> np.ndarray:
        columns = step_columns(copy(), loaded, palette, 0.968, 'ring')
        return draw_raster_sheet(columns, 'random', classes, palette, CELL)

    with TemporaryDirectory() as folder:
        path = Path(folder) / 'sheet.png'
        sides = {
            'copy the tensors': copy,
            'and draw': draw,
            'and write a PNG': lambda: cv2.imwrite(str(path), draw()),
        }
        results = measure(sides, args.rounds, args.threads)
        size = path.stat().st_size
    print('\n'.join(report(results, unit='copy the tensors')))
    print(f'\n{size / 2**20:.1f} MiB')


if __name__ == '__main__':
    main()
