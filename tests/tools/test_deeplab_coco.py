"""The converter, against a network of the published layout."""

import hashlib
import io

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from published_deeplab import PublishedDeepLab, randomize
from support import ROOT, call_tool, load

MODEL_CONFIGS = ROOT / 'configs' / '_base_' / 'models'


def old_names(state):
    """Before PyTorch 0.4.1 batch norms counted no batches."""
    return {
        key: value
        for key, value in state.items()
        if not key.endswith('num_batches_tracked')
    }


def torchvision_state(depth):
    """Tensors under the names of torchvision, which are those of mmseg."""
    network = MODELS.build(dict(type='ResNet', depth=depth))
    channels = 512 if depth < 50 else 2048
    return dict(
        network.state_dict(),
        **{
            'fc.weight': torch.zeros(1000, channels),
            'fc.bias': torch.zeros(1000),
        },
    )


def convert(src, dst, *options):
    tool = 'model_converters/deeplab_coco.py'
    return call_tool(tool, src, dst, *options)


def build(depth, checkpoint, with_head=False, **options):
    """The shipped network with the weights of a file."""
    cfg = Config.fromfile(str(MODEL_CONFIGS / f'deeplabv2_r{depth}-d8.py'))
    cfg.merge_from_dict(
        {'model.backbone.init_cfg.checkpoint': str(checkpoint)}
    )
    if with_head:
        cfg.model.decode_head.num_classes = 21
        cfg.model.decode_head.init_cfg = dict(
            type='Pretrained', checkpoint=str(checkpoint), prefix='decode_head'
        )
    cfg.merge_from_dict(options)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def published():
    return randomize(PublishedDeepLab())


@pytest.fixture(scope='module')
def published_file(published, tmp_path_factory):
    """Written as in 2018, in the old format."""
    path = tmp_path_factory.mktemp('published') / 'resnet101COCO.pth'
    torch.save(
        old_names(published.state_dict()),
        path,
        _use_new_zipfile_serialization=False,
    )
    yield path
    # pytest would keep 170 MB for three sessions.
    path.unlink()


@pytest.fixture(scope='module')
def converted(published_file):
    """File that the tool made, and what it said."""
    dst = published_file.parent / 'new' / 'deeplabv2_r101_coco.pth'
    done = convert(published_file, dst)
    assert done.returncode == 0, done.stdout
    yield dst, done.stdout
    dst.unlink()


@torch.no_grad()
def test_converted_network_gives_the_published_logits(published, converted):
    model = build(101, converted[0], with_head=True)
    # Of a size whose half is even, so that the rounding of the max-pool
    # matters.
    image = torch.randn(2, 3, 64, 128) * 60
    for mode in (False, True):
        # Training mode: statistics of the batch.
        expected = published.train(mode)(image)
        assert expected.shape == (2, 21, 9, 17)
        assert 0.1 < expected.std() < 100
        # Images must matter, not only biases.
        assert (expected[0] - expected[1]).abs().mean() > 0.01
        logits = model.train(mode)._forward(image)
        torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


def test_what_was_used_is_listed(published_file, converted):
    path, text = converted
    rows = [line.split() for line in text.splitlines()]
    # 3 blocks of 3 convolutions and norms, and a shortcut: (9 + 1) * 5
    # tensors; 64 x 64, 64 x 64 x 9 and 64 x 256 weights and so on.
    norms = 4 * (3 * (64 + 64 + 256) + 256)
    first = 64 * 64 + 64 * 64 * 9 + 2 * 64 * 256
    others = 2 * (256 * 64 + 64 * 64 * 9 + 64 * 256)
    values = str(norms + first + others)
    assert ['layer1', '50', values, 'backbone.layer1'] in rows
    head = 'decode_head.branches.3, 21 classes'.split()
    values = str(21 * 2048 * 9 + 21)
    assert ['layer5.conv2d_list.3', '2', values, *head] in rows
    assert 'num_batches_tracked: not in the file' in text
    assert "style='caffe'" in text and 'bgr_to_rgb=False' in text
    assert 'WARNING' not in text
    content = load(path)
    meta = content['meta']
    assert meta['depth'] == 101 and meta['style'] == 'caffe'
    assert meta['data_preprocessor'] == dict(
        bgr_to_rgb=False, mean=[104.008, 116.669, 122.675], std=[1.0] * 3
    )
    digest = hashlib.sha256(published_file.read_bytes()).hexdigest()
    assert meta['source_sha256'] == digest and digest in text
    # 104 convolutions, 104 norms of 4 tensors, 4 branches of 2.
    assert len(content['state_dict']) == 104 * 5 + 4 * 2
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_parts_of_the_file(published, converted):
    """Another number of classes, or fewer branches."""
    model = build(101, converted[0])
    for ours, theirs in (
        (model.backbone.conv1, published.conv1),
        (model.backbone.layer4[2].conv3, published.layer4[2].conv3),
    ):
        assert torch.equal(ours.weight, theirs.weight)
    weight = model.decode_head.branches[0].weight
    assert weight.shape == (19, 2048, 3, 3)
    assert abs(weight.std().item() - 0.01) < 0.001
    init = dict(
        type='Pretrained', checkpoint=str(converted[0]), prefix='decode_head.'
    )
    head = dict(type='DeepLabV2Head', in_channels=2048, init_cfg=init)
    with pytest.raises(ValueError, match='8 of 8 tensors') as error:
        MODELS.build(dict(head, num_classes=19)).init_weights()
    assert '(21, 2048, 3, 3), needs (19, 2048, 3, 3)' in str(error.value)
    head = MODELS.build(dict(head, num_classes=21, dilations=(6, 12)))
    head.init_weights()
    for ours, theirs in zip(
        head.branches, published.layer5.conv2d_list, strict=False
    ):
        assert torch.equal(ours.weight, theirs.weight)
        assert ours.dilation == theirs.dilation


