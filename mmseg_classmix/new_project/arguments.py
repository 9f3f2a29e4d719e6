"""Checks of the command line of tools/new_project.py."""

import argparse
import os.path as osp
from pathlib import Path

from mmseg_classmix.datasets.image_dataset import read_names
from mmseg_classmix.datasets.labeled import label_map
from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.model_config import (
    UnfitNetwork,
    find_config,
)
from mmseg_classmix.new_project.network import (
    Network,
    default_network,
    network_of,
)
from mmseg_classmix.new_project.proposal import Machine

FOLDERS = ('labeled', 'masks', 'unlabeled', 'val_images', 'val_masks')


def check_arguments(
    args: argparse.Namespace, findings: Findings
) -> tuple[str, ...]:
    """Check what the command line names; returns the names of the classes."""
    for name in FOLDERS:
        path, option = getattr(args, name), f'--{name.replace("_", "-")}'
        if path is not None and not osp.isdir(path):
            findings.refuse(f'{option}: no folder {path}', 'correct the path')
    for name in ('pretrained', 'init'):
        path = getattr(args, name)
        if path is not None and not osp.isfile(path):
            findings.refuse(f'--{name}: no file {path}', 'correct the path')
    out = args.out
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        findings.refuse(
            f'--out: {out} exists and is not empty',
            'name a new folder, or remove this one',
        )
    classes = tuple(args.classes)
    try:
        if len(classes) == 1 and osp.isfile(classes[0]):
            names = read_names('--classes', classes[0])
            classes = tuple(name for name in names if name)
        _check_classes(args, classes)
    except ValueError as error:
        findings.refuse(f'--classes: {error}', 'correct the classes')
    return classes


def _check_classes(args: argparse.Namespace, classes: tuple[str, ...]) -> None:
    """Refuse classes that cannot be told apart.

    Raises:
        ValueError: If there are too few or many, or one is named twice, or
            colors or values do not fit them.
    """
    if not 2 <= len(classes) <= 250:
        raise ValueError(
            f'{len(classes)} class ({", ".join(classes)}), but 2 to 250 are '
            'possible; name the background too, such as --classes '
            'background leaf'
        )
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise ValueError(f'{", ".join(twice)} occurs more than once')
    if args.colors and len(set(args.colors)) != len(classes):
        raise ValueError(
            f'{len(set(args.colors))} different --colors for {len(classes)} '
            'classes'
        )
    label_map(args.mask_values, args.ignored_values, len(classes))


def choose_network(
    args: argparse.Namespace,
    findings: Findings,
    configs: Path,
    machine: Machine,
    num_classes: int,
) -> Network | None:
    """Choose the network, or say why it cannot be taken."""
    start = args.pretrained, args.init
    if args.model is None:
        return default_network(configs, machine, *start)
    try:
        path = find_config(configs, args.model)
        return network_of(configs, path, num_classes, *start)
    except FileNotFoundError as error:
        findings.refuse(f'--model: {error}', 'name the config of a network')
    except UnfitNetwork as error:
        findings.refuse(f'--model: {error}', error.way_out)
    return None
