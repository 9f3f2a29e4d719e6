"""EfficientNet-Lite0 in plain functions, from tensors by published name."""

import torch
from torch.nn import functional as F

# Kernel, stride and input channels of every block, as the model's paper and
# the published tensors have them; the channels end with those of the last.
KERNELS = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
CHANNELS = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112]
CHANNELS += [192, 192, 192, 192, 320]
STAGE_ENDS = [0, 2, 4, 7, 10, 14, 15]


def published_state(seed):
    """Random tensors, of a size that keeps features near 1."""
    generator = torch.Generator().manual_seed(seed)
    state = {}

    def conv(name, out, fan_in, *kernel):
        shape = (out, fan_in, *kernel)
        number = torch.randn(shape, generator=generator)
        state[f'{name}.weight'] = number / number[0].numel() ** 0.5

    def norm(name, channels):
        for key, low in dict(
            weight=0.5, bias=-0.5, running_mean=-0.5, running_var=0.5
        ).items():
            number = torch.rand(channels, generator=generator)
            state[f'{name}.{key}'] = low + number
        state[f'{name}.num_batches_tracked'] = torch.tensor(1)

    conv('_conv_stem', 32, 3, 3, 3)
    norm('_bn0', 32)
    for i, kernel in enumerate(KERNELS):
        name, inputs = f'_blocks.{i}', CHANNELS[i]
        middle = inputs * (6 if i else 1)
        if i:
            conv(f'{name}._expand_conv', middle, inputs, 1, 1)
            norm(f'{name}._bn0', middle)
        conv(f'{name}._depthwise_conv', middle, 1, kernel, kernel)
        norm(f'{name}._bn1', middle)
        conv(f'{name}._project_conv', CHANNELS[i + 1], middle, 1, 1)
        norm(f'{name}._bn2', CHANNELS[i + 1])
    conv('_conv_head', 1280, 320, 1, 1)
    norm('_bn1', 1280)
    conv('_fc', 1000, 1280)
    return state


def features(state, x):
    """Features at the end of every stage, of an image (N, 3, H, W)."""

    def norm(name, x):
        keys = ('running_mean', 'running_var', 'weight', 'bias')
        return F.batch_norm(x, *(state[f'{name}.{k}'] for k in keys), eps=1e-3)

    def same(x, kernel, stride):
        """Zeros such that a pixel comes out for every ``stride`` pixels."""
        sides = []
        for size in (x.shape[3], x.shape[2]):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides += [total // 2, total - total // 2]
        return F.pad(x, sides)

    x = F.conv2d(same(x, 3, 2), state['_conv_stem.weight'], stride=2)
    x = F.relu6(norm('_bn0', x))
    ends = []
    for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
        name, before = f'_blocks.{i}', x
        if i:
            x = F.conv2d(x, state[f'{name}._expand_conv.weight'])
            x = F.relu6(norm(f'{name}._bn0', x))
        x = F.conv2d(
            same(x, kernel, stride),
            state[f'{name}._depthwise_conv.weight'],
            stride=stride,
            groups=x.size(1),
        )
        x = F.relu6(norm(f'{name}._bn1', x))
        x = norm(
            f'{name}._bn2', F.conv2d(x, state[f'{name}._project_conv.weight'])
        )
        if stride == 1 and CHANNELS[i] == CHANNELS[i + 1]:
            x = x + before
        if i in STAGE_ENDS:
            ends.append(x)
    return ends
