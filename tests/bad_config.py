"""Break the tiny config and train it: what the tests of configs share."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from support import CLASSMIX, tiny_config

from mmseg_classmix.engine.runner import ClassMixRunner
from mmseg_classmix.preflight.settings_check import check_settings


@HOOKS.register_module()
class NoIteration(Hook):
    """Fails if training gets as far as an iteration."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        raise RuntimeError('an iteration has started')


def quick_config(work_dir, config=CLASSMIX, **options):
    """Load a config of tests/configs, to fail or end soon."""
    cfg = tiny_config(work_dir, config, **options)
    # Writing the config once more takes longer than all the rest.
    cfg.visualizer.vis_backends = None
    return cfg


def train_broken(work_dir, change, root):
    """Do what tools/train.py does with a config that `change` has broken."""
    cfg = quick_config(work_dir)
    change(cfg, root)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='NoIteration')]
    check_settings(cfg)
    ClassMixRunner.from_cfg(cfg).train()


def missing_words(error, words):
    """Words that are not in the message of an error."""
    return [word for word in words if word not in str(error.value)]


def set_value(key, value):
    """Return a change that sets one value."""
    return lambda cfg, _: cfg.merge_from_dict({key: value})


def set_batch(size):
    """Return a change that sets both batch sizes."""

    def change(cfg, _):
        cfg.train_dataloader.batch_size = size
        cfg.train_dataloader.sampler.batch_size = size

    return change


def source(cfg, index):
    """Config of one of the training datasets."""
    return cfg.train_dataloader.dataset.datasets[index]


def write_list(root, index, data):
    """Return a change that gives one dataset a list of these bytes."""

    def change(cfg, _):
        path = root / f'list_{index}.txt'
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        source(cfg, index).ann_file = path.name

    return change
