"""Measure label contamination on a toy example (paper, Figure 2).

Image A shows an object (class 1) in its context (class 2), image B only
class 3. The network predicts A with uncertain borders: the truth, blurred.
ClassMix pastes the object on B. Soft labels keep what they believed of the
context that is no longer there; argmaxed labels do not.

    python tools/analysis_tools/label_contamination.py
"""

import argparse
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mmseg.registry import TRANSFORMS
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor

import mmseg_classmix  # noqa: F401  registers the transforms
from mmseg_classmix.visualization.image_grid import (
    axes_grid,
    class_legend,
    picture_path,
    save_picture,
    show,
)

OBJECT, CONTEXT, OTHER = range(3)
#: Red, blue as in the paper, and green; RGB.
PALETTE = torch.tensor([[214, 39, 40], [31, 90, 180], [120, 190, 90]])


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--output',
        type=picture_path,
        default=Path('work_dirs/label_contamination.png'),
        help='picture to write',
    )
    parser.add_argument(
        '--sigma',
        type=float,
        default=6.0,
        help='standard deviation of the blur of the prediction in pixels',
    )
    parser.add_argument(
        '--distance',
        type=int,
        default=10,
        help='how far from the mixing border to measure, in pixels',
    )
    args = parser.parse_args(argv)
    for name in ('sigma', 'distance'):
        if getattr(args, name) <= 0:
            parser.error(f'--{name} {getattr(args, name)} must be positive')
    return args


