"""From folders of images to a trained network, as a new user does it."""

import hashlib
import re
import shlex
import shutil
import sys

import cv2
import numpy as np
from mmengine.config import Config
from mmseg.registry import DATASETS
from own_images import (
    CLASSES,
    TOOL,
    arguments,
    new_project,
    read,
    save,
    write_images,
)
from support import ROOT, run_process
from tool_process import run_python

QUICK = ['train_dataloader.num_workers=0', 'val_dataloader.num_workers=0']
QUICK += [f'{s}_dataloader.persistent_workers=False' for s in ('train', 'val')]


def run_printed(output, tool, cwd, *more):
    """Run the printed command of a tool, such as train.py."""
    lines = [line for line in output.splitlines() if f'/{tool} ' in line]
    words = shlex.split(lines[0])
    assert words[0] == 'python'
    done = run_python(words[1], *words[2:], *more, cwd=cwd)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_odd_images_are_trained_and_tested_with_the_printed_commands(tmp_path):
    # Fewer unlabeled images than a batch has.
    root = write_images(tmp_path / 'my data', unlabeled=3)
    command = ROOT / 'tools' / TOOL, *arguments(root, '--iters', '2')
    done = run_process(sys.executable, *command, cwd=tmp_path)
    output = done.stdout
    assert done.returncode == 0, output
    assert '255 is taken for the second class' in output
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    options = ['--cfg-options', *QUICK]
    log = run_printed(output, 'train.py', elsewhere, *options)
    assert re.search(r'student/mIoU: \d', log)
    shown = root / 'my project' / 'pictures'
    tested = run_printed(
        output, 'test.py', elsewhere, '--show-dir', shown, *options
    )
    for name in CLASSES:
        assert re.search(rf'\| +{name} +\| +[\d.]+ +\|', tested), tested
    # The pictures, with Cyrillic or whatever names, are there.
    project = root / 'my project'
    assert len(list(shown.rglob('*.png'))) == 2
    supervised = project / 'supervised.py'
    done = run_python('train.py', supervised, *options, cwd=elsewhere)
    assert done.returncode == 0, done.stdout
    assert (project / 'work_dirs/supervised/iter_2.pth').is_file()


def test_streams_are_apart(tmp_path):
    root = write_images(tmp_path, labeled=10)
    output = new_project(root)
    lists = {n: read(root, n) for n in ('labeled', 'val', 'unlabeled')}
    assert [len(names) for names in lists.values()] == [8, 2, 5]
    images = {path.name for path in (root / 'photos').iterdir()}
    assert set(lists['labeled']) | set(lists['val']) == images
    assert re.search(r'labeled\.txt +8 images', output)
    # By the order of the hash, as tools/make_splits.py does it.
    order = sorted(
        images, key=lambda n: hashlib.sha256(f'0:{n}'.encode()).digest()
    )
    assert lists['val'] == sorted(order[:2])
    new_project(root, '--seed', '3', out='other')
    assert read(root, 'val', 'other') != lists['val']
    cfg = Config.fromfile(str(root / 'other' / 'classmix.py'))
    assert cfg.randomness.seed == 3


def test_validation_images_are_never_unlabeled_ones(tmp_path):
    root = write_images(tmp_path, labeled=10)
    new_project(root, out='first')
    val, labeled = read(root, 'val', 'first'), read(root, 'labeled', 'first')
    photos, more = root / 'photos', root / 'more'
    # A copy of another name, one of another format, and a link.
    (more / 'copy.png').write_bytes((photos / val[0]).read_bytes())
    stem = val[1].rpartition('.')[0]
    save(more / f'{stem}.webp', cv2.imread(str(photos / val[1])))
    (more / f'link{val[1]}').symlink_to(photos / val[1])
    (more / 'labeled.png').write_bytes((photos / labeled[0]).read_bytes())
    output = new_project(root, out='second')
    assert read(root, 'unlabeled', 'second') == read(
        root, 'unlabeled', 'first'
    )
    assert 'left out of unlabeled.txt: 2 validation images' in output
    assert '1 validation images in another format' in output
    assert '1 labeled images, such as labeled.png' in output
    new_project(root, '--reuse-labeled', out='third')
    assert 'labeled.png' in read(root, 'unlabeled', 'third')
    assert 'copy.png' not in read(root, 'unlabeled', 'third')


