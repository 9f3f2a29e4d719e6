"""The one walk through wrappers of data sets."""

from types import SimpleNamespace

from mmseg_classmix.datasets.wrappers import (
    leaf_configs,
    leaves,
    replace_leaves,
)

A, B, C = (dict(type='BaseSegDataset', data_root=name) for name in 'abc')
WRAPPED = dict(
    type='MultiSourceDataset',
    datasets=[
        dict(type='RepeatDataset', times=2, dataset=A),
        dict(type='ConcatDataset', datasets=[B, dict(dataset=C)]),
    ],
)
PLACES = ['d.datasets[0].dataset', 'd.datasets[1].datasets[0]']
PLACES.append('d.datasets[1].datasets[1].dataset')


def test_configs_and_built_datasets_are_walked_alike():
    def built(cfg):
        parts = dict(cfg)
        if 'dataset' in cfg:
            parts['dataset'] = built(cfg['dataset'])
        if 'datasets' in cfg:
            parts['datasets'] = [built(part) for part in cfg['datasets']]
        return SimpleNamespace(**parts)

    found = list(leaf_configs('d', WRAPPED))
    assert found == list(zip(PLACES, [A, B, C], strict=True))
    assert list(leaf_configs('d', A)) == [('d', A)]
    roots = [
        (place, leaf.data_root) for place, leaf in leaves('d', built(WRAPPED))
    ]
    assert roots == list(zip(PLACES, 'abc', strict=True))


def test_leaves_are_replaced_in_a_copy():
    changed = replace_leaves(WRAPPED, lambda leaf: dict(leaf, pipeline=[]))
    expected = [dict(leaf, pipeline=[]) for leaf in (A, B, C)]
    assert [leaf for _, leaf in leaf_configs('', changed)] == expected
    assert changed['datasets'][0]['times'] == 2
    assert 'pipeline' not in A
