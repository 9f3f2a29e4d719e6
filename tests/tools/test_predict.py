import os
import shutil

import cv2
import numpy as np
import pytest
from drawn_weights import DEEPLAB, write_checkpoint
from PIL import Image
from support import ROOT, call_tool, run_process

EXPORT = 'model_converters/export_segmentor.py'
PALETTE = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]])


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp('predict') / 'w.pth'
    write_checkpoint(path)
    return path


def picture(seed, height, width):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height))


@pytest.fixture
def images(tmp_path):
    """A folder with what folders have."""
    root = tmp_path / 'in'
    (root / 'süd' / 'ost').mkdir(parents=True)
    cv2.imwrite(str(root / 'a.jpg'), picture(0, 33, 41))
    cv2.imwrite(str(root / 'a.png'), picture(1, 32, 40))
    cv2.imwrite(str(root / 'süd/ost/grau 1.png'), picture(2, 50, 30)[..., 0])
    cv2.imwrite(str(root / 'süd/b.tif'), picture(3, 20, 70))
    (root / 'notes.txt').write_text('no image')
    return root


def predict(*arguments):
    return call_tool('predict.py', DEEPLAB, *arguments)


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def mask(path):
    with Image.open(path) as image:
        assert image.mode == 'P'
        colors = np.asarray(image.convert('RGB'))
        label = np.asarray(image)
    np.testing.assert_array_equal(colors, PALETTE[label])
    return label


def test_a_folder(images, checkpoint, tmp_path):
    done = predict(checkpoint, 'in', '--out', 'out')
    assert done.returncode == 0, done.stdout
    out = tmp_path / 'out'
    names = {
        path.relative_to(out / 'masks').as_posix()
        for path in out.glob('masks/**/*.png')
    }
    assert names == {
        'a.jpg.png',
        'a.png.png',
        'süd/ost/grau 1.png',
        'süd/b.png',
    }
    label = mask(out / 'masks/süd/ost/grau 1.png')
    assert label.shape == (50, 30) and len(np.unique(label)) > 1
    image = cv2.imread(str(images / 'a.png')).astype(float)
    painted = cv2.imread(str(out / 'overlays/a.png.jpg')).astype(float)
    colors = PALETTE[mask(out / 'masks/a.png.png')][..., ::-1]
    # JPEG changes colors at edges most.
    assert np.abs(painted - (image + colors) / 2).mean() < 12
    sheet = cv2.imread(str(out / 'contact_sheet.png'))
    assert min(sheet.shape[:2]) > 200 and len(np.unique(sheet)) > 100


def test_bad_files_are_named_and_the_rest_is_done(
    images, checkpoint, tmp_path
):
    (images / 'empty.png').touch()
    (images / 'page.jpg').write_text('<html>')
    os.symlink(tmp_path / 'gone', images / 'link.png')
    shutil.copy(images / 'a.png', os.fsencode(images) + b'/s\xfcd.png')
    (images / 'süd/film.MP4').touch()
    command = 'tools/predict.py', DEEPLAB, checkpoint, images
    done = run_process('python', *command, '--out', tmp_path / 'out', cwd=ROOT)
    assert done.returncode == 1
    assert "1 videos are left out, such as 'süd/film.MP4'" in done.stdout
    tail = done.stdout.partition('4 skipped:')[2]
    assert 's\\udcfcd.png: its name is no UTF-8 text' in tail
    assert 'empty.png: is empty' in tail
    assert 'page.jpg: cannot be decoded' in tail
    assert 'link.png: FileNotFoundError' in tail
    assert len(list(tmp_path.glob('out/masks/**/*.png'))) == 4


def test_a_run_is_continued_with_the_same_settings_only(
    images, checkpoint, tmp_path
):
    arguments = checkpoint, 'in', '--out', 'out'
    assert predict(*arguments).returncode == 0
    done = tmp_path / 'out/masks/süd/b.png'
    written = done.stat().st_mtime_ns
    (tmp_path / 'out/masks/a.jpg.png').unlink()
    cv2.imwrite(str(images / 'new.png'), picture(9, 32, 40))
    cv2.imwrite(str(images / 'süd/ost/grau 1.png'), picture(2, 21, 30))
    # The sheet is drawn without it.
    (tmp_path / 'out/overlays/süd/b.jpg').write_text('no image')
    again = predict(*arguments)
    assert again.returncode == 0
    assert '5 images, 2 of them finished' in again.stdout
    changed = mask(tmp_path / 'out/masks/süd/ost/grau 1.png')
    assert changed.shape == (21, 30)
    assert done.stat().st_mtime_ns == written
    with pytest.raises(FileExistsError, match="was 'student' and is 'teach"):
        predict(*arguments, '--network', 'teacher')


