"""Cityscapes in its real layout, through the shipped dataset configs."""

import numpy as np
import pytest
import torch
from layouts import (
    CITIES,
    color_model,
    color_weights,
    relocate,
    write_cityscapes,
)
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from support import ROOT, call_tool
from torch.nn.functional import interpolate

from mmseg_classmix.engine.runner import ClassMixRunner

BASE = ROOT / 'configs' / '_base_' / 'datasets'
# Width, height; not half of the written 128x64, so that nearest matters.
SCALE = (48, 24)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('cityscapes')
    write_cityscapes(root)
    return root


def config(root, name='cityscapes_512x1024.py'):
    return relocate(Config.fromfile(str(BASE / name)), root, SCALE)


def pil(path, resample):
    return np.asarray(Image.open(path).resize(SCALE, resample))


def mask_of(image_path):
    mask = image_path.replace('leftImg8bit/', 'gtFine/')
    return mask.replace('_leftImg8bit.png', '_gtFine_labelTrainIds.png')


def test_train_images_are_those_of_all_cities(root):
    dataset = DATASETS.build(config(root).labeled)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    written = sorted((root / 'leftImg8bit' / 'train').glob('*/*.png'))
    assert [info['img_path'] for info in infos] == [str(p) for p in written]
    assert len({p.parent.name for p in written}) == 3
    for info in infos:
        assert info['seg_map_path'] == mask_of(info['img_path'])
    unlabeled = DATASETS.build(config(root).unlabeled)
    paths = [unlabeled.get_data_info(i)['img_path'] for i in range(12)]
    assert paths == [str(p) for p in written]
    assert len(unlabeled) == 12


@pytest.mark.parametrize('source', ['labeled', 'unlabeled'])
def test_images_are_resized_by_pillow_and_nothing_else(root, source):
    dataset = DATASETS.build(config(root)[source])
    for i in (0, 5, 5, 5, 5):
        path = dataset.get_data_info(i)['img_path']
        sample = dataset[i]
        expected = pil(path, Image.Resampling.BILINEAR)[..., ::-1]
        image = sample['inputs'].permute(1, 2, 0).numpy()
        assert np.array_equal(image, expected)
        if source == 'unlabeled':
            assert 'gt_sem_seg' not in sample['data_samples']
            continue
        mask = sample['data_samples'].gt_sem_seg.data[0].numpy()
        expected = pil(mask_of(path), Image.Resampling.NEAREST)
        assert np.array_equal(mask, expected)


def test_published_size_batch_and_classes():
    cfg = Config.fromfile(str(BASE / 'cityscapes_512x1024.py'))
    for pipeline in (
        cfg.train_pipeline,
        cfg.unlabeled_pipeline,
        cfg.test_pipeline,
    ):
        (resize,) = (step for step in pipeline if step.type == 'Resize')
        assert resize.scale == (1024, 512)
        types = [step.type for step in pipeline]
        assert not any(t.startswith('Random') for t in types)
    assert cfg.crop_size == (512, 512)
    assert cfg.train_dataloader.batch_size == 1
    assert len(DATASETS.get(cfg.labeled.type).METAINFO['classes']) == 19


def test_split_lists_serve_both_streams(root, tmp_path):
    file = tmp_path / 'config.py'
    config(root).dump(file)
    out = tmp_path / 'splits'
    call_tool('make_splits.py', file, out, '--counts', '1-2=6', '--seeds', 1)
    paths = {}
    for source in ('labeled', 'unlabeled'):
        cfg = config(root)[source]
        cfg.ann_file = str(out / f'1-2_1_{source}.txt')
        dataset = DATASETS.build(cfg)
        paths[source] = [dataset[i]['data_samples'].img_path for i in range(6)]
        assert len(dataset) == 6
        names = (out / f'1-2_1_{source}.txt').read_text().split()
        city, _, frame = names[0].partition('/')
        assert city in CITIES['train']
        assert frame == f'{city}_{frame.split("_")[1]}_000019'
    assert len(set(paths['labeled'] + paths['unlabeled'])) == 12


def test_missing_list_names_the_command(root):
    cfg = config(root)
    datasets = [cfg.labeled, cfg.unlabeled]
    datasets[1].ann_file = f'{ROOT}/configs/splits/cityscapes/no_such.txt'
    with pytest.raises(FileNotFoundError) as error:
        DATASETS.build(dict(type='MultiSourceDataset', datasets=datasets))
    message = str(error.value)
    assert 'no_such.txt' in message
    assert 'train_dataloader.dataset.datasets[1].ann_file' in message
    assert 'tools/make_splits.py configs/_base_/datasets/' in message


