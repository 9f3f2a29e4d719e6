"""Where sheets go: backends, files, processes; and what may go wrong."""

import cv2
import numpy as np
from mmengine.registry import VISBACKENDS
from mmengine.visualization.vis_backend import BaseVisBackend
from ranks import run_ranks
from sheet_cells import EVERY, HOOK, cell, sheet_width, sheets
from support import SUPERVISED, tiny_config, train
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from mmseg_classmix.distributed import prepare_distributed
from mmseg_classmix.engine.runner import ClassMixRunner


@VISBACKENDS.register_module()
class BrokenVisBackend(BaseVisBackend):
    """A backend whose disk is full."""

    @property
    def experiment(self):
        return self

    def _init_env(self):
        pass

    def add_image(self, name, image, step=0, **kwargs):
        raise OSError('no space left')


def test_a_backend_that_fails_loses_its_picture_only(tmp_path):
    # OpenCV cannot replace a folder by a picture.
    (tmp_path / 'pictures' / 'mix_1.png').mkdir(parents=True)
    backends = [
        dict(type='BrokenVisBackend'),
        dict(type='LocalVisBackend', img_save_dir=f'{tmp_path}/pictures'),
    ]
    options = {'train_cfg.max_iters': 2, 'visualizer.vis_backends': backends}
    assert train(tmp_path, **EVERY, **options).iter == 2
    assert (tmp_path / 'pictures' / 'mix_2.png').is_file()
    (log,) = tmp_path.glob('*/*.log')
    text = log.read_text()
    assert 'sheet of iteration 2 could not be given to BrokenVis' in text
    assert 'no space left' in text
    assert 'pictures/mix_1.png was not written' in text


def test_a_sheet_that_cannot_be_drawn_is_a_warning(tmp_path):
    # Classes that the dataset has no color for.
    classes = {'model.segmentor.decode_head.num_classes': 9}
    options = {**EVERY, **classes, 'train_cfg.max_iters': 1}
    assert train(tmp_path, **options).iter == 1
    (log,) = tmp_path.glob('*/*.log')
    text = log.read_text()
    assert 'sheet of iteration 1 could not be drawn: ValueError' in text
    assert 'the palette (metainfo of the dataset) has 3 classes' in text


def test_tensorboard_gets_the_sheets(tmp_path):
    backends = [dict(type=f'{n}VisBackend') for n in ('Local', 'Tensorboard')]
    train(
        tmp_path,
        **{
            f'{HOOK}.interval': 2,
            'visualizer.vis_backends': backends,
        },
    )
    (folder,) = tmp_path.glob('*/vis_data')
    events = EventAccumulator(str(folder))
    events.Reload()
    images = events.Images('mix')
    assert [image.step for image in images] == [2, 4]
    for image in images:
        data = np.frombuffer(image.encoded_image_string, np.uint8)
        shown = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        np.testing.assert_array_equal(shown, sheets(tmp_path)[image.step])
    assert [s.step for s in events.Scalars('unsup.weight')] == [1, 2, 3, 4]


def test_supervised_training_has_no_sheets(tmp_path):
    options = {f'{HOOK}.interval': 1, 'train_cfg.max_iters': 1}
    train(tmp_path, SUPERVISED, **options)
    assert not sheets(tmp_path)


@VISBACKENDS.register_module()
class CountingVisBackend(BrokenVisBackend):
    """Count the sheets of this process."""

    count = 0

    def add_image(self, name, image, step=0, **kwargs):
        CountingVisBackend.count += 1


def train_as_rank(rank, work_dir):
    sizes = (
        'train_dataloader.batch_size',
        'train_dataloader.sampler.batch_size',
    )
    cfg = tiny_config(
        work_dir,
        **EVERY,
        **dict.fromkeys(sizes, 2),
        **{'train_cfg.max_iters': 1, 'launcher': 'pytorch'},
    )
    cfg.visualizer.vis_backends.append(dict(type='CountingVisBackend'))
    prepare_distributed(cfg)
    ClassMixRunner.from_cfg(cfg).train()
    return CountingVisBackend.count


def test_first_of_two_processes_shows_its_own_images(tmp_path):
    assert run_ranks(train_as_rank, tmp_path) == [1, 0]
    (sheet,) = sheets(tmp_path).values()
    # One row; its partner is in the other process.
    assert (cell(sheet, 0, 1) == 255).all()
    assert not (cell(sheet, 0, 0) == 255).all()
    assert sheet.shape[1] == sheet_width(7)
