import sys

from support import ROOT, SUPERVISED, run_process

# Order of SHA-256 of '0:NAME', by sha256sum and sort.
ORDER_OF_SEED_0 = ['im_2', 'im_1', 'im_0', 'im_3']


def make_splits(out, *arguments):
    return run_process(
        sys.executable,
        ROOT / 'tools' / 'make_splits.py',
        SUPERVISED,
        out,
        *arguments,
        cwd=out.parent,
    )


def read(out, name):
    return (out / name).read_text().split()


def test_fractions_and_seeds_are_written(tmp_path):
    out = tmp_path / 'splits'
    done = make_splits(out, '--fractions', '1/2', '1/4', '--seeds', '0', '1')
    assert done.returncode == 0, done.stdout
    assert len(list(out.iterdir())) == 8
    for seed in (0, 1):
        for name, count in (('1-2', 2), ('1-4', 1)):
            labeled = read(out, f'{name}_{seed}_labeled.txt')
            unlabeled = read(out, f'{name}_{seed}_unlabeled.txt')
            assert len(labeled) == count
            assert sorted(labeled + unlabeled) == [f'im_{i}' for i in range(4)]
        half = read(out, f'1-2_{seed}_labeled.txt')
        assert set(read(out, f'1-4_{seed}_labeled.txt')) <= set(half)


def test_names_are_the_same_on_every_machine(tmp_path):
    out = tmp_path / 'splits'
    make_splits(out, '--count', '2')
    labeled = read(out, '2-images_0_labeled.txt')
    assert labeled == sorted(ORDER_OF_SEED_0[:2])


def test_count_may_have_a_name(tmp_path):
    out = tmp_path / 'splits'
    done = make_splits(out, '--count', '1', '--name', '1-30')
    assert done.returncode == 0, done.stdout
    assert read(out, '1-30_0_labeled.txt') == ORDER_OF_SEED_0[:1]


def test_everything_labeled_is_refused(tmp_path):
    done = make_splits(tmp_path / 'splits', '--count', '4')
    assert done.returncode != 0
    assert '4 labeled of 4 images' in done.stdout


def test_name_that_occurs_twice_is_refused(tmp_path, tiny_data):
    (tiny_data / 'twice.txt').write_text('im_0\nim_1\nim_0\n')
    config = tmp_path / 'twice.py'
    config.write_text(
        f'_base_ = {str(SUPERVISED)!r}\n'
        'labeled = _base_.labeled\n'
        "labeled.ann_file = 'twice.txt'\n"
        'train_dataloader = dict(dataset=dict(datasets=[labeled]))\n'
    )
    done = run_process(
        sys.executable,
        ROOT / 'tools' / 'make_splits.py',
        config,
        tmp_path / 'splits',
        '--count',
        '1',
    )
    assert done.returncode != 0
    assert "such as 'im_0'" in done.stdout


def test_other_names_are_not_replaced_silently(tmp_path):
    out = tmp_path / 'splits'
    out.mkdir()
    (out / '2-images_0_labeled.txt').write_text('mine\n')
    done = make_splits(out, '--count', '2')
    assert done.returncode != 0
    assert '--overwrite' in done.stdout
    assert read(out, '2-images_0_labeled.txt') == ['mine']
    done = make_splits(out, '--count', '2', '--overwrite')
    assert done.returncode == 0, done.stdout
