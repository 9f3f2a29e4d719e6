"""Whether a config, or a class that it names, knows a key."""

import inspect
from functools import cache

import mmengine.registry
import mmseg.registry
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner
from support import ROOT

from mmseg_classmix.engine.runner import HOOKS_OF_EVERY_RUN

REGISTRIES = [
    value
    for module in (mmseg.registry, mmengine.registry)
    for value in vars(module).values()
    if isinstance(value, Registry)
]
# Where a document names no config: one of these has to know the key.
USUAL = [
    f'configs/{method}/{name}.py'
    for method in ('classmix', 'supervised')
    for name in ('camvid_1-8_r18', 'cityscapes_1-8')
]
# Types that the texts also speak of, beside those that these configs have.
ALSO = dict(OptimWrapper='AmpOptimWrapper', PseudoLabelLoss='SquaredErrorLoss')


@cache
def load(name):
    """Load a config of the repository."""
    return Config.fromfile(str(ROOT / name))


def find_class(name):
    """A class that configs can name, or None."""
    found = (registry.get(name) for registry in REGISTRIES)
    return next((cls for cls in found if cls is not None), None)


def takes(cls, argument):
    """Whether a class, or what it passes arguments on to, takes one."""
    for base in inspect.getmro(cls) if inspect.isclass(cls) else [cls]:
        parameters = inspect.signature(base).parameters
        if argument in parameters:
            return True
        kinds = {parameter.kind for parameter in parameters.values()}
        if inspect.Parameter.VAR_KEYWORD not in kinds:
            return False
    return False


def knows(cfg, key):
    """Whether a dotted key exists, or is an argument of what it is put in."""
    value, place = cfg, ''
    for part in key.split('.'):
        if isinstance(value, (list, tuple)):
            if not part.isdigit() or int(part) >= len(value):
                return False
            value = value[int(part)]
        elif not hasattr(value, 'keys'):
            return False
        elif part in value:
            value = value[part]
        else:
            if place == 'data_prefix':
                return part in ('img_path', 'seg_map_path')
            if place == 'default_hooks':
                return part in HOOKS_OF_EVERY_RUN
            owner = value.get('type')
            owners = filter(None, [owner, ALSO.get(owner)])
            classes = [find_class(name) for name in owners]
            if place == 'randomness':
                classes = [Runner.set_randomness]
            return any(cls and takes(cls, part) for cls in classes)
        place = part
    return True
