import re
from statistics import NormalDist

import cv2
import numpy as np
import pytest
import torch
from support import call_tool, import_tool

TOOL = 'analysis_tools/label_contamination.py'


@pytest.fixture(scope='module')
def tool():
    return import_tool(TOOL)


def one_dimensional(tool):
    """Object on four pixels, its context on four, blurred by [1 2 1] / 4."""
    truth = torch.tensor([[[0, 0, 0, 0, 1, 1, 1, 1]], [[2] * 8]])
    context = torch.tensor([0, 0, 0, 0.25, 0.75, 1, 1, 1])
    prob = torch.zeros(2, 3, 1, 8)
    prob[0, 0, 0], prob[0, 1, 0] = 1 - context, context
    prob[1, 2] = 1
    return tool.mix(truth, prob)


def test_mix_and_contamination_computed_by_hand(tool):
    mixed = one_dimensional(tool)
    assert mixed['mask'][0].tolist() == [[True] * 4 + [False] * 4]
    assert mixed['truth'][0].tolist() == [[0, 0, 0, 0, 2, 2, 2, 2]]
    assert mixed['pseudo_label'][0].tolist() == [[0, 0, 0, 0, 2, 2, 2, 2]]
    # Of the four pixels around the border one has 0.25 of class 2.
    found = tool.measure(mixed, 2)
    assert found['soft'] == pytest.approx((0.25 / 4, 0.25 / 2))
    assert found['argmaxed'] == (0, 0)
    assert tool.measure(mixed, 1)['soft'] == pytest.approx((0.125, 0.25))
    assert tool.profile(mixed) == dict(
        soft=[0.25, 0, 0, 0], argmaxed=[0, 0, 0, 0]
    )


def test_classes_of_the_mixed_truth_are_no_contamination(tool):
    prob = torch.full((3, 1, 3), 1 / 3)
    truth = torch.tensor([[0, 1, 1]])
    wrong = tool.contamination(prob, truth)
    torch.testing.assert_close(wrong, torch.full((1, 3), 1 / 3))
    truth = torch.tensor([[0, 1, 2]])
    assert not tool.contamination(prob, truth).any()


def test_too_much_blur_is_refused(tool):
    truth = tool.draw_scene(32)
    with pytest.raises(ValueError, match='smaller --sigma'):
        tool.mix(truth, tool.predict(truth, 500))


def test_sheet_shows_the_labels(tool):
    truth = tool.draw_scene(64)
    prob = tool.predict(truth, 3)
    mixed = tool.mix(truth, prob)
    figure = tool.draw(truth, prob, mixed, 5)
    shown = {
        axes.get_title(): axes.images[0].get_array().astype(float)
        for axes in figure.axes
        if axes.images
    }
    red, blue, green = tool.PALETTE.double().numpy()
    inside = mixed['mask'][0].numpy()
    hard = shown['mixed argmaxed label']
    assert (hard[inside] == red).all() and (hard[~inside] == green).all()
    assert (shown['mixed soft label'][~inside] == green).all()
    # On the line from red to blue, at the probability of the context.
    along = (shown['mixed soft label'] - red) @ (blue - red)
    along /= ((blue - red) ** 2).sum()
    np.testing.assert_allclose(
        along[inside], prob[0, 1].numpy()[inside], atol=0.01
    )
    assert along[inside].max() > 0.4
    np.testing.assert_allclose(
        shown['soft label: mass of class 2'],
        np.where(inside, prob[0, 1], 0),
        atol=1e-6,
    )


def test_tool_prints_what_a_straight_border_gives(tmp_path):
    out = tmp_path / 'toy.png'
    done = call_tool(TOOL, '--output', out, '--sigma', 4, '--distance', 6)
    assert done.returncode == 0, done.stdout
    rows = re.findall(
        r'^\| (\w+) +\| +([\d.]+) \| +([\d.]+) \|', done.stdout, re.M
    )
    found = {name: (float(a), float(b)) for name, a, b in rows}
    assert found['argmaxed'] == (0, 0)
    # Pixel d has its center d - 1/2 pixels from the border.
    tail = [NormalDist().cdf(-(d - 0.5) / 4) for d in range(1, 7)]
    assert found['soft'][1] == pytest.approx(np.mean(tail), abs=0.02)
    assert found['soft'][0] == pytest.approx(np.mean(tail) / 2, abs=0.02)
    assert cv2.imread(str(out)).shape[1] > 1000


def test_negative_blur_is_refused():
    assert '--sigma -1.0 must be' in call_tool(TOOL, '--sigma', '-1').stdout
