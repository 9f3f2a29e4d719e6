"""An iteration is read in few files, which CONTRIBUTING.md lists."""

import sys
from contextlib import contextmanager
from pathlib import Path

from mmengine.runner import Runner
from support import tiny_config

import mmseg_classmix

PACKAGE = Path(mmseg_classmix.__file__).parent
#: In the order in which a batch comes to them.
FILES = [
    'datasets/multi_source_sampler.py',
    'datasets/multi_source_dataset.py',
    'datasets/checked_pipeline.py',
    'models/segmentors/mean_teacher.py',
    'models/segmentors/semi_batch.py',
    'models/segmentors/logits.py',
    'mixing/seeding.py',
    'mixing/batch_mix.py',
    'mixing/ring.py',
    'mixing/masks.py',
    'mixing/strong_augment.py',
    'models/losses/unsup_loss.py',
    'engine/hooks/mean_teacher_hook.py',
]


@contextmanager
def entered(files):
    """Add the files of the package whose functions are called."""

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == 'call' and PACKAGE in path.parents:
            files.add(path.relative_to(PACKAGE).as_posix())

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def test_an_iteration_is_read_in_twelve_files(tmp_path):
    cfg = tiny_config(tmp_path)
    # What a user chooses is of mmseg: the network, its loss, the data sets.
    head = cfg.model.segmentor.decode_head
    head.update(type='FCNHead', channels=8, dilations=None)
    del head['dilations']
    head.loss_decode = dict(type='CrossEntropyLoss', avg_non_ignore=True)
    unlabeled = cfg.train_dataloader.dataset.datasets[1]
    unlabeled.update(
        type='BaseSegDataset',
        img_suffix='.png',
        metainfo=cfg.metainfo,
    )
    cfg.model.batch_transforms.append(
        dict(
            type='KorniaAugment',
            transforms=[dict(type='ColorJiggle', brightness=0.2)],
        )
    )
    runner = Runner.from_cfg(cfg)
    # Everything is built, and the first batch warms up what is lazy.
    cfg.train_cfg.max_iters = 1
    runner.train()
    hook = next(h for h in runner.hooks if 'MeanTeacher' in type(h).__name__)
    loader, found = iter(runner.train_dataloader), set()
    with entered(found):
        batch = next(loader)
        losses = runner.model.train_step(batch, runner.optim_wrapper)
        hook.after_train_iter(runner, 0, batch, losses)
    print(sorted(found))
    assert len(FILES) <= 12
    # Files that nothing enters do not belong to the list either.
    assert found == set(FILES)
