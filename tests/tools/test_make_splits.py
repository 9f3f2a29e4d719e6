"""Lists of labeled and unlabeled images."""

import pickle
import shlex

import numpy as np
import pytest
from layouts import relocate
from mmengine.config import Config
from support import ROOT, SUPERVISED, call_tool

# Order of SHA-256 of '0:NAME', by sha256sum and sort.
ORDER_OF_SEED_0 = ['im_2', 'im_1', 'im_0', 'im_3']


@pytest.fixture
def out(tmp_path):
    return tmp_path / 'splits'


def make_splits(out, *arguments, config=SUPERVISED):
    done = call_tool('make_splits.py', config, out, *arguments)
    assert done.returncode == 0, done.stdout


def read(out, name):
    return (out / name).read_text().split()


def test_fractions_and_seeds_are_written(out):
    make_splits(out, '--fractions', '1/2', '1/4', '--seeds', '0', '1')
    assert len(list(out.iterdir())) == 8
    for seed in (0, 1):
        for name, count in (('1-2', 2), ('1-4', 1)):
            labeled = read(out, f'{name}_{seed}_labeled.txt')
            unlabeled = read(out, f'{name}_{seed}_unlabeled.txt')
            assert len(labeled) == count
            assert sorted(labeled + unlabeled) == [f'im_{i}' for i in range(4)]
        half = read(out, f'1-2_{seed}_labeled.txt')
        assert set(read(out, f'1-4_{seed}_labeled.txt')) <= set(half)


def test_counts_and_names_are_the_same_on_every_machine(out):
    make_splits(out, '--count', '2')
    labeled = read(out, '2-images_0_labeled.txt')
    assert labeled == sorted(ORDER_OF_SEED_0[:2])
    make_splits(out, '--count', '1', '--name', '1-30')
    assert read(out, '1-30_0_labeled.txt') == ORDER_OF_SEED_0[:1]
    make_splits(out, '--counts', '1-30=1', '1-2=3', '--seeds', '0', '5', '9')
    assert len(list(out.iterdir())) == 2 + 12
    for seed in (0, 5, 9):
        assert len(read(out, f'1-30_{seed}_labeled.txt')) == 1
        assert len(read(out, f'1-2_{seed}_labeled.txt')) == 3
        assert len(read(out, f'1-2_{seed}_unlabeled.txt')) == 1


def test_lists_that_would_be_wrong_are_refused(out, tmp_path, tiny_data):
    with pytest.raises(ValueError, match='4 labeled of 4 images'):
        make_splits(out, '--count', '4')
    (tiny_data / 'twice.txt').write_text('im_0\nim_1\nim_0\n')
    config = tmp_path / 'twice.py'
    config.write_text(
        f'_base_ = {str(SUPERVISED)!r}\n'
        'labeled = _base_.labeled\n'
        "labeled.ann_file = 'twice.txt'\n"
        'train_dataloader = dict(dataset=dict(datasets=[labeled]))\n'
    )
    with pytest.raises(ValueError, match="such as 'im_0'"):
        make_splits(out, '--count', '1', config=config)
    (tmp_path / 'ids.pkl').write_bytes(pickle.dumps([0, 1]))
    indices = '--from-index-list', tmp_path / 'ids.pkl'
    with pytest.raises(ValueError, match='has 2 indices, too few for 3'):
        make_splits(out, '--counts', 'a=3', *indices)
    assert not out.exists()


def test_other_names_are_not_replaced_silently(out):
    out.mkdir()
    (out / '2-images_0_labeled.txt').write_text('mine\n')
    with pytest.raises(FileExistsError, match='--overwrite'):
        make_splits(out, '--count', '2')
    assert read(out, '2-images_0_labeled.txt') == ['mine']
    make_splits(out, '--count', '2', '--overwrite')


