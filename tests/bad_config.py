"""Break the tiny config: what the tests of configs share."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from support import CLASSMIX, tiny_config

from mmseg_classmix.preflight import check_config


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


def texts(problems):
    """One text a problem."""
    return [' '.join((p.found, p.where, p.remedy)) for p in problems]


def problems_of(work_dir, *changes, config=CLASSMIX):
    """Texts of the problems of a config that all changes have broken."""
    cfg = quick_config(work_dir, config)
    for change in changes:
        change(cfg)
    return texts(check_config(cfg))


def with_words(problems, words):
    """Texts that have all words."""
    return [text for text in problems if all(w in text for w in words)]


def set_value(key, value):
    """Return a change that sets one value."""
    return lambda cfg: cfg.merge_from_dict({key: value})


def set_batch(size):
    """Return a change that sets both batch sizes."""

    def change(cfg):
        cfg.train_dataloader.batch_size = size
        cfg.train_dataloader.sampler.batch_size = size

    return change


def source(cfg, index):
    """Config of one of the training datasets."""
    return cfg.train_dataloader.dataset.datasets[index]
