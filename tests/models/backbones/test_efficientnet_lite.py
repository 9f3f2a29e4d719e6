"""EfficientNet-Lite0, against the published layout in plain functions."""

import numpy as np
import pytest
import torch
from mmseg.registry import MODELS
from published_efficientnet import features, published_state
from support import call_tool

TOOL = 'model_converters/efficientnet_lite.py'


@pytest.fixture(scope='module')
def published(tmp_path_factory):
    """Random tensors under the published names, as a file."""
    path = tmp_path_factory.mktemp('published') / 'efficientnet-lite0.pth'
    torch.save(published_state(seed=0), path)
    return path


@pytest.fixture(scope='module')
def converted(published):
    path = published.with_name('converted.pth')
    done = call_tool(TOOL, path, '--src', published)
    assert done.returncode == 0, done.stdout
    return path


def build(checkpoint=None, **options):
    cfg = dict(type='EfficientNetLite', **options)
    if checkpoint:
        cfg['init_cfg'] = dict(type='Pretrained', checkpoint=str(checkpoint))
    network = MODELS.build(cfg)
    network.init_weights()
    return network.eval()


@torch.no_grad()
def test_converted_network_computes_the_published_one(published, converted):
    torch.manual_seed(1)
    network = build(converted, out_indices=range(7))
    for size in ((64, 96), (37, 53)):
        image = torch.randn(2, 3, *size)
        expected = features(torch.load(published), image)
        for ours, theirs in zip(network(image), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_output_stride_bounds_how_small_features_get():
    for stride, sizes in {
        8: [32, 16, 8, 8, 8, 8, 8],
        16: [32, 16, 8, 4, 4, 4, 4],
        32: [32, 16, 8, 4, 4, 2, 2],
    }.items():
        network = build(output_stride=stride, out_indices=range(7))
        found = network(torch.zeros(1, 3, 64, 64))
        assert [tuple(f.shape[2:]) for f in found] == [(s, s) for s in sizes]
        channels = [16, 24, 40, 80, 112, 192, 320]
        assert [f.size(1) for f in found] == channels


@torch.no_grad()
def test_dilated_features_are_those_of_the_strided_network_between(converted):
    """Every second pixel of a dilated stage is one of the strided stage."""
    torch.manual_seed(1)
    # Odd sizes all the way: nothing is padded at one side only.
    image = torch.randn(1, 3, 65, 65)
    strided = build(converted, out_indices=(2, 3))
    dilated = build(converted, out_indices=(2, 3), output_stride=8)
    before, expected = strided(image)
    same, found = dilated(image)
    assert torch.equal(before, same)
    assert expected.shape[2:] == (5, 5) and found.shape[2:] == (9, 9)
    torch.testing.assert_close(found[..., ::2, ::2], expected)


def test_what_no_feature_needs_is_not_built(converted):
    small, whole = build(converted, out_indices=(1, 4)), build(converted)
    assert len(small.stages) == 5 and len(whole.stages) == 7
    image = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        torch.testing.assert_close(small(image)[1], whole(image)[2])


def test_missing_weights_name_the_package_and_the_command(tmp_path):
    path = tmp_path / 'missing.pth'
    with pytest.raises(FileNotFoundError) as error:
        build(path)
    assert f'tools/model_converters/efficientnet_lite.py {path}' in str(
        error.value
    )


def test_other_weights_are_not_converted(published, tmp_path):
    state = torch.load(published)
    state['_blocks.16._bn0.weight'] = torch.zeros(3)
    other = tmp_path / 'other.pth'
    torch.save(state, other)
    with pytest.raises(ValueError, match='_blocks.16._bn0.weight is no part'):
        call_tool(TOOL, tmp_path / 'x.pth', '--src', other)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(out_indices=(0, 7)), 'out_indices=(0, 7) must be stages'),
        (dict(output_stride=4), 'output_stride=4 must be 8, 16 or 32'),
    ],
)
def test_wrong_argument_is_named(options, message):
    with pytest.raises(ValueError) as error:
        build(**options)
    assert message in str(error.value)


def test_norm_eval_keeps_statistics_in_training():
    network = build(norm_eval=True).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    network(torch.randn(2, 3, 32, 32))
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
