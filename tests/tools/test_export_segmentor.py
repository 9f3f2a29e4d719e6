import json
import os
import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from drawn_weights import DEEPLAB, write_checkpoint
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from mmseg.registry import MODELS
from support import ROOT, SUPERVISED, call_tool, load, part
from tool_process import run_tool

from mmseg_classmix.deploy.onnx_graph import smooth_images


def export(*arguments):
    return call_tool('model_converters/export_segmentor.py', *arguments)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp('trained') / 'iter_7.pth'
    write_checkpoint(path)
    return path


@pytest.fixture(scope='module')
def exported(trained):
    """The teacher; the student has other weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained.parent)
        arguments = DEEPLAB, trained.name, 'out', '--network', 'teacher'
        done = export(*arguments, '--onnx')
    assert done.returncode == 0, done.stdout
    assert 'teacher, same logits as the trained one' in done.stdout
    # Three sizes, and three images of a fourth.
    shares = re.findall(r'x\d+  +([\d.]+)%', done.stdout)
    assert len(shares) == 4 and min(map(float, shares)) >= 99.9
    return trained.parent / 'out'


def without_package(*command, cwd):
    """Run a real process that has mmseg, and nothing of this repository."""
    quick = str(ROOT / 'tests' / 'quick')
    env = {**os.environ, 'PYTHONPATH': quick, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope='module')
def elsewhere(exported, tiny_data, tmp_path_factory):
    """A folder where the snippets of the documentation find their files."""
    folder = tmp_path_factory.mktemp('elsewhere')
    shutil.copytree(exported, folder / 'exported')
    shutil.copy(tiny_data / 'images/val/im_0.png', folder / 'street.png')
    text = (ROOT / 'docs' / 'deploy.md').read_text('utf-8')
    snippets = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    # The third reads what tools/pseudo_label.py has written.
    for name, snippet in zip(('mmseg', 'onnx'), snippets[:2], strict=True):
        (folder / f'{name}_snippet.py').write_text(snippet)
    return folder


def test_mmseg_alone_predicts_and_tests_the_same(trained, elsewhere, tmp_path):
    script = ROOT / 'tests' / 'stock_process.py'
    snippet = 'mmseg_snippet.py'
    found = without_package(script, snippet, tmp_path, cwd=elsewhere)

    options = {'model.predict_on': 'teacher'}
    ours = Config.fromfile(str(DEEPLAB))
    ours.test_pipeline = ours.test_dataloader.dataset.pipeline
    model = init_model(ours, str(trained), 'cpu', cfg_options=options)
    image = str(elsewhere / 'street.png')
    expected = inference_model(model, image).pred_sem_seg.data[0].numpy()
    assert len(np.unique(expected)) == 3
    for name in ('mask.png', 'painted/pred/00000000_pred.png'):
        mask = cv2.imread(str(elsewhere / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, expected)
    assert (elsewhere / 'painted/vis/street.png').is_file()
    assert json.loads((tmp_path / 'dataset_meta.json').read_text()) == dict(
        classes=['ground', 'box', 'disk'],
        palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0]],
    )
    output = run_tool(
        'test.py',
        DEEPLAB,
        trained,
        *('--work-dir', tmp_path / 'ours'),
        *('--cfg-options', 'model.predict_on=teacher'),
        cwd=tmp_path,
    )
    assert scores(output) == scores(found)


def scores(output):
    """Accuracy, mIoU and mean accuracy that a test has printed."""
    words = output.rpartition('aAcc:')[2].split()
    return words[0], words[2], words[4]


def test_one_network_and_nothing_else_is_kept(trained, exported):
    state = load(trained)['state_dict']
    found = load(exported / 'weights.pth')
    expected = part(state, 'teacher')
    assert found['state_dict'].keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found['state_dict'][key], value)
    assert found['meta']['network'] == 'teacher'
    assert (exported / 'weights.pth').stat().st_size < (
        0.55 * trained.stat().st_size
    )
    lines = (exported / 'config.py').read_text().splitlines()
    assert lines[0].startswith('# The teacher after 7 iterations of iter_7')
    code = [line for line in lines if not line.startswith('#')]
    assert 'classmix' not in '\n'.join(code).lower()
    end = lines.index('register_classes()')
    assert max(map(len, lines[:end])) < 84


def test_the_graph_takes_images_as_opencv_reads_them(trained, exported):
    """Prepared by hand, of a size that the tool has not tried."""
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    images = smooth_images((2, 37, 71))
    x = (images[..., ::-1].astype(np.float32) - mean) / std
    x = torch.from_numpy(x).permute(0, 3, 1, 2).float()
    cfg = Config.fromfile(exported / 'config.py')
    model = MODELS.build(cfg.model).eval()
    model.load_state_dict(load(exported / 'weights.pth')['state_dict'])
    with torch.no_grad():
        logits = model.encode_decode(x, [dict(img_shape=(37, 71))])
    expected = logits.argmax(1).numpy()
    session = onnxruntime.InferenceSession(str(exported / 'model.onnx'))
    (label,) = session.run(None, dict(image=images))
    assert label.dtype == np.uint8 and len(np.unique(expected)) == 3
    assert (label == expected).mean() > 0.999
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta['classes']) == ['ground', 'box', 'disk']


def test_onnxruntime_and_opencv_are_enough(elsewhere):
    blocked = elsewhere / 'blocked.py'
    code = (elsewhere / 'onnx_snippet.py').read_text()
    blocked.write_text(f'import sys\nsys.modules["torch"] = None\n{code}')
    without_package(blocked, cwd=elsewhere)
    found = cv2.imread(str(elsewhere / 'mask_onnx.png'), cv2.IMREAD_UNCHANGED)
    files = [elsewhere / f'exported/{n}' for n in ('config.py', 'weights.pth')]
    model = init_model(files[0], str(files[1]), device='cpu')
    image = cv2.imread(str(elsewhere / 'street.png'))
    # Resized as the snippet does it.
    small = inference_model(model, cv2.resize(image, (240, 180)))
    expected = small.pred_sem_seg.data[0].numpy().astype(np.uint8)
    expected = cv2.resize(expected, (40, 32), interpolation=cv2.INTER_NEAREST)
    assert len(np.unique(expected)) == 3
    assert (found == expected).mean() > 0.999


def test_supervised_networks_and_repeated_exports(
    trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_checkpoint(tmp_path / 'plain.pth', SUPERVISED)
    arguments = SUPERVISED, 'plain.pth', 'a/b'
    assert export(*arguments).returncode == 0
    names = {'config.py', 'weights.pth'}
    assert {path.name for path in (tmp_path / 'a/b').iterdir()} == names
    for name in ('model.onnx', 'model.onnx.data'):
        (tmp_path / 'a/b' / name).touch()
    again = export(*arguments)
    assert again.returncode == 2 and 'say --overwrite' in again.stdout
    assert 'weights.pth and model.onnx' in again.stdout
    assert export(*arguments, '--overwrite').returncode == 0
    # A graph of older weights would be taken for one of these.
    assert {path.name for path in (tmp_path / 'a/b').iterdir()} == names
    with pytest.raises(ValueError, match='give the semi-supervised config'):
        export(SUPERVISED, trained, 'c')
    # What --onnx needs is named before the work begins.
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    done = export(DEEPLAB, trained, 'c', '--onnx')
    assert done.returncode == 2
    assert 'needs onnxscript: pip install onnxscript' in done.stdout
    assert not (tmp_path / 'c').exists()