def test_one_folder_with_masks_for_some_images(tmp_path):
    root = write_images(tmp_path, labeled=6, unlabeled=4)
    for path in (root / 'more' / 'deep').iterdir():
        path.rename(root / 'photos' / path.name)
    for path in (root / 'masks').iterdir():
        path.rename(root / 'photos' / path.name)
    command = ['--masks', root / 'photos', '--unlabeled', root / 'photos']
    text = new_project(root, *command, code=1)
    assert 'give --mask-suffix' in text
    new_project(root, *command, '--mask-suffix', '_mask.png')
    assert len(read(root, 'labeled')) == 5
    names = read(root, 'unlabeled')
    assert [name[:2] for name in names] == ['u0', 'u1', 'u2', 'u3']


def test_given_validation_folders(tmp_path):
    root = write_images(tmp_path, labeled=4)
    other = write_images(tmp_path / 'other', labeled=3, unlabeled=0)
    # Copies of the labeled ones: these are not trained on.
    output = new_project(
        root,
        '--val-images',
        other / 'photos',
        '--val-masks',
        other / 'masks',
    )
    assert [len(read(root, n)) for n in ('labeled', 'val')] == [1, 3]
    assert 'left out of labeled.txt: 3 validation images' in output
    cfg = Config.fromfile(str(root / 'my project' / 'supervised.py'))
    assert cfg.val_dataloader.dataset.data_root == str(other)


def test_masks_of_colors_are_counted_and_converted(tmp_path):
    root = write_images(tmp_path, labeled=5, mask_end='.png')
    colors = np.array([[0, 0, 255], [0, 128, 0]], np.uint8)
    numbers = {}
    for path in (root / 'masks').iterdir():
        numbers[path.name] = (cv2.imread(str(path), 0) > 0).astype(np.uint8)
        save(path, colors[numbers[path.name]])
    text = new_project(root, code=1)
    assert 'color images with 2 colors' in text
    red, green = re.search(
        r'The colors: (\S+) \([\d.]+ %\) (\S+) ', text
    ).groups()
    assert (red, green) == ('255,0,0', '0,128,0')
    new_project(root, '--colors', red, '#008000')
    cfg = Config.fromfile(str(root / 'my project' / 'supervised.py'))
    folder = cfg.labeled.data_root, cfg.labeled.data_prefix.seg_map_path
    for name, expected in numbers.items():
        path = '/'.join([*folder, name])
        assert (cv2.imread(path, cv2.IMREAD_UNCHANGED) == expected).all()


def test_classes_of_a_file(tmp_path):
    root = write_images(tmp_path, labeled=3, white=1)
    (root / 'names.txt').write_text('sky blue\r\nÄcker\n\n', 'utf-8')
    new_project(root, classes=[root / 'names.txt'])
    cfg = Config.fromfile(str(root / 'my project' / 'classmix.py'))
    assert cfg.labeled.metainfo.classes == ('sky blue', 'Äcker')
    assert cfg.model.segmentor.decode_head.num_classes == 2
    assert 'mask_values' not in cfg.labeled


