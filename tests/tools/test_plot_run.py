"""Curves of runs: what is drawn is what was logged."""

import runpy

import cv2
import numpy as np
import pytest
from run_logs import add_start, write_log, write_run
from support import ROOT, call_tool

from mmseg_classmix.runs.run import find_runs
from mmseg_classmix.visualization.curves import draw_curves, moving_mean

TOOL = 'analysis_tools/plot_run.py'
TITLES = (
    'mIoU of the validations',
    'loss',
    'weight of the unsupervised loss',
    'share of confident pixels',
    'accuracy of the pseudo-labels',
    'learning rate',
)
END = 40_000


def train_line(step, **scalars):
    line = {'lr': 1 / step, 'loss': 3.0, 'sup.decode.loss_ce': 1.5}
    line |= {'sup.aux.loss_ce': 0.5, 'unsup.loss_ce': 1.0, 'time': 0.1}
    line |= {'unsup.weight': 0.2, 'unsup.confident_share': 0.25}
    return {**line, 'step': step, **scalars}


def write_training(work_dir, lines, scores=None):
    """A mean teacher, with a log of our choice."""
    write_run(work_dir, 'semi', scores or {}, semi=True)
    return write_log(work_dir, '20260101_000000', lines)


def panels(work_dirs, smooth=1, metric='mIoU'):
    """Axes of the figure by title."""
    read_curves = runpy.run_path(str(ROOT / 'tools' / TOOL))['read_curves']
    runs = read_curves(find_runs(work_dirs)[0], metric)
    figure = draw_curves(runs, metric, smooth)
    assert tuple(axes.get_title() for axes in figure.axes) == TITLES
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    return {axes.get_title(): axes for axes in figure.axes}, names


def curves(axes):
    """Points of the lines with any, by color and style."""
    return {
        (line.get_color(), line.get_linestyle()): dict(
            zip(line.get_xdata(), line.get_ydata(), strict=True)
        )
        for line in axes.lines
        if len(line.get_xdata())
    }


def test_starts_of_a_resumed_run_are_one_curve(tmp_path):
    first = [train_line(step) for step in (100, 200, 300)]
    later = {'unsup.weight': 0.7, 'unsup.pseudo_label_acc': 0.8}
    later |= {'unsup.known_confident': 0.5}
    later |= {'unsup.known_confident_right': 0.45}
    second = [train_line(step, **later) for step in (300, 400)]
    # Where no pixel was confident, there is nothing to draw.
    second[0]['unsup.known_confident'] = 0.0
    second[0]['unsup.known_confident_right'] = 0.0
    write_training(tmp_path, first, {200: (30.0, 40.0), 400: (35.0, 40.0)})
    add_start(tmp_path, 200, '20260102_000000', second)
    axes, names = panels([tmp_path])
    assert names == [tmp_path.name]
    found = {
        title: [
            {key: pytest.approx(value) for key, value in curve.items()}
            for curve in curves(a).values()
        ]
        for title, a in axes.items()
    }
    steps = (100, 200, 300, 400)
    assert found == {
        TITLES[0]: [{200: 30, 400: 35}, {200: 40, 400: 40}],
        TITLES[1]: [dict.fromkeys(steps, 2.0), dict.fromkeys(steps, 1.0)],
        TITLES[2]: [{100: 0.2, 200: 0.2, 300: 0.7, 400: 0.7}],
        TITLES[3]: [dict.fromkeys(steps, 0.25)],
        TITLES[4]: [{300: 0.8, 400: 0.8}, {400: 0.9}],
        TITLES[5]: [{step: 1 / step for step in steps}],
    }


def test_every_run_has_a_color(tmp_path):
    write_run(tmp_path / 'a' / 'x', 'base', {500: 40, END: 50})
    write_run(tmp_path / 'b' / 'x', 'ours', {END: (60, 61)}, semi=True)
    axes, names = panels([tmp_path / 'a', tmp_path / 'b'])
    assert names == ['a/x', 'b/x']
    found = curves(axes[TITLES[0]])
    colors = {color for color, _ in found}
    assert len(colors) == 2
    assert {500: 40, END: 50} in found.values()
    styles = sorted(
        (style, tuple(c.values())) for (_, style), c in found.items()
    )
    assert styles == [('-', (40, 50)), ('-', (60,)), ('--', (61,))]
    # The loss of a supervised run is that of its labels.
    losses = curves(axes[TITLES[1]]).values()
    assert {500: 1.0, END: 1.0} in losses
    texts = [text.get_text() for text in axes[TITLES[4]].texts]
    assert any('eval_pseudo_labels' in text for text in texts)


def test_curves_are_smoothed_and_say_so(tmp_path):
    weights = [0.1, 0.5, 0.3, 0.9]
    lines = [
        train_line(100 * (i + 1), **{'unsup.weight': weight})
        for i, weight in enumerate(weights)
    ]
    write_training(tmp_path, lines)
    axes, _ = panels([tmp_path], smooth=2)
    pale, bold = axes[TITLES[2]].lines
    np.testing.assert_allclose(pale.get_ydata(), weights)
    np.testing.assert_allclose(bold.get_ydata(), [0.1, 0.3, 0.4, 0.6])
    assert pale.get_alpha() < 0.5
    title = axes[TITLES[2]].figure.get_suptitle()
    assert 'means of the last 2 logged values' in title
    (rate,) = axes[TITLES[5]].lines
    np.testing.assert_allclose(rate.get_ydata(), [x['lr'] for x in lines])


@pytest.mark.parametrize('window', [1, 5, 100])
def test_means_are_of_the_last_values(window):
    values = np.random.default_rng(0).random(20)
    expected = [
        values[max(i - window + 1, 0) : i + 1].mean() for i in range(20)
    ]
    np.testing.assert_allclose(moving_mean(list(values), window), expected)
    assert len(moving_mean([], window)) == 0


def test_values_that_are_not_finite_spoil_no_mean():
    values = [1.0, 3.0, np.nan, 5.0, np.inf, np.nan, 1e30, 2.0, 4.0]
    expected = [1, 2, 3, 5, 5, np.nan, 1e30, 5e29, 3]
    np.testing.assert_allclose(moving_mean(values, 2), expected)


def test_tool_writes_a_picture(tmp_path):
    write_training(tmp_path / 'run', [train_line(100), train_line(200)])
    out = tmp_path / 'new' / 'curves.png'
    done = call_tool(TOOL, tmp_path / 'run', '--out', out)
    assert done.returncode == 0, done.stdout
    assert f'picture: {out}' in done.stdout
    height, width, _ = cv2.imread(str(out)).shape
    assert width > height > 500


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere'], 'no folder nowhere'),
        (['empty'], 'no runs in empty'),
        (['begun'], 'begun: no TIMESTAMP/vis_data/scalars.json has a line'),
        (['good', '--out', 'x.xyz'], 'x.xyz is no picture'),
        (['good', '--smooth', '0'], '--smooth 0 must be at least 1'),
        (['bad'], 'scalars.json, line 1: not a line of scalars'),
    ],
)
def test_tool_says_what_is_wrong(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'empty').mkdir()
    write_training(tmp_path / 'begun', [])
    write_training(tmp_path / 'good', [train_line(100)])
    log = write_training(tmp_path / 'bad', [])
    log.write_text('no json\n{"step": 1}\n')
    done = call_tool(TOOL, *arguments)
    assert done.returncode
    assert message in done.stdout
    assert not (tmp_path / 'curves.png').exists()
