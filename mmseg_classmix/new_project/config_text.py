"""The configs of a new project, as text."""

import os.path as osp
import textwrap
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmseg_classmix.new_project.mask_values import MaskValues
from mmseg_classmix.new_project.network import Network
from mmseg_classmix.new_project.pairs import Pairs
from mmseg_classmix.new_project.proposal import Proposal

HERE = '{{ fileDirname }}'


@dataclass(frozen=True)
class Project:
    """All that the configs of a project say.

    ``configs`` is the folder of ours, ``unlabeled`` that of the images
    without masks; ``image_suffix`` is what masks of labeled images lack.
    """

    configs: Path
    classes: tuple[str, ...]
    values: MaskValues
    image_suffix: str | None
    labeled: Pairs
    val: Pairs
    unlabeled: str
    proposal: Proposal
    network: Network
    seed: int


def describe(project: Project) -> str:
    """Say in a line what is proposed."""
    proposal = project.proposal
    height, width = proposal.crop_size
    resized = '' if proposal.scale == 1 else f' of images x {proposal.scale}'
    return (
        f'{project.network.why}, crops of {height}x{width}{resized}, batch '
        f'{proposal.batch} + {proposal.batch}, {proposal.iters} iterations '
        '(supervised.py says why)'
    )


def supervised_text(project: Project, command: str) -> str:
    """Write the config of the supervised baseline, made by ``command``."""
    parts = [
        '# Supervised baseline, and all that classmix.py shares with it.\n'
        f'# Written by\n#   {command}\n{_bases(project)}',
        f'work_dir = {HERE + "/work_dirs/supervised"!r}\n'
        f'randomness = dict(seed={project.seed})\n',
        _imports(project.network),
        _data(project),
        _pipelines(project),
        _network(project),
        _loaders(project.proposal),
        _schedule(project),
    ]
    return '\n'.join(part for part in parts if part)


def classmix_text(project: Project) -> str:
    """Write the config of ClassMix."""
    batch = 2 * project.proposal.batch
    return f"""\
# ClassMix: what it adds to supervised.py.
_base_ = './supervised.py'
work_dir = {HERE + '/work_dirs/classmix'!r}
model = dict(
    _delete_=True,
    type='MeanTeacherSegmentor',
    segmentor=_base_.model,
    batch_transforms=[dict(type='ClassMix')],
    unsup_loss=dict(type='PseudoLabelLoss'),
)
# Half of a batch is labeled, half is not.
train_dataloader = dict(
    batch_size={batch},
    sampler=dict(batch_size={batch}, source_ratio=[1, 1]),
    dataset=dict(datasets=[_base_.labeled, _base_.unlabeled]),
)
custom_hooks = [dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU'))
"""


def model_text(network: Network) -> str:
    """Write a whole model."""
    model = network.written
    parts = dict(data_preprocessor=model['data_preprocessor'], model=model)
    return (
        f'# Written by tools/new_project.py: {network.why}.\n{_plain(parts)}'
    )


def _plain(parts: dict) -> str:
    """Lay out plain values as mmengine does."""
    return Config(parts).pretty_text.rstrip() + '\n'


def _bases(project: Project) -> str:
    base = project.configs / '_base_'
    bases = [
        project.network.base.replace(HERE, '.'),
        str(base / 'datasets' / 'own_data.py'),
        project.network.schedule,
        str(base / 'default_runtime.py'),
    ]
    lines = ''.join(f'    {path!r},\n' for path in bases)
    return f'{_comment(project.network.why)}_base_ = [\n{lines}]\n'


def _imports(network: Network) -> str:
    if not network.imports:
        return ''
    names = ['mmseg_classmix', *network.imports]
    return (
        f'# The network needs {", ".join(network.imports)}.\n'
        f'custom_imports = dict(imports={names!r})\n'
    )


def _comment(text: str) -> str:
    lines = textwrap.wrap(f'{text[0].upper()}{text[1:]}.', 77)
    return ''.join(f'# {line}\n' for line in lines)


def _data(project: Project) -> str:
    classes = ''.join(f'    {name!r},\n' for name in project.classes)
    values = project.values
    common = ''
    text = f'classes = (\n{classes})\n'
    if values.mask_values or values.ignored_values:
        text += (
            '# Value in the masks of each class; other values are refused.\n'
            f'mask_values = {list(values.of_classes(len(project.classes)))}\n'
        )
        common = '    mask_values=mask_values,\n'
        if values.ignored_values:
            common += f'    ignored_values={list(values.ignored_values)},\n'
    if project.image_suffix:
        common += f'    img_suffix={project.image_suffix!r},\n'
    text += (
        'labeled, unlabeled = _base_.labeled, _base_.unlabeled\n'
        'val = _base_.val\n'
    )
    common = f'    metainfo=dict(classes=classes),\n{common}'
    for name, pairs in dict(labeled=project.labeled, val=project.val).items():
        text += _source(name, [pairs.images, pairs.masks], common, pairs)
    return text + _source('unlabeled', [project.unlabeled], '')


