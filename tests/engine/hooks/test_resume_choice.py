"""Which checkpoint --resume takes, and what it costs."""

import re
import shutil
import zipfile

import pytest
import resume_support  # noqa: F401
import torch
from support import SUPERVISED, load, train

from mmseg_classmix.checkpoints import find_problem, newest_checkpoint
from mmseg_classmix.preflight import PreflightError


def fits(content):
    return ''


@pytest.fixture
def work_dir(finished, tmp_path):
    """A folder with the checkpoints of iterations 1 to 3."""
    for i in (1, 2, 3):
        shutil.copy(finished / f'iter_{i}.pth', tmp_path)
    return tmp_path


def damage(path, position):
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)


def log_of(work_dir):
    return ''.join(path.read_text() for path in work_dir.glob('*/*.log'))


def test_the_highest_iteration_is_taken(work_dir):
    shutil.copy(work_dir / 'iter_1.pth', work_dir / 'iter_10.pth')
    for name in ('iter_99.pth.tmp', 'best_mIoU_iter_98.pth', 'iter_x.pth'):
        (work_dir / name).write_text('not looked at')
    path, refused = newest_checkpoint(work_dir, 'iter_{}.pth', fits)
    assert path.name == 'iter_10.pth' and refused == []


@pytest.mark.parametrize('share', [0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_named_and_skipped(work_dir, share):
    newest = work_dir / 'iter_3.pth'
    content = newest.read_bytes()
    newest.write_bytes(content[: int(share * len(content))])
    path, (refused,) = newest_checkpoint(work_dir, 'iter_{}.pth', fits)
    assert path.name == 'iter_2.pth'
    assert refused.startswith(f'{newest} is cut short')


def test_a_changed_byte_is_noticed(work_dir):
    # torch.load itself reads this file without a word.
    damage(work_dir / 'iter_3.pth', 0.5)
    load(work_dir / 'iter_3.pth')
    problem = find_problem(work_dir / 'iter_3.pth', fits)
    assert problem.startswith('is damaged')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c['state_dict'], 'it has no meta'),
        (lambda c: {**c, 'optimizer': None}, 'it has no optimizer'),
        (lambda c: {**c, 'meta': {}}, 'it has no iteration'),
        (lambda c: [1, 2], 'is no checkpoint of a training'),
    ],
)
def test_other_files_of_torch_are_named(work_dir, change, message):
    path = work_dir / 'iter_3.pth'
    torch.save(change(load(path)), path)
    assert message in find_problem(path, fits)


def test_a_folder_without_checkpoints(tmp_path):
    for folder in (tmp_path, tmp_path / 'none'):
        assert newest_checkpoint(folder, 'iter_{}.pth', fits) == (None, [])


def test_foreign_checkpoints_are_named_and_skipped(work_dir, tmp_path_factory):
    plain = tmp_path_factory.mktemp('plain')
    short = {'train_cfg.max_iters': 1, 'default_hooks.checkpoint.interval': 1}
    train(plain, SUPERVISED, **short)
    shutil.copy(plain / 'iter_1.pth', work_dir / 'iter_70.pth')
    other = load(work_dir / 'iter_3.pth')
    for name in ('student', 'teacher'):
        key = f'{name}.decode_head.branches.0.bias'
        other['state_dict'][key] = torch.zeros(11)
    torch.save(other, work_dir / 'iter_60.pth')
    adam = load(work_dir / 'iter_3.pth')
    for group in adam['optimizer']['param_groups']:
        group['betas'] = (0.9, 0.999)
        del group['momentum']
    torch.save(adam, work_dir / 'iter_50.pth')
    (work_dir / 'iter_40.pth').write_bytes(b'PK')
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_70.pth'))

    runner = train(work_dir, resume=True)
    assert runner.iter == 4 and runner.model.teacher_loaded
    text = log_of(work_dir)
    for name, problem in {
        70: 'holds another network',
        60: r'decode_head.branches.0.bias is \(11,\), needs \(3,\)',
        50: 'is of another optimizer than SGD.*it has no momentum',
        40: 'is cut short, or no checkpoint',
    }.items():
        assert re.search(
            f'WARNING - Not resumed: {work_dir}/iter_{name}.pth .*{problem}',
            text,
        )
    assert f'Resuming from {work_dir / "iter_3.pth"}' in text
    assert 'resumed epoch: 0, iter: 3' in text


def test_nothing_to_resume_starts_new(finished, tmp_path):
    (tmp_path / 'last_checkpoint').write_text('nowhere')
    train(tmp_path, resume=True)
    assert f'Nothing to resume in {tmp_path}' in log_of(tmp_path)
    ours, whole = (load(d / 'iter_4.pth') for d in (tmp_path, finished))
    for key, value in whole['state_dict'].items():
        assert torch.equal(ours['state_dict'][key], value)


