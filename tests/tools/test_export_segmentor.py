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
from support import ROOT, SUPERVISED, load, part
from tool_process import run_python, run_tool

from mmseg_classmix.export.onnx_graph import smooth_images

BLOCKED = 'import sys\nsys.modules[{!r}] = None\n'
TOOL = ROOT / 'tools' / 'model_converters' / 'export_segmentor.py'


def export(*arguments, cwd):
    return run_python(TOOL, *arguments, cwd=cwd)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp('trained') / 'iter_7.pth'
    write_checkpoint(path)
    return path


@pytest.fixture(scope='module')
def exported(trained):
    """The teacher; the student has other weights."""
    arguments = DEEPLAB, trained.name, 'out', '--network', 'teacher'
    done = export(*arguments, '--onnx', cwd=trained.parent)
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


def test_mmseg_alone_predicts_and_tests_the_same(
    trained, exported, tiny_data, tmp_path
):
    image = tiny_data / 'images/val/im_0.png'
    script = ROOT / 'tests' / 'stock_process.py'
    found = without_package(script, exported, image, tmp_path, cwd=tmp_path)

    options = {'model.predict_on': 'teacher'}
    ours = Config.fromfile(str(DEEPLAB))
    ours.test_pipeline = ours.test_dataloader.dataset.pipeline
    model = init_model(ours, str(trained), 'cpu', cfg_options=options)
    mask = inference_model(model, str(image)).pred_sem_seg.data[0].numpy()
    assert len(np.unique(mask)) == 3
    for name in ('inference_model', 'inferencer'):
        stock = np.load(tmp_path / f'{name}.npy')
        np.testing.assert_array_equal(stock, mask)
    assert json.loads((tmp_path / 'dataset_meta.json').read_text()) == dict(
        classes=['ground', 'box', 'disk'],
        palette=[[0, 0, 0], [255, 0, 0], [0, 255, 0]],
    )
    work_dir = tmp_path / 'ours'
    output = run_tool(
        'test.py',
        DEEPLAB,
        trained,
        *('--work-dir', work_dir),
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
    assert max(map(len, lines)) < 84


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


def test_the_snippets_of_the_documentation(exported, tiny_data, tmp_path):
    """In mmseg alone, and in onnxruntime and OpenCV alone."""
    shutil.copytree(exported, tmp_path / 'exported')
    image = cv2.imread(str(tiny_data / 'images/val/im_1.png'))
    cv2.imwrite(str(tmp_path / 'street.png'), image)
    text = (ROOT / 'docs' / 'deploy.md').read_text('utf-8')
    snippets = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    assert len(snippets) == 2
    stock = tmp_path / 'stock.py'
    stock.write_text(BLOCKED.format('mmseg_classmix') + snippets[0])
    without_package(stock, cwd=tmp_path)
    mask = cv2.imread(str(tmp_path / 'mask.png'), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (32, 40) and set(np.unique(mask)) == {0, 1, 2}
    names = [path.name for path in (tmp_path / 'painted').rglob('*.png')]
    assert 'street.png' in names
    graph = tmp_path / 'graph.py'
    graph.write_text(BLOCKED.format('torch') + snippets[1])
    without_package(graph, cwd=tmp_path)
    found = cv2.imread(str(tmp_path / 'mask_onnx.png'), cv2.IMREAD_UNCHANGED)
    files = exported / 'config.py', str(exported / 'weights.pth')
    small = inference_model(
        init_model(*files, device='cpu'), cv2.resize(image, (240, 180))
    )
    expected = small.pred_sem_seg.data[0].numpy().astype(np.uint8)
    expected = cv2.resize(expected, (40, 32), interpolation=cv2.INTER_NEAREST)
    assert len(np.unique(expected)) == 3
    assert (found == expected).mean() > 0.999


def test_supervised_networks_and_repeated_exports(trained, tmp_path):
    write_checkpoint(tmp_path / 'plain.pth', SUPERVISED)
    arguments = SUPERVISED, 'plain.pth', 'a/b'
    assert export(*arguments, cwd=tmp_path).returncode == 0
    again = export(*arguments, cwd=tmp_path)
    assert again.returncode == 2 and 'say --overwrite' in again.stdout
    assert export(*arguments, '--overwrite', cwd=tmp_path).returncode == 0
    wrong = export(SUPERVISED, trained, 'c', cwd=tmp_path)
    assert wrong.returncode == 1
    assert 'give the semi-supervised config' in wrong.stdout
    assert not (tmp_path / 'c').exists()


def test_what_onnx_needs_is_named(trained, tmp_path):
    """Packages that cannot be found, in a process of its own."""
    code = (
        'import sys, runpy\n'
        'sys.modules["onnxscript"] = None\n'
        f'sys.argv = ["export", "{DEEPLAB}", "{trained}", "x", "--onnx"]\n'
        f'runpy.run_path("{TOOL}", run_name="__main__")\n'
    )
    (tmp_path / 'run.py').write_text(code)
    done = run_python(tmp_path / 'run.py', cwd=tmp_path)
    assert done.returncode == 2
    assert (
        'needs onnxscript: pip install -r requirements/deploy' in done.stdout
    )
