"""ClassMix for MMSegmentation: semi-supervised semantic segmentation.

``custom_imports = dict(imports=['mmseg_classmix'])`` in a config registers
everything of this package in the registries of MMSegmentation.
"""

from mmseg_classmix.stack_check import check_stack
from mmseg_classmix.version import __version__  # noqa: F401

# Before the imports below, which fail obscurely on an unusable stack.
check_stack()

from mmseg_classmix import (  # noqa: E402, F401
    checkpoints,
    datasets,
    demo,
    distributed,
    engine,
    evaluation,
    mixing,
    models,
    preflight,
)
