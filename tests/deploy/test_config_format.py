import math

import numpy as np
import pytest

from mmseg_classmix.deploy.config_format import Reference, assignment
from mmseg_classmix.deploy.stock_config import config_text

VALUE = dict(
    lr=1e-05,
    one=(1,),
    none=None,
    flags=[True, False],
    number=np.float64(0.25),
    word={'class': 1},
    empty=dict(a={}, b=[], c=()),
    names={'a.b': 'it\'s "quoted"', 3: -1},
    palette=[[i, i, i] for i in range(30)],
    type='Thing',
)


def test_python_reads_the_values_back():
    text = assignment('value', VALUE)
    values = {}
    # Without numpy.
    exec(text, values)
    assert values['value'] == VALUE
    assert max(map(len, text.splitlines())) <= 79
    assert text.splitlines()[1] == "    type='Thing',"


def test_short_values_take_a_line_and_references_none():
    value = dict(scale=(2, 1), type='Resize')
    assert assignment('a', value) == "a = dict(type='Resize', scale=(2, 1))"
    assert assignment('a', [Reference('b')]) == 'a = [b]'


def test_what_is_no_number():
    values = {}
    exec(assignment('a', [math.inf, -math.inf, math.nan]), values)
    assert values['a'][:2] == [math.inf, -math.inf]
    assert math.isnan(values['a'][2])


def test_objects_are_refused():
    with pytest.raises(TypeError, match='a object'):
        assignment('a', [object()])


def test_comments_stay_comments():
    """Paths and numbers of others end up in the header of a config."""
    header = ['a\nimport os', 'b\r\x0cc = 1', ' d' * 60]
    for line in config_text({}, [], header).splitlines():
        assert line.startswith('# ')
