"""Curves of training runs in one figure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.lib.stride_tricks import sliding_window_view

STYLES = ('-', '--')


@dataclass(frozen=True)
class Curves:
    """What is drawn of a run.

    ``lines`` are logged scalars with their ``step``; ``scores`` those of the
    validations by iteration, of up to two networks.
    """

    lines: list[dict]
    scores: dict[str, dict[int, float]]


@dataclass(frozen=True)
class Panel:
    """Up to two lines that share axes, a solid and a dashed one.

    Their values are computed from a line of the log, or None; ``absent`` is
    what to say if no run has any.
    """

    title: str
    lines: dict[str, Callable[[dict], float | None]]
    absent: str = 'not logged'


def _sum_of_losses(prefix: str) -> Callable[[dict], float | None]:
    def value(line: dict) -> float | None:
        names = [k for k in line if k.startswith(prefix) and 'loss' in k]
        return sum(line[name] for name in names) if names else None

    return value


def _supervised_loss(line: dict) -> float | None:
    # A supervised run has one loss, without a prefix.
    value = _sum_of_losses('sup.')(line)
    return line.get('loss') if value is None else value


def _confident_accuracy(line: dict) -> float | None:
    # Without a confident pixel nothing was measured.
    if not (share := line.get('unsup.known_confident')):
        return None
    return line['unsup.known_confident_right'] / share


def _logged(name: str) -> Callable[[dict], float | None]:
    return lambda line: line.get(name)


PANELS = (
    Panel(
        'loss',
        {
            'labeled images': _supervised_loss,
            'mixed images, weighted': _sum_of_losses('unsup.'),
        },
    ),
    Panel(
        'weight of the unsupervised loss',
        {'': _logged('unsup.weight')},
        'no unsupervised loss',
    ),
    Panel(
        'share of confident pixels',
        {'': _logged('unsup.confident_share')},
        'no unsupervised loss',
    ),
    Panel(
        'accuracy of the pseudo-labels',
        {
            'all pixels': _logged('unsup.pseudo_label_acc'),
            'confident ones': _confident_accuracy,
        },
        'not logged: eval_pseudo_labels\n(docs/monitoring.md)',
    ),
    Panel('learning rate', {'': _logged('lr')}),
)


def draw_curves(runs: dict[str, Curves], metric: str, smooth: int) -> Figure:
    """Draw the curves of runs, one color a run.

    ``smooth`` is the number of logged values that a point is the mean of, see
    :func:`moving_mean`. Validations and learning rates are drawn as they are.
    """
    figure = Figure((14, 7.5), layout='constrained')
    axes = figure.subplots(2, 3).ravel()
    palette = colormaps['tab10'].colors
    if len(runs) > len(palette):
        palette = colormaps['turbo'](np.linspace(0.05, 0.95, len(runs)))
    colors = dict(zip(runs, palette, strict=False))
    for place, panel in zip(axes[1:], PANELS, strict=True):
        window = 1 if panel.title == 'learning rate' else smooth
        for name, run in runs.items():
            _draw_panel(place, panel, run.lines, colors[name], window)
        _finish(place, panel.title, list(panel.lines), panel.absent)
    for name, run in runs.items():
        look = dict(color=colors[name], marker='.')
        for values, style in zip(run.scores.values(), STYLES, strict=True):
            axes[0].plot(values.keys(), values.values(), style, **look)
    title = f'{metric} of the validations'
    _finish(axes[0], title, list(run.scores), f'no validation has {metric}')
    handles = [Line2D([], [], color=c, lw=3) for c in colors.values()]
    figure.legend(
        handles,
        list(colors),
        loc='outside lower center',
        ncols=min(len(handles), 4),
        frameon=False,
    )
    if smooth > 1:
        text = f'bold: means of the last {smooth} logged values; pale: logged'
        figure.suptitle(text, fontsize='medium', x=0.99, ha='right')
    return figure


def _draw_panel(
    axes: Axes, panel: Panel, lines: list[dict], color: tuple, window: int
) -> None:
    # Those of training have a loss.
    lines = [line for line in lines if 'loss' in line]
    for value, style in zip(panel.lines.values(), STYLES, strict=False):
        found = [(line['step'], value(line)) for line in lines]
        found = [(step, v) for step, v in found if v is not None]
        steps, values = [step for step, _ in found], [v for _, v in found]
        if window > 1:
            axes.plot(steps, values, style, color=color, lw=0.8, alpha=0.3)
        axes.plot(steps, moving_mean(values, window), style, color=color)


def moving_mean(values: list[float], window: int) -> np.ndarray:
    """Average every value with the ``window`` - 1 values before it.

    Values that are not finite do not count; without others the mean is NaN.
    """
    window = max(min(window, len(values)), 1)
    padded = np.concatenate([np.full(window, np.nan), values])
    windows = sliding_window_view(padded, window)[1:]
    counted = np.isfinite(windows)
    number = counted.sum(1)
    total = windows.sum(1, where=counted)
    return np.divide(
        total, number, out=np.full(len(values), np.nan), where=number > 0
    )


def _finish(axes: Axes, title: str, names: list[str], absent: str) -> None:
    axes.set_title(title, fontsize='medium')
    if not any(len(line.get_xdata()) for line in axes.lines):
        font = dict(ha='center', va='center', color='0.4')
        axes.text(0.5, 0.5, absent, transform=axes.transAxes, **font)
        axes.set(xticks=[], yticks=[])
        return
    axes.grid(alpha=0.3)
    axes.set_xlabel('iteration')
    if len(names) > 1:
        handles = [Line2D([], [], ls=style, color='0.3') for style in STYLES]
        axes.legend(handles, names, fontsize='small', frameon=False)