def _source(
    name: str, folders: list[str], common: str, pairs: Pairs | None = None
) -> str:
    several = len(folders) > 1
    root = osp.commonpath(folders) if several else osp.dirname(folders[0])
    keys = ('img_path', 'seg_map_path')
    prefix = ', '.join(
        f'{key}={osp.relpath(folder, root)!r}'
        for key, folder in zip(keys, folders, strict=False)
    )
    suffixes = pairs.mask_suffixes if pairs else ['.png']
    if suffixes != ['.png']:
        suffix = suffixes if len(suffixes) > 1 else suffixes[0]
        common = f'    seg_map_suffix={suffix!r},\n{common}'
    return (
        f'{name}.update(\n    data_root={root!r},\n'
        f'    data_prefix=dict({prefix}),\n'
        f'    ann_file={f"{HERE}/{name}.txt"!r},\n{common})\n'
    )


def _pipelines(project: Project) -> str:
    proposal = project.proposal
    text = _comment(proposal.why['crop_size'])
    text += f'crop_size = {proposal.crop_size}\n'
    for name in ('labeled', 'unlabeled'):
        text += f'{name}.pipeline[-3].crop_size = crop_size\n'
    text += _scale(proposal)
    if project.network.edges:
        text += (
            '# The head learns edges too. Last, because it adds an entry.\n'
            "edges = dict(type='GenerateEdge', edge_width=4)\n"
            'labeled.pipeline.insert(-1, edges)\n'
        )
    return text


def _scale(proposal: Proposal) -> str:
    if proposal.scale == 1:
        return ''
    low, high = (round(f * proposal.scale, 4) for f in (0.5, 1.5))
    text = _comment(proposal.why['scale'])
    text += f'scale = {proposal.scale}\n'
    for name in ('labeled', 'unlabeled'):
        text += f'{name}.pipeline[-4].ratio_range = ({low}, {high})\n'
    return text + (
        'val.pipeline[1].scale_factor = scale\n'
        'tta_pipeline = _base_.tta_pipeline\n'
        'tta_pipeline[1].transforms[0][0].scale_factor = scale\n'
    )


def _network(project: Project) -> str:
    network = project.network
    options = dict(network.model)
    size = 'size=crop_size, size_divisor=None'
    if test_cfg := options.pop('data_preprocessor', {}).get('test_cfg'):
        size += f', test_cfg={_dict(test_cfg)}'
    lines = ['data_preprocessor=data_preprocessor']
    if not network.written:
        lines.append('decode_head=dict(num_classes=len(classes))')
    lines += [f'{key}={_dict(value)}' for key, value in options.items()]
    inner = ''.join(f'    {line},\n' for line in lines)
    text = f'data_preprocessor = dict({size})\nmodel = dict(\n{inner})\n'
    if network.load_from:
        text += f'load_from = {network.load_from!r}\n'
    return text


def _dict(value: object) -> str:
    if not isinstance(value, dict):
        return repr(value)
    inner = ', '.join(f'{key}={_dict(v)}' for key, v in value.items())
    return f'dict({inner})'


def _loaders(proposal: Proposal) -> str:
    return f"""\
{_comment(proposal.why['batch'])}\
train_dataloader = dict(
    batch_size={proposal.batch},
    num_workers={proposal.workers},
    sampler=dict(batch_size={proposal.batch}),
    dataset=dict(datasets=[labeled]),
)
val_dataloader = dict(num_workers={proposal.workers}, dataset=val)
test_dataloader = val_dataloader
"""


def _schedule(project: Project) -> str:
    iters = project.proposal.iters
    # Ten validations, but a rehearsal of some iterations has one.
    interval = max(iters // 10, min(iters, 50))
    text = _comment(project.proposal.why['iters'])
    text += f'max_iters = {iters}\n'
    network = project.network
    if network.optim_wrapper:
        wrapper = dict(network.optim_wrapper, _delete_=True)
        text += _plain(dict(optim_wrapper=wrapper))
    text += (
        'param_scheduler = _base_.param_scheduler\n'
        'param_scheduler[0].end = max_iters + 1\n'
    )
    if network.warmup:
        end = max(min(network.warmup['end'], iters // 10), 1)
        warmup = dict(network.warmup, end=end)
        text += (
            f'param_scheduler[0].begin = {end}\n'
            f'param_scheduler.insert(0, {_dict(warmup)})\n'
        )
    text += (
        f'train_cfg = dict(max_iters=max_iters, val_interval={interval})\n'
        f'default_hooks = dict(\n    checkpoint=dict(interval={interval}),\n'
    )
    if iters < 500:
        text += f'    logger=dict(interval={max(iters // 10, 1)}),\n'
    return text + ')\n'