def test_windows_see_what_they_would_see_alone(checkpoint, tmp_path):
    """Two windows side by side, without overlap."""
    image = picture(4, 32, 64)
    for name, part in dict(
        both=image, left=image[:, :32], right=image[:, 32:]
    ).items():
        cv2.imwrite(str(tmp_path / f'{name}.png'), part)
        slide = ['--slide', '32', '32'] if name == 'both' else []
        source = f'{name}.png', '--out', name
        done = predict(checkpoint, *source, *slide)
        assert done.returncode == 0, done.stdout
    both, left, right = (
        mask(tmp_path / f'{name}/masks/{name}.png')
        for name in ('both', 'left', 'right')
    )
    np.testing.assert_array_equal(both, np.hstack([left, right]))


def write_video(path, frames):
    codec = cv2.VideoWriter_fourcc(*'MJPG')
    writer = cv2.VideoWriter(str(path), codec, 5.0, (64, 48))
    for frame in frames:
        writer.write(frame)
    writer.release()


def test_a_video(checkpoint, tmp_path):
    write_video(tmp_path / 'v.avi', [picture(i, 48, 64) for i in range(5)])
    arguments = checkpoint, 'v.avi', '--out', 'out'
    done = predict(*arguments)
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / 'out/masks').exists()
    done = predict(*arguments, '--frames')
    assert done.returncode == 0, done.stdout
    assert len(list(tmp_path.glob('out/masks/v/*.png'))) == 5
    again = predict(*arguments, '--frames')
    assert 'v.avi is finished' in again.stdout
    found = cv2.VideoCapture(str(tmp_path / 'out/v.mp4'))
    assert found.get(cv2.CAP_PROP_FPS) == 5
    assert found.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    # Frames as the video has them.
    video = cv2.VideoCapture(str(tmp_path / 'v.avi'))
    for i in range(5):
        cv2.imwrite(str(tmp_path / f'{i}.png'), video.read()[1])
    cv2.imwrite(str(tmp_path / 'frame.png'), cv2.imread(f'{tmp_path}/3.png'))
    alone = checkpoint, 'frame.png', '--out', 'alone'
    assert predict(*alone).returncode == 0
    np.testing.assert_array_equal(
        mask(tmp_path / 'out/masks/v/000003.png'),
        mask(tmp_path / 'alone/masks/frame.png'),
    )
    (tmp_path / 'v.avi').write_bytes(b'no video')
    again = predict(checkpoint, 'v.avi', '--out', 'new')
    assert again.returncode == 1
    assert 'no video that OpenCV can read' in again.stdout
    assert not list(tmp_path.glob('new/*.mp4'))


def test_a_video_that_is_cut_short_is_not_finished(checkpoint, tmp_path):
    video = tmp_path / 'v.avi'
    write_video(video, [picture(i, 48, 64) for i in range(9)])
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    for _ in range(2):
        done = predict(checkpoint, 'v.avi', '--out', 'out')
        assert done.returncode == 1
        assert 'says that it has 9 frames, but only' in done.stdout
        assert 'is finished' not in done.stdout
    files = {path.name for path in (tmp_path / 'out').iterdir()}
    assert files == {'v.mp4', 'contact_sheet.png', 'journal.jsonl'}


def test_mistakes_are_found_first(images, checkpoint, tmp_path):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full/thesis.tex').touch()
    for arguments, message in (
        (['nowhere', '--out', 'out'], 'no image, video or folder'),
        (['in', '--out', 'in/out'], 'among the images of the next run'),
        (['in', '--out', 'full/thesis.tex'], 'is a file: choose a folder'),
        (['in', '--out', 'out', '--slide', '4', '8'], 'STRIDE must be from'),
        (['in', '--out', 'out', '--device', 'cuda:99'], 'cannot be used'),
        (['in', '--out', 'out', '--opacity', '2'], 'must be from 0 to 1'),
        (['in', '--out', 'out', '--workers', '-1'], 'must be 0 or more'),
    ):
        done = predict(checkpoint, *arguments)
        assert done.returncode == 2 and message in done.stdout
    with pytest.raises(FileExistsError, match='has not written'):
        predict(checkpoint, 'in', '--out', 'full')
    assert not (tmp_path / 'out').exists()


def test_an_exported_network_predicts_the_same(images, checkpoint, tmp_path):
    done = call_tool(EXPORT, DEEPLAB, checkpoint, 'net')
    assert done.returncode == 0, done.stdout
    ours = predict(checkpoint, 'in', '--out', 'ours')
    assert ours.returncode == 0
    files = 'net/config.py', 'net/weights.pth'
    plain = call_tool('predict.py', *files, 'in', '--out', 'plain')
    assert plain.returncode == 0, plain.stdout
    for path in (tmp_path / 'ours').glob('masks/**/*.png'):
        other = tmp_path / 'plain' / path.relative_to(tmp_path / 'ours')
        np.testing.assert_array_equal(mask(path), mask(other))
