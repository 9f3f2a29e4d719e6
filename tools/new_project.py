r"""Set up a training on images of your own: check, propose, write configs.

    python tools/new_project.py --labeled photos --masks masks \
        --unlabeled more_photos --classes background leaf --out my_project

reads all images and masks and lists all that is wrong at once (exit code 1,
nothing is written), or writes a supervised and a ClassMix config with lists
of images, and prints the next commands. docs/own_data.md explains.
"""

import argparse
import os
import os.path as osp
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmseg_classmix.datasets.splits import write_list
from mmseg_classmix.new_project.config_text import (
    Project,
    classmix_text,
    describe,
    model_text,
    supervised_text,
)
from mmseg_classmix.new_project.findings import (
    FOLDERS,
    Findings,
    check_arguments,
)
from mmseg_classmix.new_project.mask_values import read_color
from mmseg_classmix.new_project.network import choose_network
from mmseg_classmix.new_project.pairs import Pairs
from mmseg_classmix.new_project.proposal import Machine, propose, this_machine
from mmseg_classmix.new_project.streams import Survey
from mmseg_classmix.new_project.summary import data_text
from mmseg_classmix.new_project.survey import survey

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / 'configs'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(parser)
    add_training_options(parser)
    args = parser.parse_args(argv)
    if (args.val_images is None) != (args.val_masks is None):
        parser.error('--val-images and --val-masks go together')
    if not 0 < args.val_share < 1:
        parser.error(f'--val-share {args.val_share} must be in (0, 1)')
    for name in ('iters', 'workers', 'examples'):
        if (value := getattr(args, name)) is not None and value < 1:
            parser.error(f'--{name} {value} must be at least 1')
    for name in (*FOLDERS, 'pretrained', 'init'):
        if (path := getattr(args, name)) is not None:
            setattr(args, name, osp.abspath(path))
    return args


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what there is."""
    add = parser.add_argument_group('data').add_argument
    add('--labeled', required=True, metavar='DIR', help='images with masks')
    add('--masks', required=True, metavar='DIR', help='their masks')
    add('--unlabeled', required=True, metavar='DIR', help='other images')
    add(
        '--classes',
        required=True,
        nargs='+',
        metavar='NAME',
        help='names of the classes 0, 1, ..., or a text file with one a line',
    )
    add('--val-images', metavar='DIR', help='images to evaluate on')
    add('--val-masks', metavar='DIR', help='their masks')
    add(
        '--val-share',
        type=float,
        default=0.2,
        help='without them, share of the labeled images to evaluate on '
        '(default 0.2)',
    )
    add(
        '--image-suffix',
        metavar='END',
        help="end of labeled images that their masks lack, as '_sat.jpg'",
    )
    add(
        '--mask-suffix',
        metavar='END',
        help='what follows the name of an image in its mask, as '
        "'_mask.png'; found unless several would do",
    )
    add(
        '--mask-values',
        type=int,
        nargs='+',
        metavar='VALUE',
        help='value in the masks of each class (default 0 1 2 ...)',
    )
    add(
        '--ignored-values',
        type=int,
        nargs='+',
        default=[],
        metavar='VALUE',
        help='values in the masks without a class, beside 255',
    )
    add(
        '--colors',
        type=read_color,
        nargs='+',
        metavar='R,G,B',
        help='color in the masks of each class; they are converted',
    )
    add(
        '--reuse-labeled',
        action='store_true',
        help='labeled images in the unlabeled folder stay unlabeled ones too',
    )


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to write."""
    add = parser.add_argument_group('training').add_argument
    add('--out', type=Path, required=True, help='folder of the new project')
    add(
        '--model',
        metavar='CONFIG',
        help="config of a network, ours or mmseg's, as a path or below its "
        'configs folder (default: DeepLab, R50 on a GPU, small on a CPU)',
    )
    add('--pretrained', metavar='FILE', help='weights of the backbone')
    add('--init', metavar='CHECKPOINT', help='checkpoint of the network')
    add('--iters', type=int, help='number of iterations')
    add('--seed', type=int, default=0, help='of the split and the training')
    add(
        '--gpu-memory',
        type=float,
        metavar='GB',
        help='GPU that the training will run on, 0 for none (default: that '
        'of this machine)',
    )
    add(
        '--workers',
        type=int,
        default=os.cpu_count() or 1,
        help='processes that read files',
    )
    add(
        '--examples',
        type=int,
        default=10,
        help='files to name for each problem (default 10)',
    )