def miou(predictions, masks):
    """Mean of TP / (TP + FP + FN) of the classes that occur, in percent."""
    p, m = np.concatenate(predictions), np.concatenate(masks)
    p, m = p[m != 255], m[m != 255]
    ious = []
    for c in range(19):
        hit = np.count_nonzero((p == c) & (m == c))
        union = np.count_nonzero((p == c) | (m == c))
        if union:
            ious.append(100 * hit / union)
    return float(np.mean(ious))


def expected_mious(cfg, checkpoint, root):
    """What both protocols must give, from files, PIL and numpy."""
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    pairs = {'input_size': ([], []), 'original_size': ([], [])}
    for path in sorted((root / 'leftImg8bit' / 'val').glob('*/*.png')):
        image = pil(path, Image.Resampling.BILINEAR)
        image = (torch.tensor(image).float() - 128) / 64
        with torch.no_grad():
            logits = model.decode_head((image.permute(2, 0, 1)[None],))
        small = pil(mask_of(str(path)), Image.Resampling.NEAREST)
        whole = np.asarray(Image.open(mask_of(str(path))))
        masks = dict(input_size=small, original_size=whole)
        for protocol, (predictions, targets) in pairs.items():
            mask = masks[protocol]
            full = interpolate(
                logits, mask.shape, mode='bilinear', align_corners=True
            )
            predictions.append(full.argmax(1).numpy().ravel())
            targets.append(mask.ravel())
    return {protocol: miou(*pair) for protocol, pair in pairs.items()}


@pytest.fixture(scope='module')
def tested(root, tmp_path_factory):
    """A config file, a checkpoint, and the expected mIoU of both protocols."""
    folder = tmp_path_factory.mktemp('tested')
    cfg = config(root)
    for key in ('train_dataloader', 'val_dataloader', 'val_evaluator'):
        cfg.pop(key)
    cfg.merge_from_dict(
        dict(
            model=color_model(19),
            test_cfg=dict(type='TestLoop'),
            custom_imports=dict(imports=['mmseg_classmix', 'layouts']),
            default_scope='mmseg',
            work_dir=str(folder / 'work'),
        )
    )
    checkpoint = folder / 'weights.pth'
    torch.save(color_weights(19), checkpoint)
    cfg.dump(folder / 'config.py')
    mious = expected_mious(cfg, checkpoint, root)
    # Two protocols that agree would show nothing.
    assert abs(mious['input_size'] - mious['original_size']) > 1
    return folder / 'config.py', checkpoint, mious


def test_labels_are_compared_at_input_size_by_default(tested):
    file, checkpoint, mious = tested
    cfg = Config.fromfile(str(file))
    cfg.load_from = str(checkpoint)
    cfg.experiment_name = 'test_input_size'
    metrics = ClassMixRunner.from_cfg(cfg).test()
    # IoUMetric rounds to two places.
    assert metrics['mIoU'] == pytest.approx(mious['input_size'], abs=0.006)


def test_one_word_of_the_command_line_chooses_full_resolution(tested):
    file, checkpoint, mious = tested
    option = 'test_dataloader.dataset.pipeline.3.size=original_size'
    name = 'experiment_name=original_size'
    done = call_tool(
        'test.py', file, checkpoint, '--cfg-options', option, name
    )
    assert done.returncode == 0, done.stdout
    value = float(done.stdout.split('mIoU: ')[-1].split()[0])
    assert value == pytest.approx(mious['original_size'], abs=0.006)


def test_full_config_evaluates_at_the_size_of_the_masks(root):
    cfg = config(root, 'cityscapes_512x1024_full.py')
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        sample = DATASETS.build(loader.dataset)[0]
        assert sample['inputs'].shape == (3, 24, 48)
        assert sample['data_samples'].ori_shape == (64, 128)
        assert sample['data_samples'].gt_sem_seg.shape == (64, 128)


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        ('cityscapes_512x1024.py', (24, 48)),
        ('cityscapes_512x1024_full.py', (64, 128)),
    ],
)
def test_augmented_tests_keep_the_protocol(root, name, size):
    cfg = config(root, name)
    cfg.val_dataloader.dataset.pipeline = cfg.tta_pipeline
    sample = DATASETS.build(cfg.val_dataloader.dataset)[0]
    assert [s.flip for s in sample['data_samples']] == [False, True]
    for data_sample in sample['data_samples']:
        assert data_sample.ori_shape == size
        mask = Image.open(mask_of(data_sample.img_path))
        mask = mask.resize(size[::-1], Image.Resampling.NEAREST)
        assert np.array_equal(data_sample.gt_sem_seg.data[0], mask)
