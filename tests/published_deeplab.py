"""DeepLab-v2 in plain torch, under the names of the published weights."""

import torch
import torch.nn.functional as F
from torch import nn


class PublishedBottleneck(nn.Module):
    """Stride in the first 1x1 convolution."""

    def __init__(self, channels, planes, stride, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(
            planes, planes, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.downsample = None
        if stride > 1 or channels != planes * 4:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, planes * 4, 1, stride, bias=False),
                nn.BatchNorm2d(planes * 4),
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (self.downsample(x) if self.downsample else x))


class PublishedHead(nn.Module):
    """Four dilated convolutions, summed."""

    def __init__(self, channels, classes):
        super().__init__()
        self.conv2d_list = nn.ModuleList(
            nn.Conv2d(channels, classes, 3, padding=d, dilation=d)
            for d in (6, 12, 18, 24)
        )

    def forward(self, x):
        return sum(conv(x) for conv in self.conv2d_list)


class PublishedDeepLab(nn.Module):
    """DeepLab-v2 under the names of resnet101COCO-41f33a49.pth."""

    def __init__(self, blocks=(3, 4, 23, 3), classes=21):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        stages = zip(blocks, (1, 2, 1, 1), (1, 1, 2, 4), strict=True)
        for i, (count, stride, dilation) in enumerate(stages):
            planes = 64 * 2**i
            layer = nn.Sequential()
            for j in range(count):
                layer.append(
                    PublishedBottleneck(
                        channels, planes, 1 if j else stride, dilation
                    )
                )
                channels = planes * 4
            setattr(self, f'layer{i + 1}', layer)
        self.layer5 = PublishedHead(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.layer5(x)


def randomize(network):
    """Random numbers everywhere, of a size that 101 layers survive."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight, 0.3, 0.7),
                (module.bias, -0.2, 0.2),
                (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data.uniform_(low, high, generator=generator)
        elif isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.data.normal_(generator=generator)
            module.weight.data.mul_(fan_in**-0.5)
            if module.bias is not None:
                module.bias.data.normal_(generator=generator)
    return network