def draw_scene(size: int = 128) -> Tensor:
    """Draw the true classes of A and B, (2, size, size) int64."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    # Convex: its blurred prediction stays inside of it.
    inside = (np.abs(x) / 0.3) ** 3 + (np.abs(y + 0.02) / 0.33) ** 3 < 1
    first = np.where(inside, OBJECT, CONTEXT)
    return torch.from_numpy(np.stack([first, np.full_like(first, OTHER)]))


def predict(truth: Tensor, sigma: float) -> Tensor:
    """Predict classes as a network does that is unsure of borders.

    Args:
        truth: (N, H, W) int64.
        sigma: Standard deviation in pixels of the Gaussian blur.

    Returns:
        Probabilities, (N, 3, H, W) float32.
    """
    certain = F.one_hot(truth, 3).permute(0, 3, 1, 2).double().numpy()
    blurred = gaussian_filter(certain, (0, 0, sigma, sigma), mode='nearest')
    return torch.from_numpy(blurred).float()


def mix(truth: Tensor, prob: Tensor) -> dict:
    """Paste the object of A on B with the real ClassMix transform.

    Args:
        truth: Classes of A and B, (2, H, W) int64.
        prob: Predictions, (2, 3, H, W) float.

    Returns:
        The mixed batch, see ``BatchMix``, and the mixed ``truth``.

    Raises:
        ValueError: If the prediction for A does not show both classes.
    """
    confidence, label = prob.max(1)
    pasted = label[0] == OBJECT
    if pasted.all() or not pasted.any():
        raise ValueError(
            'the prediction for A does not show object and context: it is '
            'blurred too much, choose a smaller --sigma'
        )
    batch = dict(
        img=PALETTE[truth].permute(0, 3, 1, 2).float(),
        pseudo_label=label,
        confidence=confidence,
        prob=prob,
        num_classes=3,
        ignore_index=255,
    )
    transform = TRANSFORMS.build(dict(type='ClassMix'))
    # It draws one of the two classes of A: seed after seed until the object.
    draws = (
        transform(dict(batch, generator=torch.Generator().manual_seed(seed)))
        for seed in count()
    )
    mixed = next(m for m in draws if m['mask'][0].equal(pasted))
    true = torch.where(mixed['mask'], truth, truth.roll(-1, 0))
    return dict(mixed, truth=true)


def contamination(prob: Tensor, truth: Tensor) -> Tensor:
    """Wrong mass of every pixel: of classes that the truth does not show.

    Args:
        prob: Labels as probabilities, (C, H, W) float.
        truth: Classes of the mixed image, (H, W) int64.

    Returns:
        Sums of probabilities, (H, W) float in [0, 1].
    """
    absent = torch.ones(len(prob), dtype=torch.bool)
    absent[truth.unique()] = False
    return prob[absent].sum(0)


def border_distance(mask: Tensor) -> Tensor:
    """Distance to the nearest pixel across the border of a mask.

    At least 1 pixel: positive inside the mask, negative outside, (H, W).
    """
    inside = distance_transform_edt(mask.numpy())
    outside = distance_transform_edt(~mask.numpy())
    return torch.from_numpy(inside - outside)


def measure(mixed: dict, distance: int) -> dict[str, tuple[float, float]]:
    """Measure contamination along the mixing border of the first image.

    For soft and argmaxed labels the mean wrong mass within ``distance``
    pixels of the border: on both sides, and inside the mask alone.
    """
    position = border_distance(mixed['mask'][0])
    strip = position.abs() <= distance
    found = {}
    for name, prob in labels(mixed).items():
        wrong = contamination(prob, mixed['truth'][0])
        found[name] = (
            wrong[strip].mean().item(),
            wrong[strip & (position > 0)].mean().item(),
        )
    return found


def labels(mixed: dict) -> dict[str, Tensor]:
    """Soft and argmaxed labels of the first mixed image, (C, H, W)."""
    soft = mixed['prob'][0]
    hard = F.one_hot(mixed['pseudo_label'][0], len(soft))
    return dict(soft=soft, argmaxed=hard.permute(2, 0, 1).float())


def paint(prob: Tensor) -> np.ndarray:
    """Mix the colors of the classes by probability, (H, W, 3) uint8."""
    color = torch.einsum('chw,cr->hwr', prob.float(), PALETTE.float())
    return color.round().byte().numpy()


def profile(mixed: dict) -> dict[str, list[float]]:
    """Mean wrong mass 1, 2, 3, ... pixels inside the border, by label."""
    position = border_distance(mixed['mask'][0]).round()
    steps = range(1, int(position.max()) + 1)
    return {
        name: [
            contamination(prob, mixed['truth'][0])[position == step]
            .mean()
            .item()
            for step in steps
        ]
        for name, prob in labels(mixed).items()
    }


def draw(truth: Tensor, prob: Tensor, mixed: dict, distance: int) -> Figure:
    """Draw scene, prediction, mixed labels and where they are wrong."""
    figure, grid = axes_grid(2, 3, 3.2, 1)
    soft, hard = labels(mixed).values()
    true = F.one_hot(truth[0], 3).permute(2, 0, 1)
    margin = (prob[0, OBJECT] - prob[0, CONTEXT]).numpy()
    for axes, title, label in (
        (grid[0, 0], 'true classes of A', true),
        (grid[0, 1], 'prediction for A', prob[0]),
        (grid[1, 0], 'mixed soft label', soft),
        (grid[1, 1], 'mixed argmaxed label', hard),
    ):
        show(axes, paint(label))
        axes.set_title(title)
        if label is not true:
            axes.contour(margin, [0], colors='white', linewidths=1.2)
            axes.set_xlabel('white: decision boundary', fontsize='small')
    wrong = contamination(soft, mixed['truth'][0]).numpy()
    image = show(grid[0, 2], wrong, cmap='magma_r', vmin=0, vmax=0.5)
    figure.colorbar(image, ax=grid[0, 2], shrink=0.9)
    grid[0, 2].set_title('soft label: mass of class 2')
    draw_profile(grid[1, 2], mixed, distance)
    names = ('class 1 (object)', 'class 2 (its context)', 'class 3 (image B)')
    class_legend(figure, names, PALETTE.tolist(), ignored=False)
    return figure


def draw_profile(axes: Axes, mixed: dict, distance: int) -> None:
    """Draw the wrong mass over the distance from the mixing border."""
    for (name, mean), style in zip(
        profile(mixed).items(), ('o-', 's-'), strict=True
    ):
        axes.plot(range(1, len(mean) + 1), mean, style, ms=4, label=name)
    axes.axvspan(0, distance, color='0.92', label='measured')
    axes.set(
        xlabel='pixels from the border into the object',
        title='mean mass of class 2',
        xlim=(0, 2 * distance),
        ylim=(-0.02, 0.52),
        box_aspect=1,
    )
    axes.legend()


def main(argv: Sequence[str] | None = None) -> None:
    """Mix, measure and draw."""
    args = parse_args(argv)
    truth = draw_scene()
    prob = predict(truth, args.sigma)
    mixed = mix(truth, prob)
    print(
        'mean probability of classes that are not in the mixed image, within '
        f'{args.distance} pixels of the mixing border\n'
        '(blur of the prediction: '
        f'{args.sigma:g} pixels)\n\n'
        '| label    | both sides | pasted side |\n'
        '|----------|------------|-------------|'
    )
    for name, (both, inside) in measure(mixed, args.distance).items():
        print(f'| {name:8} | {both:10.4f} | {inside:11.4f} |')
    print()
    save_picture(draw(truth, prob, mixed, args.distance), args.output)


if __name__ == '__main__':
    main()
