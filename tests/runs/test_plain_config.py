import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from support import CLASSMIX, ROOT

from mmseg_classmix.runs.plain_config import read_plain_config

SHIPPED = [ROOT / 'configs' / 'ablations' / 'extra_augmentations.py']

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        # Keys are attributes of a config.
        | st.dictionaries(st.sampled_from(['a', 'type', 'b.c']), inner)
    ),
    max_leaves=6,
)


def write(tmp_path, text):
    path = tmp_path / 'config.py'
    path.write_text(text, encoding='utf-8')
    return path


@pytest.mark.parametrize('path', [CLASSMIX, *SHIPPED], ids=lambda p: p.stem)
def test_reads_what_mmengine_reads(tmp_path, path):
    cfg = Config.fromfile(str(path))
    dumped = tmp_path / 'config.py'
    cfg.dump(str(dumped))
    expected = Config.fromfile(str(dumped), import_custom_modules=False)
    assert read_plain_config(dumped).to_dict() == expected.to_dict()


@settings(max_examples=60, deadline=None)
@given(values=st.dictionaries(st.sampled_from(['model', 'x', 'y']), PLAIN))
def test_any_plain_value_comes_back(tmp_path_factory, values):
    text = ''.join(f'{name} = {value!r}\n' for name, value in values.items())
    path = write(tmp_path_factory.mktemp('plain'), text)
    assert read_plain_config(path).to_dict() == values


def test_infinite_numbers_as_mmengine_writes_them(tmp_path):
    path = tmp_path / 'config.py'
    Config(dict(a=math.inf, b=[-math.inf], c=dict(d=math.nan))).dump(str(path))
    cfg = read_plain_config(path)
    assert cfg.a == math.inf and cfg.b == [-math.inf] and math.isnan(cfg.c.d)


@pytest.mark.parametrize(
    'line',
    [
        'import os; os.mkdir(TARGET)',
        "x = __import__('os').mkdir(TARGET)",
        "x = dict(a=[__import__('os').mkdir(TARGET)])",
        "x = {'a': (1, __import__('os').mkdir(TARGET))}",
        'x = dict(**dict(a=open(TARGET, "w")))',
        'x = [open(TARGET, "w") for _ in range(1)]',
        'x = f"{open(TARGET, \'w\')}"',
        'x = (lambda: 1)()',
        'open(TARGET, "w")',
        'x: open(TARGET, "w") = 1',
        'def f(y=open(TARGET, "w")): pass',
        'class dict(object): y = open(TARGET, "w")',
        'x = y = 1',
        'x.y = 1',
        '_base_ = [TARGET]',
        '_base_ = "./other.py"',
        'x = some_name',
        'x = dict([("a", 1)])',
        'x = "a" * 10 ** 10',
        'x = 9 ** 9 ** 9',
        'if True: x = 1',
        'assert open(TARGET, "w")',
    ],
)
def test_programs_are_refused_and_not_run(tmp_path, line):
    target = tmp_path / 'executed'
    text = f'a = 1\n{line.replace("TARGET", repr(str(target)))}\n'
    (tmp_path / 'other.py').write_text(f'open({str(target)!r}, "w")\n')
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=r'config.py, line 2: .*not executed'):
        read_plain_config(path)
    assert not target.exists()


@pytest.mark.parametrize(
    'text',
    [
        'x = (',
        'x = 1\0',
        'x = ' + '(' * 5000 + ')' * 5000,
        'x = ' + '-' * 100_000 + '1',
        'x = ' + '[' * 150 + ']' * 149,
        '\n'.join(['x = {[]: 1}']),
        'x = {[1]}',
        '# coding: utf-7\nx = +AGE-',
    ],
    ids=range(8),
)
def test_broken_texts_are_a_value_error_with_the_path(tmp_path, text):
    with pytest.raises(ValueError, match='config.py'):
        read_plain_config(write(tmp_path, text))


def test_bytes_that_are_no_text_are_a_value_error_with_the_path(tmp_path):
    path = tmp_path / 'config.py'
    path.write_bytes(b'x = "\xff\xfe"\n')
    with pytest.raises(ValueError, match='config.py'):
        read_plain_config(path)
