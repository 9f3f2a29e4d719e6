"""An iteration is read in few files, which CONTRIBUTING.md lists."""

import sys
from contextlib import contextmanager
from pathlib import Path

from support import tiny_config

import mmseg_classmix
from mmseg_classmix.engine.hooks import MeanTeacherHook
from mmseg_classmix.engine.runner import ClassMixRunner

PACKAGE = Path(mmseg_classmix.__file__).parent
#: In the order in which a batch comes to them.
FILES = [
    'datasets/multi_source.py',
    'datasets/checked_pipeline.py',
    'models/segmentors/mean_teacher.py',
    'models/segmentors/logits.py',
    'mixing/seeding.py',
    'mixing/batch_mix.py',
    'mixing/masks.py',
    'mixing/ring.py',
    'mixing/strong_augment.py',
    'models/losses/unsup_loss.py',
    'engine/hooks/mean_teacher_hook.py',
    'engine/optimizers.py',
]
#: They look at a file before it is decoded, never at a sample.
CHECKS = {'datasets/sample_files.py', 'datasets/image_files.py'}


@contextmanager
def entered(files):
    """Add the files of the package whose functions are called."""

    def note(frame, event, _):
        path = frame.f_code.co_filename
        if event == 'call' and path.startswith(str(PACKAGE)):
            files.add(Path(path).relative_to(PACKAGE).as_posix())

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


def test_an_iteration_is_read_in_twelve_files(tmp_path):
    cfg = tiny_config(tmp_path, **{'train_cfg.max_iters': 1})
    # What a user chooses is mmseg's own: network, its loss, both data sets.
    head = cfg.model.segmentor.decode_head
    del head['dilations']
    head.update(type='FCNHead', channels=8)
    head.loss_decode = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    cfg.train_dataloader.dataset.datasets[1].update(
        type='BaseSegDataset', img_suffix='.png', metainfo=cfg.metainfo
    )
    jiggle = dict(type='ColorJiggle', brightness=0.25)
    cfg.model.batch_transforms.append(
        dict(type='KorniaAugment', transforms=[jiggle])
    )
    runner = ClassMixRunner.from_cfg(cfg)
    runner.train()
    (hook,) = (h for h in runner.hooks if isinstance(h, MeanTeacherHook))
    hook.before_train(runner)
    loader, found = iter(runner.train_dataloader), set()
    with entered(found):
        batch = next(loader)
        losses = runner.model.train_step(batch, runner.optim_wrapper)
        hook.after_train_iter(runner, 0, batch, losses)
    hook.after_train(runner)
    assert len(FILES) <= 12
    assert found - CHECKS == set(FILES)
