"""model-index.yml and the metafiles say what there is, and nothing more."""

import re

import yaml
from support import ROOT

INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())
FILES = {
    name: yaml.safe_load((ROOT / name).read_text()) for name in INDEX['Import']
}
COLLECTIONS = {
    collection['Name']: collection
    for file in FILES.values()
    for collection in file.get('Collections', [])
}
MODELS = [model for file in FILES.values() for model in file['Models']]
NAMES = [model['Name'] for model in MODELS]
# What metafiles call the data set of a class.
TRAINING_DATA = {
    'CityscapesDataset': 'Cityscapes',
    'PascalVOCDataset': 'Pascal VOC 2012 + Aug',
    'CamVidDataset': 'CamVid',
    'StreetScenesDataset': 'Street scenes (drawn)',
}


def test_every_metafile_is_imported():
    found = (ROOT / 'configs').glob('*/metafile.yaml')
    assert {str(p.relative_to(ROOT)) for p in found} == set(FILES)


def test_every_config_is_listed_once():
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').glob('*/*.py')
        if path.parent.name != '_base_'
    }
    listed = [model['Config'] for model in MODELS]
    assert sorted(listed) == sorted(found)
    assert len(set(NAMES)) == len(NAMES)


def test_collections_have_the_fields_of_mmseg():
    for name, collection in COLLECTIONS.items():
        assert {'License', 'Metadata', 'Paper', 'README', 'Frameworks'} <= set(
            collection
        ), name
        assert (ROOT / collection['README']).is_file()
        used = {
            model['Metadata']['Training Data']
            for model in MODELS
            if model['In Collection'] == name
        }
        assert used == set(collection['Metadata']['Training Data'])


def check_entry(path, cfg):
    """The entry of a config says what it does; tests/test_configs.py."""
    (model,) = (model for model in MODELS if model['Config'] == path)
    facts = model['Metadata']
    semi = cfg.model.type == 'MeanTeacherSegmentor'
    assert (model['In Collection'] == 'ClassMix') == semi
    assert model['In Collection'] in COLLECTIONS
    network = cfg.model.segmentor if semi else cfg.model
    if 'ResNet' in network.backbone.type:
        assert f'R-{network.backbone.depth}' in facts['Architecture']
    loader = cfg.train_dataloader
    source = loader.dataset
    source = source.datasets[0] if 'datasets' in source else source.dataset
    data = TRAINING_DATA.get(source.type, facts['Training Data'])
    assert facts['Training Data'] == data
    # Of all processes: the first line of the config says how many.
    comment = (ROOT / model['Config']).read_text().split('\n_base_')[0]
    processes = re.search(r'(\d+) GPUs? x', comment)
    if processes:
        batch = loader.batch_size * int(processes[1])
        assert facts['Batch Size'] == batch
    assert facts['Batch Size'] % loader.batch_size == 0


def test_results_are_those_of_the_documents():
    pages = ('README.md', 'docs/experiments.md')
    text = ''.join((ROOT / page).read_text() for page in pages)
    measured = re.findall(r'\d\d\.\d\d', text)
    for model in MODELS:
        results = model.get('Results')
        if results is None:
            continue
        assert results['Task'] == 'Semantic Segmentation'
        assert results['Dataset'] == model['Metadata']['Training Data']
        assert {f'{v:.2f}' for v in results['Metrics'].values()} <= set(
            measured
        )


def test_no_result_of_the_paper_is_ours():
    # Nobody has trained these with this code: see docs/tables.md.
    for model in MODELS:
        data = model['Metadata']['Training Data']
        if data not in ('CamVid', 'Street scenes (drawn)'):
            assert 'Results' not in model and 'Weights' not in model