def write(
    out: Path, project: Project, found: Survey, masks: Path, command: str
) -> None:
    """Write the project."""
    out.mkdir(parents=True, exist_ok=True)
    if masks.is_dir():
        shutil.move(masks, out / 'masks')
    for name, names in found.lists.items():
        write_list(out / f'{name}.txt', names, overwrite=False)
    texts = dict(
        supervised=supervised_text(project, command),
        classmix=classmix_text(project),
    )
    if project.network.written:
        texts['model'] = model_text(project.network)
    for name, text in texts.items():
        (out / f'{name}.py').write_text(text, 'utf-8')


def final(pairs: Pairs, out: Path, masks: Path) -> Pairs:
    """Say where pairs are, once converted masks have moved."""
    folder = Path(pairs.masks)
    if not folder.is_relative_to(masks):
        return pairs
    folder = out.resolve() / 'masks' / folder.relative_to(masks)
    return replace(pairs, masks=str(folder))


def next_commands(project: Project, out: Path, machine: Machine) -> str:
    """Say how to go on."""
    tools = 'tools' if Path.cwd() == ROOT else str(ROOT / 'tools')
    amp = ' --amp' if machine.memory else ''
    run = out / 'work_dirs' / 'classmix'
    last = run / f'iter_{project.proposal.iters}.pth'

    def line(tool: str, *arguments: object) -> str:
        path = shlex.quote(f'{tools}/{tool}')
        return f'    python {path} {shlex.join(map(str, arguments))}'

    config = out / 'classmix.py'
    pictures = out / 'predictions'
    return '\n'.join(
        [
            f'Proposed: {describe(project)}',
            f'Written to {out}. Train ClassMix, and the baseline to compare:',
            line('train.py', config) + amp,
            line('train.py', out / 'supervised.py') + amp,
            'The log has mIoU of every validation. Afterwards each class, and '
            'masks of new images:',
            line('test.py', config, last),
            line('predict.py', config, last, 'IMAGES', '--out', pictures),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Check, write, and say how to go on."""
    args = parse_args(argv)
    words = sys.argv[1:] if argv is None else argv
    command = shlex.join(['python', 'tools/new_project.py', *words])
    findings = Findings()
    classes = check_arguments(args, findings)
    machine = this_machine(args.gpu_memory)
    network = choose_network(args, findings, CONFIGS, machine, len(classes))
    with tempfile.TemporaryDirectory() as folder:
        masks, found = Path(folder) / 'masks', None
        if not findings.problems:
            found = survey(args, len(classes), findings, masks)
        if findings.problems:
            print(findings.report(args.examples))
            return 1
        proposal = propose(
            [r.size for r in found.labeled.reports.values()],
            len(found.train.names),
            len(found.unlabeled.names),
            len(classes),
            machine,
            args.iters,
        )
        project = Project(
            CONFIGS,
            classes,
            found.values,
            args.image_suffix,
            final(found.labeled.pairs, args.out, masks),
            final(found.val.pairs, args.out, masks),
            args.unlabeled,
            proposal,
            network,
            args.seed,
        )
        write(args.out, project, found, masks, command)
    findings.remarks += network.remarks
    print(data_text(found, classes, findings))
    for remark in findings.remarks:
        print(f'NOTE: {remark}')
    print(next_commands(project, args.out, machine))
    return 0


if __name__ == '__main__':
    sys.exit(main())
