"""From folders of images to a trained network, as a new user does it."""

import hashlib
import importlib.util
import re
import shlex
import shutil
import sys

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from own_images import CLASSES, arguments, save, write_images
from support import ROOT, run_process
from tool_process import run_python

TOOL = ROOT / 'tools' / 'new_project.py'
QUICK = ['train_dataloader.num_workers=0', 'val_dataloader.num_workers=0']
QUICK += [f'{s}_dataloader.persistent_workers=False' for s in ('train', 'val')]


@pytest.fixture
def new_project(monkeypatch, capsys):
    """Run the tool in this process and return what it prints."""
    monkeypatch.syspath_prepend(str(TOOL.parent))
    spec = importlib.util.spec_from_file_location('new_project', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def run(root, *more, code=0, **kwargs):
        command = [TOOL, *arguments(root, *more, **kwargs)]
        monkeypatch.setattr(sys, 'argv', [str(word) for word in command])
        found = tool.main()
        output = capsys.readouterr().out
        assert found == code, output
        return output

    return run


def read(root, name, out='my project'):
    return (root / out / f'{name}.txt').read_text('utf-8').splitlines()


def run_printed(output, tool, cwd, *more):
    """Run the printed command of a tool, such as train.py."""
    lines = [line for line in output.splitlines() if f'/{tool} ' in line]
    words = shlex.split(lines[0])
    assert words[0] == 'python'
    done = run_python(words[1], *words[2:], *more, cwd=cwd)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize('unlabeled', [3, 12], ids=['fewer', 'more'])
def test_odd_images_are_trained_and_tested_with_the_printed_commands(
    tmp_path, unlabeled
):
    root = write_images(tmp_path / 'my data', unlabeled=unlabeled)
    command = [TOOL, *arguments(root, '--iters', '2')]
    if unlabeled == 3:
        done = run_process(sys.executable, *command, cwd=tmp_path)
    else:
        done = run_python(*command, cwd=tmp_path)
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
    if unlabeled == 3:
        supervised = project / 'supervised.py'
        done = run_python('train.py', supervised, *options, cwd=elsewhere)
        assert done.returncode == 0, done.stdout
        assert (project / 'work_dirs/supervised/iter_2.pth').is_file()


def test_streams_are_apart(tmp_path, new_project):
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


def test_validation_images_are_never_unlabeled_ones(tmp_path, new_project):
    root = write_images(tmp_path, labeled=10)
    new_project(root, out='first')
    val, labeled = read(root, 'val', 'first'), read(root, 'labeled', 'first')
    photos, more = root / 'photos', root / 'more'
    # A copy of another name, a file of the same name, and a link.
    (more / 'copy.png').write_bytes((photos / val[0]).read_bytes())
    stem = val[1].rpartition('.')[0]
    save(more / f'{stem}.png', np.full((20, 20), 9, np.uint8))
    (more / f'link{val[1]}').symlink_to(photos / val[1])
    (more / 'labeled.png').write_bytes((photos / labeled[0]).read_bytes())
    output = new_project(root, out='second')
    assert read(root, 'unlabeled', 'second') == read(
        root, 'unlabeled', 'first'
    )
    assert 'left out of unlabeled.txt: 2 validation images' in output
    assert '1 named like validation images' in output
    assert '1 labeled images, such as labeled.png' in output
    new_project(root, '--reuse-labeled', out='third')
    assert 'labeled.png' in read(root, 'unlabeled', 'third')
    assert 'copy.png' not in read(root, 'unlabeled', 'third')


def test_one_folder_with_masks_for_some_images(tmp_path, new_project):
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


def test_given_validation_folders(tmp_path, new_project):
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


def test_every_problem_is_listed_at_once_and_nothing_is_written(
    tmp_path, new_project
):
    root = write_images(tmp_path, labeled=6)
    (root / 'masks' / 'p 0_mask.png').unlink()
    (root / 'photos' / 'p 1.png').write_bytes(b'')
    mask = root / 'masks' / 'p 2_mask.png'
    save(mask, np.zeros((53, 37), np.uint8))
    save(root / 'masks' / 'p 3_mask.png', np.full((37, 53), 7, np.uint8))
    (root / 'more' / 'page.jpg').write_bytes(b'<html>not found</html>')
    output = new_project(root, code=1)
    for name in ('p 0.JPG', 'p 1.png', str(mask), 'p 3_mask.png', 'page.jpg'):
        assert name in output
    assert '[0, 7, 255]' in output
    assert output.count('  -> ') == 5
    assert '5 problems; nothing was written' in output
    assert not (root / 'my project').exists()


def test_folder_that_is_not_empty_is_refused(tmp_path, new_project):
    root = write_images(tmp_path, labeled=3)
    (root / 'my project').mkdir()
    new_project(root)
    before = sorted((root / 'my project').rglob('*'))
    text = new_project(root, '--seed', '1', code=1)
    assert 'exists and is not empty' in text
    assert sorted((root / 'my project').rglob('*')) == before


def test_masks_of_colors_are_counted_and_converted(tmp_path, new_project):
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


def test_classes_of_a_file(tmp_path, new_project):
    root = write_images(tmp_path, labeled=3, white=1)
    (root / 'names.txt').write_text('sky blue\r\nÄcker\n\n', 'utf-8')
    new_project(root, classes=[root / 'names.txt'])
    cfg = Config.fromfile(str(root / 'my project' / 'classmix.py'))
    assert cfg.labeled.metainfo.classes == ('sky blue', 'Äcker')
    assert cfg.model.segmentor.decode_head.num_classes == 2
    assert 'mask_values' not in cfg.labeled


def spoil_gray_colors(root):
    for path in (root / 'masks').iterdir():
        save(path, cv2.imread(str(path), cv2.IMREAD_COLOR))


def spoil_values(root):
    for i, path in enumerate(sorted((root / 'masks').iterdir())):
        save(path, np.full((37, 53), (0, 127, 254)[i], np.uint8))


def spoil_16_bits(root):
    next((root / 'more').rglob('u3.png')).unlink()
    dark = np.full((20, 20), 4095, np.uint16)
    save(root / 'more' / 'raw.png', dark)


def spoil_names(root):
    for path in (root / 'masks').iterdir():
        path.rename(path.with_name(f'x{path.name}'))


def spoil_image(root):
    (root / 'photos' / 'p 0.png').write_bytes(b'same stem')


def spoil_line_end(root):
    path = next((root / 'more').rglob('u0*'))
    path.rename(path.with_name('a\nb.jpg'))


def spoil_count(root):
    for path in [*(root / 'photos').iterdir()][1:]:
        path.unlink()


@pytest.mark.parametrize(
    ('spoil', 'texts'),
    [
        (spoil_gray_colors, ['color images, of grays,', '0,0,0 (']),
        (
            spoil_values,
            ['[0, 127, 254]', '--mask-values 127 254 --ignored-values 0'],
        ),
        (spoil_16_bits, ['raw.png', 'no value beyond 4095']),
        (spoil_names, ['p 0.JPG', 'xp 0_mask.png', '--mask-suffix']),
        (spoil_image, ['p 0.JPG and p 0.png: p 0_mask.png']),
        (spoil_line_end, [r"'deep/a\nb.jpg'", 'rename the file']),
        (spoil_count, ['has 1 image with a mask', 'label at least 2']),
    ],
)
def test_bad_data_is_named_with_a_way_out(tmp_path, new_project, spoil, texts):
    root = write_images(tmp_path, labeled=3)
    spoil(root)
    output = new_project(root, code=1)
    for text in [*texts, '  -> ', 'nothing was written']:
        assert text in output
    assert not (root / 'my project').exists()


@pytest.mark.parametrize(
    ('more', 'classes', 'text'),
    [
        (['--unlabeled', '/no/folder'], 'ab', '--unlabeled: no folder'),
        (['--pretrained', '/no/file'], 'ab', '--pretrained: no file'),
        (['--init', '/no/file'], 'ab', '--init: no file'),
        (['--model', 'no.py'], 'ab', '--model: no config no.py'),
        ([], 'a', 'name the background too'),
        ([], 'aba', 'a occurs more than once'),
        (['--mask-values', '0'], 'ab', 'one value for each of the 2 classes'),
        (['--colors', '1,2,3'], 'ab', '1 different --colors for 2 classes'),
    ],
)
def test_bad_arguments_are_named_with_a_way_out(
    tmp_path, new_project, more, classes, text
):
    root = write_images(tmp_path, labeled=3)
    output = new_project(root, *more, classes=classes, code=1)
    assert text in output
    assert '  -> ' in output
    assert not (root / 'my project').exists()


def test_images_that_are_all_labeled_leave_no_unlabeled_ones(
    tmp_path, new_project
):
    root = write_images(tmp_path, labeled=4)
    command = ['--unlabeled', root / 'photos']
    output = new_project(root, *command, code=1)
    assert 'give --reuse-labeled' in output
    new_project(root, *command, '--reuse-labeled')
    assert read(root, 'unlabeled') == read(root, 'labeled')


def test_class_that_cannot_be_learned_or_measured_is_said(
    tmp_path, new_project
):
    root = write_images(tmp_path, labeled=5, white=1)
    new_project(root, out='first')
    (val,) = read(root, 'val', 'first')
    mask = root / 'masks' / f'{val.rpartition(".")[0]}_mask.png'
    save(mask, np.full((37, 53), 2, np.uint8))
    output = new_project(root, classes=['a', 'b', 'rare', 'none'])
    assert "class 'rare' is in validation images only" in output
    assert "class 'none' has no pixel in any mask" in output
    assert "class 'b' is in no validation image" in output
    assert 'labeled images to train on: only 4.' in output
    assert re.search(r'\| rare +\| +0.00 \| +0 \| +1 \|', output)


def test_network_of_mmseg(tmp_path, new_project):
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


def test_photos_are_resized_in_all_pipelines(tmp_path, new_project):
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