def test_command_lines_that_make_no_sense_are_refused():
    for arguments in (
        ['--counts', '1-30'],
        ['--counts', '1-30=x'],
        ['--counts', 'a=1', 'a=2'],
        ['--counts', 'a=1', '--name', 'b'],
        ['--count', '1', '--names', 'list.txt'],
        [],
    ):
        done = call_tool('make_splits.py', 'config.py', 'out', *arguments)
        assert (done.returncode, arguments) == (2, arguments)
        assert 'error' in done.stdout


@pytest.mark.parametrize(
    ('base', 'total', 'counts'),
    [
        ('cityscapes_512x1024', 2975, (100, 372, 744, 1488)),
        ('voc12aug_321x321', 10582, (106, 212, 529, 1323, 2646)),
    ],
)
def test_commands_of_the_bases_write_the_published_counts(
    tmp_path, out, base, total, counts
):
    """The command in the head of each base file, on as many empty files."""
    root = tmp_path / 'data'
    if base.startswith('cityscapes'):
        folder = root / 'leftImg8bit' / 'train' / 'aachen'
        folder.mkdir(parents=True)
        for i in range(total):
            (folder / f'aachen_{i:06d}_000019_leftImg8bit.png').touch()
    else:
        folder = root / 'ImageSets' / 'Segmentation'
        folder.mkdir(parents=True)
        (root / 'JPEGImages').mkdir()
        names = [f'2008_{i:06d}' for i in range(total)]
        (folder / 'trainaug.txt').write_text('\n'.join(names))
    text = (ROOT / 'configs/_base_/datasets' / f'{base}.py').read_text()
    head = [line[1:] for line in text.splitlines() if line.startswith('#   ')]
    command = shlex.split('\n'.join(head).replace('\\\n', ' '))
    assert command[:2] == ['python', 'tools/make_splits.py']
    cfg = Config.fromfile(str(ROOT / command[2]))
    assert command[2] == f'configs/_base_/datasets/{base}.py'
    relocate(cfg, root).dump(tmp_path / 'config.py')
    make_splits(out, *command[4:], config=tmp_path / 'config.py')
    sizes = sorted(
        len(path.read_text().split()) for path in out.glob('*_labeled.txt')
    )
    assert sizes == sorted(3 * counts)
    for path in out.glob('*_labeled.txt'):
        labeled = set(path.read_text().split())
        other = path.with_name(path.name.replace('_labeled', '_unlabeled'))
        unlabeled = set(other.read_text().split())
        assert len(labeled | unlabeled) == total
        assert not labeled & unlabeled
    first, second, third = (
        (out / f'1-8_{seed}_labeled.txt').read_text() for seed in range(3)
    )
    assert len({first, second, third}) == 3


def test_published_indices_become_names(out, tmp_path):
    # The data set is the list im_0, im_1, im_2, im_3.
    np.save(tmp_path / 'split_7.npy', np.array([2, 0, 3, 1]))
    indices = '--from-index-list', tmp_path / 'split_7.npy'
    make_splits(out, '--counts', '1-2=2', '1-4=1', *indices)
    assert read(out, '1-2_split_7_labeled.txt') == ['im_0', 'im_2']
    assert read(out, '1-2_split_7_unlabeled.txt') == ['im_1', 'im_3']
    assert read(out, '1-4_split_7_labeled.txt') == ['im_2']
    # They may count another order, and name all that is labeled.
    (tmp_path / 'theirs.txt').write_text('im_3\nim_1\n\nim_0\nim_2\n')
    (tmp_path / 'ids.pkl').write_bytes(pickle.dumps([0, 2, 1], 2))
    indices = '--from-index-list', tmp_path / 'ids.pkl'
    make_splits(out, *indices, '--names', tmp_path / 'theirs.txt')
    assert read(out, '3-images_ids_labeled.txt') == ['im_0', 'im_1', 'im_3']
    assert read(out, '3-images_ids_unlabeled.txt') == ['im_2']