def test_checkpoints_that_cannot_be_resumed_are_not_overwritten(work_dir):
    for i in (1, 2, 3):
        damage(work_dir / f'iter_{i}.pth', 0.5)
    before = {path: path.read_bytes() for path in work_dir.glob('*.pth')}
    with pytest.raises(ValueError, match='cannot resume any of the 3 check'):
        train(work_dir, resume=True)
    assert before == {p: p.read_bytes() for p in work_dir.glob('*.pth')}


def test_no_changed_byte_of_the_structure_stops_the_choice(work_dir):
    path = work_dir / 'iter_3.pth'
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    (name,) = (name for name in members if name.endswith('data.pkl'))
    content = members[name]
    problems = []
    for position in range(0, len(content), len(content) // 30):
        changed = bytearray(content)
        changed[position] ^= 4
        # The checksum of a file that somebody has made fits.
        with zipfile.ZipFile(path, 'w') as file:
            for member, data in {**members, name: bytes(changed)}.items():
                file.writestr(member, data)
        problems.append(find_problem(path, lambda c: c['meta'] and ''))
    unread = [p for p in problems if p.startswith('cannot be read')]
    assert len(unread) > len(problems) / 10


def test_load_from_is_the_start_and_not_the_continuation(work_dir, finished):
    start = {'load_from': str(finished / 'iter_1.pth')}
    train(work_dir, resume=True, **start)
    text = log_of(work_dir)
    assert 'is for a start only' in text
    assert 'resumed epoch: 0, iter: 3' in text


def test_a_certain_file_can_be_resumed(work_dir):
    short = {'train_cfg.max_iters': 2}
    train(work_dir, resume=str(work_dir / 'iter_1.pth'), **short)
    assert 'resumed epoch: 0, iter: 1' in log_of(work_dir)
    damage(work_dir / 'iter_3.pth', 0.5)
    for name, problem in {'iter_3.pth': 'damaged', 'x.pth': 'cut'}.items():
        with pytest.raises(ValueError, match=f'{name} is {problem}'):
            train(work_dir, resume=str(work_dir / name))


def test_resuming_needs_no_pretrained_weights(work_dir):
    key = 'model.segmentor.backbone.init_cfg'
    missing = {key: dict(type='Pretrained', checkpoint='none.pth')}
    with pytest.raises(PreflightError, match='none.pth'):
        train(work_dir, **missing)
    runner = train(work_dir, resume=True, **missing)
    assert runner.iter == 4
    # Only the training that resumed did without.
    assert 'init_weights' not in vars(runner.model)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            {'default_hooks.checkpoint.interval': 3},
            r'checkpoint.interval=3 .*accumulative_counts=2(?s:.*)set it to 4',
        ),
        (
            {'train_cfg.val_interval': 5},
            r'train_cfg.val_interval=5 .*accumulative_counts=2',
        ),
    ],
)
def test_checkpoint_within_an_accumulation_is_refused(
    tmp_path, options, message
):
    options = {'optim_wrapper.accumulative_counts': 2, **options}
    with pytest.raises(ValueError, match=message):
        train(tmp_path, **options)
    assert not list(tmp_path.glob('*.pth'))


def test_accumulation_resumes_exactly(tmp_path):
    options = {
        'optim_wrapper.accumulative_counts': 2,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
    }
    train(tmp_path / 'whole', **options)
    (tmp_path / 'cut').mkdir()
    shutil.copy(tmp_path / 'whole' / 'iter_2.pth', tmp_path / 'cut')
    # Iteration 3 is within an accumulation of 2: it cannot be taken.
    odd = load(tmp_path / 'cut' / 'iter_2.pth')
    odd['meta']['iter'] = 3
    torch.save(odd, tmp_path / 'cut' / 'iter_3.pth')
    train(tmp_path / 'cut', resume=True, **options)
    assert 'middle of a gradient accumulation' in log_of(tmp_path / 'cut')
    states = [
        load(tmp_path / name / 'iter_4.pth')['state_dict']
        for name in ('whole', 'cut')
    ]
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


@pytest.mark.parametrize('workers', [0, 2])
def test_resuming_loads_no_earlier_image(tmp_path, finished, workers):
    # As if it had trained for longer.
    checkpoint = load(finished / 'iter_4.pth')
    checkpoint['meta']['iter'] = 16
    torch.save(checkpoint, tmp_path / 'iter_16.pth')
    count = tmp_path / 'count'
    steps = [
        dict(type='LoadImageFromFile'),
        dict(type='CountLoads', file=str(count)),
        dict(type='PackSegInputs'),
    ]
    options = {
        'train_dataloader.dataset.datasets.1.pipeline': steps,
        'train_dataloader.num_workers': workers,
        'train_dataloader.persistent_workers': workers > 0,
        'train_cfg.max_iters': 18,
    }
    train(tmp_path, resume=True, **options)
    assert (tmp_path / 'iter_18.pth').is_file()
    # One look before the start; 2 unlabeled images an iteration; what the
    # workers load ahead, once more where mmengine has started them early.
    needed, ahead = 1 + 2 * 2, workers * 2 * 2
    loaded = count.stat().st_size
    assert needed <= loaded <= needed + 2 * ahead < 16 * 2
