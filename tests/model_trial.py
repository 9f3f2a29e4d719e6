"""One training step of a model config, as it is and as mean teacher."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_classmix.engine.hooks.mean_teacher_hook import TeacherUpdate

LABELED = UNLABELED = 2


class Outcome(NamedTuple):
    """What became of a config, and why.

    The verdict is 'trains', 'early error' (refused when built), 'not alone'
    (mmseg alone cannot train it either) or 'error'.
    """

    verdict: str
    why: str = ''


def try_model(path: str, sizes: Sequence[int]) -> Outcome:
    """Train a model for a step, predict with it, and say how that went."""
    outcome = _try_at(path, sizes[0])
    if len(sizes) > 1 and outcome.verdict == 'not alone':
        larger = try_model(path, sizes[1:])
        if larger.verdict != outcome.verdict:
            note = f'needs more than {sizes[0]}x{sizes[0]} pixels'
            return larger._replace(why=larger.why or note)
    return outcome


def _try_at(path: str, size: int) -> Outcome:
    models = []
    problem = _attempt(lambda: models.append(_build_both(path, size)))
    if 'model.segmentor' in problem:
        return Outcome('early error', problem)
    alone = _attempt(_step_alone, path, size)
    if alone:
        return Outcome('not alone', alone)
    problem = problem or _attempt(_step_of_both, models[0], size)
    return Outcome('error', problem) if problem else Outcome('trains')


def _build_both(path: str, size: int) -> BaseSegmentor:
    return build(as_mean_teacher(segmentor_of(path, size)))


def segmentor_of(path: str, size: int) -> dict:
    """Load a config; its images get a size, weights of files are dropped.

    It predicts on whole images: windows in _base_ files are placeholders.
    Backbones for images of one size get that of these.
    """
    model = _without_weights(Config.fromfile(path).model.to_dict())
    preprocessor = dict(model['data_preprocessor'], size=(size, size))
    for key in ('size_divisor', 'test_cfg', 'batch_augments'):
        preprocessor.pop(key, None)
    if 'img_size' in model.get('backbone', {}):
        model['backbone']['img_size'] = (size, size)
    test_cfg = dict(model.get('test_cfg') or {}, mode='whole')
    return ConfigDict(model, data_preprocessor=preprocessor, test_cfg=test_cfg)


def as_mean_teacher(segmentor: dict) -> dict:
    """Make any segmentor semi-supervised."""
    return dict(
        type='MeanTeacherSegmentor',
        segmentor=segmentor,
        batch_transforms=[dict(type='ClassMix')],
        # Every pixel counts: a random network is never confident.
        unsup_loss=dict(type='PseudoLabelLoss', threshold=0.0),
    )


def build(cfg: dict) -> BaseSegmentor:
    """Build a model that runs on a CPU."""
    model = revert_sync_batchnorm(MODELS.build(cfg))
    model.init_weights()
    return model


def train_step(model: BaseSegmentor, batch: dict) -> None:
    """Take an optimizer step, and check that it changed the weights."""
    wrapper = build_optim_wrapper(
        model,
        dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01)),
    )
    network = getattr(model, 'student', model)
    before = [parameter.clone() for parameter in network.parameters()]
    log = model.train().train_step(batch, wrapper)
    if not all(torch.isfinite(value).all() for value in log.values()):
        raise FloatingPointError(f'not finite: {log}')
    after = network.parameters()
    if all(torch.equal(*pair) for pair in zip(before, after, strict=True)):
        raise RuntimeError('no weight has changed')


def random_batch(size: int, num_classes: int, labeled: int, total: int):
    """Draw images of noise, the first ones with masks and edges."""
    generator = torch.Generator().manual_seed(0)

    def draw(high: int, channels: int) -> torch.Tensor:
        shape = (channels, size, size)
        return torch.randint(0, high, shape, generator=generator)

    samples = [
        SegDataSample(
            metainfo=dict(img_shape=(size, size), ori_shape=(size, size))
        )
        for _ in range(total)
    ]
    for sample in samples[:labeled]:
        sample.gt_sem_seg = PixelData(data=draw(num_classes, 1))
        # PIDNet learns them too.
        sample.gt_edge_map = PixelData(data=draw(2, 1))
    images = [draw(256, 3).to(torch.uint8) for _ in range(total)]
    return dict(inputs=images, data_samples=samples)


def _step_alone(path: str, size: int) -> None:
    model = build(segmentor_of(path, size))
    classes = model.num_classes
    train_step(model, random_batch(size, classes, LABELED, LABELED))
    _predict(model, size)


def _step_of_both(model: BaseSegmentor, size: int) -> None:
    total = LABELED + UNLABELED
    train_step(model, random_batch(size, model.num_classes, LABELED, total))
    TeacherUpdate(model.student, model.teacher, None)(0.5)
    for name in ('student', 'teacher'):
        with model.predicting_on(name):
            _predict(model, size)


@torch.no_grad()
def _predict(model: BaseSegmentor, size: int) -> None:
    (result,) = model.eval().test_step(random_batch(size, 2, 0, 1))
    shape = tuple(result.pred_sem_seg.shape)
    if shape != (size, size):
        raise RuntimeError(f'prediction of {shape}')


def _attempt(function: Any, *args: Any) -> str:
    """Return what a function complains about, '' if it does not."""
    try:
        function(*args)
    except Exception as error:
        return _first_line(error)
    return ''


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return f'{type(error).__name__}: {text.splitlines()[0]}'


def _without_weights(cfg: Any) -> Any:
    """Drop the names of files with weights, wherever they are."""
    if isinstance(cfg, (list, tuple)):
        return type(cfg)(_without_weights(part) for part in cfg)
    if not isinstance(cfg, dict):
        return cfg
    init = cfg.get('init_cfg')
    pretrained = isinstance(init, dict) and init.get('type') == 'Pretrained'
    return {
        key: _without_weights(value)
        for key, value in cfg.items()
        if key != 'pretrained' and not (key == 'init_cfg' and pretrained)
    }
