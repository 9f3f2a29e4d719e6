"""The trial of models tells apart who is to blame."""

from mmengine.config import Config
from other_models import published_configs, small_segmentor
from support import ROOT, run_process
from tool_process import run_python

TOOL = 'dev/try_models.py'
SEGFORMER = small_segmentor('classmix_segformer-b0_cityscapes_1-8')


def write(folder, name, **changes):
    """Write a config of a small model, with changes to its head."""
    cfg = Config(dict(model=SEGFORMER))
    cfg.merge_from_dict({'model.decode_head': changes})
    path = folder / f'{name}.py'
    path.write_text(f'model = {cfg.model.to_dict()!r}\n')
    return path


def test_table_says_who_is_to_blame(tmp_path):
    good = write(tmp_path, 'good')
    names = dict(
        refused=dict(num_classes=3, out_channels=1),
        unknown=dict(type='NoSuchHead'),
    )
    others = [write(tmp_path, name, **head) for name, head in names.items()]
    out = tmp_path / 'models.md'
    out.write_text('# Title\n\nText.\n\n## other stack 1.0\n\nOld.\n')
    for paths in ([good], [good, *others]):
        result = run_python(
            TOOL, *paths, '--sizes', '64', '--out', out, cwd=tmp_path
        )
        assert result.returncode == 0, result.stdout
    text = out.read_text()
    assert text.startswith('# Title\n\nText.\n\n## other stack 1.0\n\nOld.\n')
    # The section of this stack is replaced, not repeated.
    assert text.count('mmsegmentation') == 1
    verdicts = {
        cells[1].strip().split('/')[-1]: cells[2].strip()
        for line in text.splitlines()
        if (cells := line.split('|'))[0] == '' and '`' in line
    }
    assert verdicts == {
        'good.py`': 'trains',
        'refused.py`': 'early error',
        'unknown.py`': 'mmseg alone: error',
    }
    assert 'num_classes=3' in text and 'NoSuchHead' in text


def test_limits_hold(tmp_path):
    path = write(tmp_path, 'good')
    result = run_process(
        'python', ROOT / 'tools' / TOOL, path, '--seconds', '0.01'
    )
    assert result.returncode == 1
    assert 'good.py: error: more than 0.01 s' in result.stdout


def test_document_has_all_models_of_mmseg_and_no_failure():
    text = (ROOT / 'docs' / 'compatible_models.md').read_text('utf-8')
    _, *sections = text.split('\n## ')
    files = (published_configs() / '_base_' / 'models').glob('*.py')
    names = {f'`models/{path.name}`' for path in files}
    assert len(sections) == 2
    for section in sections:
        rows = [
            [cell.strip() for cell in line.split('|')[1:3]]
            for line in section.splitlines()
            if line.startswith('| `')
        ]
        assert names <= {name for name, _ in rows}
        verdicts = {verdict for _, verdict in rows}
        assert verdicts <= {'trains', 'early error', 'mmseg alone: error'}
