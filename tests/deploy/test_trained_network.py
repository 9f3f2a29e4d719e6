import pytest
import torch
from drawn_weights import DEEPLAB, write_checkpoint
from mmengine.config import Config
from support import SUPERVISED, largest_difference, load, part

from mmseg_classmix.deploy import read_network


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'semi.pth'
    write_checkpoint(path)
    return str(path)


def config(path=DEEPLAB, **options):
    cfg = Config.fromfile(str(path))
    cfg.merge_from_dict(options)
    return cfg


def saved_as(path, state):
    torch.save(dict(state_dict=state), path)
    return str(path)


def test_a_network_of_two(checkpoint):
    state = load(checkpoint)['state_dict']
    for name in ('student', 'teacher'):
        network = read_network(config(), checkpoint, name)
        built = network.build().state_dict()
        assert largest_difference(built, part(state, name)) == 0
        assert (network.name, network.meta['iter']) == (name, 7)
        mean = network.cfg.data_preprocessor.mean
        assert mean == [123.675, 116.28, 103.53]


def test_the_default_is_the_network_that_predicts(checkpoint):
    cfg = config(**{'model.predict_on': 'teacher'})
    assert read_network(cfg, checkpoint).name == 'teacher'
    assert read_network(config(), checkpoint).name == 'student'
    network = read_network(config(), checkpoint, None, 'teacher')
    assert network.name == 'teacher'


def test_wrappers_are_taken_off(checkpoint, tmp_path):
    state = load(checkpoint)['state_dict']
    for wrap in ('module._orig_mod.{}', '_orig_mod.module.{}'):
        # A compiled backbone has its name inside.
        wrapped = {
            wrap.format(k).replace('backbone', 'backbone._orig_mod'): value
            for k, value in state.items()
        }
        path = saved_as(tmp_path / 'wrapped.pth', wrapped)
        found = read_network(config(), path, 'teacher').state_dict
        assert largest_difference(found, part(state, 'teacher')) == 0


def test_config_and_checkpoint_have_to_fit(checkpoint, tmp_path):
    state = part(load(checkpoint)['state_dict'], 'student')
    plain = saved_as(tmp_path / 'plain.pth', state)
    with pytest.raises(ValueError, match='supervised baseline'):
        read_network(config(), plain)
    with pytest.raises(ValueError, match='give the semi-supervised config'):
        read_network(config(SUPERVISED), checkpoint)
    with pytest.raises(ValueError, match='leave --network out'):
        read_network(config(SUPERVISED), plain, 'teacher')
    cfg = config(**{'model.segmentor.decode_head.num_classes': 5})
    with pytest.raises(ValueError, match=r'branches.0.weight is \(3, 8, 3, 3'):
        read_network(cfg, checkpoint).build()
