"""ClassMix once more, in plain torch, to hold the package against.

Written from the description of the method alone (paper, sections 3.1 to 3.4
and 4.1, and what the authors' published code does); it imports nothing of
mmengine, mmseg or mmseg_classmix. Everything is float64 and as plain as it
can be: a loop over images where the package works on whole batches, an own
SGD where it uses torch.optim.
"""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

IGNORED = 255


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1; the stride is in the first 1x1 convolution."""

    def __init__(self, inputs, width, stride, dilation):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, 1, dilation, dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class TinyDeepLab(nn.Module):
    """Stem, two stages of bottlenecks, parallel dilated convolutions."""

    def __init__(
        self, width, blocks, num_classes, branches, ceil_mode, dilation=2
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=ceil_mode)
        strides, dilations = (1, 2), (1, dilation)
        channels = width
        for i, count in enumerate(blocks):
            layers = []
            for j in range(count):
                stride = strides[i] if j == 0 else 1
                layers.append(
                    Bottleneck(channels, width * 2**i, stride, dilations[i])
                )
                channels = 4 * width * 2**i
            setattr(self, f'layer{i + 1}', nn.Sequential(*layers))
        self.head = nn.ModuleList(
            nn.Conv2d(channels, num_classes, 3, padding=d, dilation=d)
            for d in branches
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.requires_grad = False
                module.bias.requires_grad = False

    def forward(self, x):
        """Logits at the size of the image."""
        y = self.pool(F.relu(self.bn1(self.conv1(x))))
        y = self.layer2(self.layer1(y))
        y = sum(branch(y) for branch in self.head)
        return F.interpolate(
            y, size=x.shape[2:], mode='bilinear', align_corners=True
        )


class PlainSGD:
    """SGD with momentum, weight decay and the poly rate, by hand."""

    def __init__(self, network, lr, max_iters, nesterov, weight_decay=5e-4):
        self.network, self.lr, self.max_iters = network, lr, max_iters
        self.nesterov, self.weight_decay = nesterov, weight_decay
        self.momentum, self.head_lr_mult = 0.9, 10
        self.velocity = {}

    def rate(self, i):
        return self.lr * (1 - i / self.max_iters) ** 0.9

    @torch.no_grad()
    def step(self, loss, i):
        named = {
            name: parameter
            for name, parameter in self.network.named_parameters()
            if parameter.requires_grad
        }
        with torch.enable_grad():
            gradients = torch.autograd.grad(loss, list(named.values()))
        for (name, weight), gradient in zip(
            named.items(), gradients, strict=True
        ):
            rate = self.rate(i)
            if name.startswith('head.'):
                rate *= self.head_lr_mult
            decayed = gradient + self.weight_decay * weight
            velocity = self.momentum * self.velocity.get(name, 0) + decayed
            self.velocity[name] = velocity
            if self.nesterov:
                velocity = decayed + self.momentum * velocity
            weight -= rate * velocity


def confident_share(confidence, threshold):
    return (confidence >= threshold).double().mean()


def unsupervised_weight(mode, confidence, threshold, i, ramp_up_iters):
    """Weight of every pixel, (N, H, W), of the mixed batch."""
    weight = torch.ones_like(confidence)
    if mode == 'proportion_per_image':
        for n, one in enumerate(confidence):
            weight[n] *= confident_share(one, threshold)
    elif mode == 'proportion_per_batch':
        weight *= confident_share(confidence, threshold)
    elif mode == 'threshold':
        weight = (confidence >= threshold).double()
    elif mode == 'ramp_up':
        t = min(i / ramp_up_iters, 1)
        weight *= math.exp(-5 * (1 - t) ** 2)
    else:
        assert mode == 'constant'
    return weight


def unsupervised_loss(kind, logits, label, soft, weight):
    """Mean over all pixels of the batch, whether they count or not."""
    if kind == 'pseudo_label':
        log_prob = logits.log_softmax(1)
        per_pixel = -log_prob.gather(1, label[:, None])[:, 0]
    elif kind == 'soft':
        per_pixel = -(soft * logits.log_softmax(1)).sum(1)
    else:
        difference = (logits.softmax(1) - soft) ** 2
        per_pixel = {
            'squared_error': difference.sum(1),
            'squared_error_class_mean': difference.mean(1),
        }[kind]
    return (weight * per_pixel).sum() / per_pixel.numel()


def ring_mix(mask, x):
    """Image i where its mask is 1, the next image of the ring elsewhere."""
    mixed = []
    for i in range(len(x)):
        m = mask[i].to(x.dtype)
        mixed.append(m * x[i] + (1 - m) * x[(i + 1) % len(x)])
    return torch.stack(mixed)


def class_mask(label, chosen):
    """Mask of one image from its chosen classes, floor(|C| / 2) of them."""
    present = set(label.unique().tolist())
    half = math.floor(len(present) / 2)
    wrong = f'{chosen} are not {half} of the classes {present}'
    assert set(chosen) <= present, wrong
    assert len(set(chosen)) == half, wrong
    mask = torch.zeros_like(label)
    for c in chosen:
        mask[label == c] = 1
    return mask


class ReferenceClassMix:
    """Student, teacher and one iteration of the method.

    ``mask_of(i, label)`` gives the masks of iteration ``i`` from the
    teacher's labels; ``augment`` changes the mixed images.
    """

    def __init__(
        self,
        network,
        lr,
        max_iters,
        nesterov=True,
        weight_decay=5e-4,
        weighting='proportion_per_image',
        kind='pseudo_label',
        threshold=0.968,
        ramp_up_iters=10000,
        max_alpha=0.99,
        augment=None,
    ):
        self.student = network.train()
        self.teacher = copy.deepcopy(self.student)
        self.optimizer = PlainSGD(
            self.student, lr, max_iters, nesterov, weight_decay
        )
        self.weighting, self.kind = weighting, kind
        self.threshold, self.ramp_up_iters = threshold, ramp_up_iters
        self.max_alpha, self.augment = max_alpha, augment

    def iterate(self, i, images, labels, unlabeled, mask_of):
        """Train one iteration; its losses, and numbers to watch."""
        logits = self.student(images)
        counted = labels != IGNORED
        log_prob = logits.log_softmax(1)
        wanted = torch.where(counted, labels, 0)[:, None]
        nll = -log_prob.gather(1, wanted)[:, 0]
        supervised = nll[counted].sum() / counted.sum()

        with torch.no_grad():
            soft = self.teacher(unlabeled).softmax(1)
        confidence, label = soft.max(1)
        classes = [len(one.unique()) for one in label]
        mask = mask_of(i, label)
        mixed_images = ring_mix(mask, unlabeled)
        label, soft = ring_mix(mask, label), ring_mix(mask, soft)
        confidence = ring_mix(mask, confidence)
        # The mask is 0 or 1: labels of mixed and mixed labels are the same.
        assert torch.equal(label, soft.argmax(1))
        if self.augment is not None:
            mixed_images = self.augment(mixed_images)

        weight = unsupervised_weight(
            self.weighting, confidence, self.threshold, i, self.ramp_up_iters
        )
        unsupervised = unsupervised_loss(
            self.kind, self.student(mixed_images), label, soft, weight
        )
        loss = supervised + 1.0 * unsupervised
        self.optimizer.step(loss, i)
        self.move_teacher(i)
        return dict(
            loss=loss.item(),
            supervised=supervised.item(),
            unsupervised=unsupervised.item(),
            confidence=confidence.mean().item(),
            share=confident_share(confidence, self.threshold).item(),
            weight=weight.mean().item(),
            lr=self.optimizer.rate(i),
            alpha=self.alpha(i),
            classes=classes,
        )

    def alpha(self, i):
        return min(1 - 1 / (i + 1), self.max_alpha)

    @torch.no_grad()
    def move_teacher(self, i):
        """Parameters only: the buffers come from the teacher's forwards."""
        alpha = self.alpha(i)
        student = dict(self.student.named_parameters())
        for name, weight in self.teacher.named_parameters():
            weight.copy_(alpha * weight + (1 - alpha) * student[name])