def test_network_of_mmseg(tmp_path):
    root = write_images(tmp_path, labeled=3, white=1)
    name = 'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
    new_project(root, '--model', name, '--iters', '50')
    project = root / 'my project'
    cfg = Config.fromfile(str(project / 'classmix.py'))
    segmentor = cfg.model.segmentor
    assert segmentor.decode_head.type == 'SegformerHead'
    assert segmentor.decode_head.num_classes == 2
    assert segmentor.data_preprocessor == cfg.data_preprocessor
    assert segmentor.data_preprocessor.size == (32, 48)
    assert segmentor.data_preprocessor.test_cfg.size_divisor == 32
    assert cfg.optim_wrapper.optimizer.lr == 6e-5
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
    assert 'momentum' not in cfg.optim_wrapper.optimizer
    warmup, poly = cfg.param_scheduler
    assert (warmup.begin, warmup.end, poly.begin, poly.end) == (0, 5, 5, 51)


def test_endings_of_images_and_masks_are_those_of_the_datasets(tmp_path):
    mask = np.eye(40, dtype=np.uint8)
    for i in range(6):
        image = np.full((40, 40, 3), 40 * i, np.uint8)
        save(tmp_path / 'photos' / 'a' / f'{i}_sat.jpg', image)
        ending = '_mask.tif' if i % 2 else '_mask.PNG'
        save(tmp_path / 'masks' / 'a' / f'{i}{ending}', mask)
    save(tmp_path / 'more' / 'u.bmp', image)
    new_project(tmp_path, '--image-suffix', '_sat.jpg')
    cfg = Config.fromfile(str(tmp_path / 'my project' / 'classmix.py'))
    labeled, unlabeled = cfg.train_dataloader.dataset.datasets
    val = cfg.val_dataloader.dataset
    lengths = []
    for source in (labeled, val, unlabeled):
        dataset = DATASETS.build(source)
        lengths.append(len(dataset))
        for sample in dataset:
            if source is not unlabeled:
                label = sample['data_samples'].gt_sem_seg.data.numpy()
                assert set(np.unique(label)) == {0, 1}
    assert lengths == [5, 1, 1]


def test_photos_are_resized_in_all_pipelines(tmp_path):
    root = write_images(tmp_path, labeled=3, white=1, size=(768, 2048))
    save(root / 'more' / 'deep' / 'u4.jpeg', np.zeros((99, 99), np.uint8))
    assert 'times as long' not in new_project(root, out='other')
    for path in (root / 'more' / 'deep').glob('u[0123]*'):
        path.unlink()
    assert '0.048 times as long' in new_project(root)
    cfg = Config.fromfile(str(root / 'my project' / 'classmix.py'))
    for source in cfg.train_dataloader.dataset.datasets:
        scale, crop = source.pipeline[-4:-2]
        assert (scale.type, scale.ratio_range) == ('RandomScale', (0.25, 0.75))
        assert (crop.type, crop.crop_size) == ('RandomCrop', (256, 256))
    resize = dict(type='Resize', scale_factor=0.5)
    assert cfg.val_dataloader.dataset.pipeline[1] == resize
    assert cfg.test_dataloader.dataset.pipeline[1] == resize
    assert cfg.tta_pipeline[1].transforms[0][0] == resize


def test_config_by_hand(tmp_path):
    page = (ROOT / 'docs' / 'own_data.md').read_text('utf-8')
    (text,) = re.findall(r'```python\n(.*?)```', page, re.DOTALL)
    data = tmp_path / 'leaves'
    write_images(data, labeled=4, white=1, mask_end='.png')
    for kind, folder in (('images', 'photos'), ('masks', 'masks')):
        for split in ('train', 'val'):
            shutil.copytree(data / folder, data / kind / split)
    (data / 'more').rename(data / 'images' / 'unlabeled')
    for name in (data / 'images' / 'val').glob('p [12]*'):
        name.unlink()
    text = text.replace("'/data/leaves'", repr(str(data)))
    text = text.replace("'configs/", f"'{ROOT}/configs/")
    config = tmp_path / 'leaves.py'
    config.write_text(text)
    options = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1']
    options += [f'train_dataloader.{k}batch_size=4' for k in ('', 'sampler.')]
    done = run_python(
        'train.py', config, '--cfg-options', *QUICK, *options, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r'teacher/mIoU: \d', done.stdout)
