"""What is wrong with a command line or the data, and what is worth saying."""

import argparse
import os.path as osp
from collections.abc import Iterable
from dataclasses import dataclass, field

from mmseg_classmix.datasets.image_dataset import read_names
from mmseg_classmix.datasets.labeled import label_map
from mmseg_classmix.preflight import Problem

FOLDERS = ('labeled', 'masks', 'unlabeled', 'val_images', 'val_masks')
#: What to do about a damaged file.
REPLACE = 'fetch or save the file again, or take it out of the folder'


@dataclass
class Findings:
    """Problems, which all have to be solved, and remarks in sentences."""

    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def refuse(
        self, what: str, way_out: str, places: Iterable[str] = ()
    ) -> None:
        """Add a problem, at some files unless ``what`` says where it is."""
        places = list(places) or ['']
        self.problems += [Problem(what, place, way_out) for place in places]

    def remark(self, text: str) -> None:
        """Add a remark."""
        self.remarks.append(text)

    def report(self, examples: int) -> str:
        """Describe all problems, with some places of each kind."""
        kinds = {}
        for problem in self.problems:
            kinds.setdefault(problem.found, []).append(problem)
        lines = []
        for what, same in kinds.items():
            places = [problem.where for problem in same if problem.where]
            lines.append(f'{what}: {len(places)}' if places else what)
            lines += [f'    {place}' for place in places[:examples]]
            if len(places) > examples:
                lines.append(f'    ... and {len(places) - examples} more')
            lines.append(f'  -> {same[0].remedy}')
        lines.append(f'{len(kinds)} problems; nothing was written')
        return '\n'.join(lines)


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
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        findings.refuse(
            f'--out: {out} exists and is not empty',
            'name a new folder, or remove this one',
        )
    classes = tuple(args.classes)
    try:
        if len(classes) == 1 and osp.isfile(classes[0]):
            classes = tuple(filter(None, read_names('--classes', classes[0])))
        _check_classes(args, classes)
    except ValueError as error:
        findings.refuse(f'--classes: {error}', 'correct the classes')
    return classes


def _check_classes(args: argparse.Namespace, classes: tuple[str, ...]) -> None:
    """Refuse classes that cannot be told apart."""
    if not 2 <= len(classes) <= 250:
        raise ValueError(
            f'{len(classes)} class ({", ".join(classes)}), but 2 to 250 are '
            'possible; name the background too, such as --classes '
            'background leaf'
        )
    twice = sorted({name for name in classes if classes.count(name) > 1})
    if twice:
        raise ValueError(f'{", ".join(twice)} occurs more than once')
    colors = len(set(args.colors or ()))
    if args.colors and colors != len(classes):
        raise ValueError(
            f'{colors} different --colors for {len(classes)} classes'
        )
    label_map(args.mask_values, args.ignored_values, len(classes))