def check_torchvision(model, dst, state):
    """Check a network against the file it was loaded from."""
    ours = model.backbone.state_dict()
    assert ours.keys() == state.keys() - {'fc.weight', 'fc.bias'}
    assert all(torch.equal(ours[key], state[key]) for key in ours)
    images = load(dst)['meta']['data_preprocessor']
    assert images == dict(
        bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    )


def test_torchvision_file_becomes_a_backbone(tmp_path):
    state = torchvision_state(18)
    src, dst = tmp_path / 'resnet18-01234567.pth', tmp_path / 'new.pth'
    # Saved by a data parallel training.
    torch.save(
        dict(model={f'module.{key}': v for key, v in state.items()}, epoch=9),
        src,
    )
    done = convert(src, dst)
    assert done.returncode == 0, done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    unused = 'not used: segmentation has no image classifier'.split()
    assert ['fc', '2', str(1000 * 513), *unused] in rows
    assert 'decode_head: not in the file' in done.stdout
    assert "style='pytorch'" in done.stdout
    warning = 'WARNING: by its name it should start with 01234567'
    assert warning in done.stdout and done.stdout.count('WARNING') == 1
    check_torchvision(build(18, dst), dst, state)


def test_style_of_the_weights_and_of_the_network_must_agree(tmp_path):
    state = torchvision_state(50)
    content = io.BytesIO()
    torch.save(state, content)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    src, dst = tmp_path / f'resnet50-{digest[:8]}.pth', tmp_path / 'new.pth'
    src.write_bytes(content.getvalue())
    done = convert(src, dst)
    assert done.returncode == 0 and 'WARNING' not in done.stdout, done.stdout
    check_torchvision(build(50, dst), dst, state)
    done = convert(src, dst, '--style', 'caffe')
    assert 'WARNING: deeplabv2_r50-d8.py has others' in done.stdout
    with pytest.raises(ValueError, match="style='pytorch'.*style='caffe'"):
        build(50, dst)
    build(50, dst, **{'model.backbone.style': 'caffe'})


def refused(content, folder):
    """What the tool says of a file that it must not convert."""
    src = folder / 'bad.pth'
    torch.save(content, src)
    with pytest.raises(ValueError) as error:
        convert(src, folder / 'new.pth')
    assert list(folder.iterdir()) == [src]
    return str(error.value)


def test_files_that_do_not_fit_are_refused(tmp_path):
    state = torchvision_state(18)
    other = {k: v for k, v in state.items() if not k.startswith('layer4.1')}
    text = refused(other, tmp_path)
    assert '(2, 2, 2, 1) basic blocks' in text
    assert 'no ResNet of depth [18, 50, 101]' in text
    other = dict(state)
    other['layer6.conv2d_list.0.weight'] = torch.zeros(1)
    other['conv1.weight'] = torch.zeros(64, 4, 7, 7)
    other['layer5.conv2d_list.0.weight'] = torch.zeros(21, 512, 3, 3)
    del other['layer2.0.bn1.running_var']
    text = refused(other, tmp_path)
    assert '1 unknown tensors: layer6.conv2d_list.0.weight' in text
    # 7 more are of the head, of which the file has one tensor.
    assert '9 of 108 tensors are missing or of another shape' in text
    assert 'conv1.weight is (64, 4, 7, 7), needs (64, 3, 7, 7)' in text
    assert 'layer2.0.bn1.running_var is missing, needs (128,)' in text
    del state['fc.weight'], state['fc.bias']
    assert 'give --style caffe or --style pytorch' in refused(state, tmp_path)
    src, dst = tmp_path / 'bad.pth', tmp_path / 'new.pth'
    assert convert(src, dst, '--style', 'pytorch').returncode == 0
    missing = tmp_path / 'none.pth'
    assert f'there is no file {missing}' in convert(missing, dst).stdout
    before = src.read_bytes()
    assert f'SRC and DST are both {src}' in convert(src, src).stdout
    assert src.read_bytes() == before
