"""What somebody's data set has, and what is unusual about it."""

from collections.abc import Sequence

import numpy as np
from prettytable import PrettyTable

from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.streams import Survey

# Fewer labeled images than this say little.
FEW = 10
# Things that differ more in size look like others to a network.
RATIO = 1.5


def data_text(
    found: Survey, classes: Sequence[str], findings: Findings
) -> str:
    """Describe a data set, and remark on what is unusual."""
    lines = [
        f'{name + ".txt":13} {len(names):7} images'
        for name, names in found.lists.items()
    ]
    sizes = [report.size for report in found.labeled.reports.values()]
    lines.append(f'labeled images: {_describe_sizes(sizes)} (height x width)')
    if found.sizes:
        lines.append(f'unlabeled images: {_describe_sizes(found.sizes)}')
        sides = [np.median(np.max(s, 1)) for s in (sizes, found.sizes)]
        ratio = sides[1] / sides[0]
        if not 1 / RATIO <= ratio <= RATIO:
            findings.remark(
                f'unlabeled images are {ratio:.2g} times as long as labeled '
                'ones (median): if the same things are of another size in '
                'them, resize the images before, or the network will not '
                'recognize them'
            )
    counted = found.values, len(classes)
    train = found.labeled.classes(found.train.names, *counted)
    val = found.val.classes(found.evaluated, *counted)
    streams = dict(labeled=found.train, unlabeled=found.unlabeled)
    for name, stream in streams.items():
        for reason, names in stream.left_out.items():
            way = ' (--reuse-labeled keeps them)'
            findings.remark(
                f'left out of {name}.txt: {len(names)} {reason}, such as '
                f'{names[0]}{way if reason == "labeled images" else ""}'
            )
    _remark_on_classes(findings, classes, train, val)
    return '\n'.join([*lines, str(_class_table(classes, train, val))])


def _class_table(
    classes: Sequence[str], train: np.ndarray, val: np.ndarray
) -> PrettyTable:
    """Tabulate pixels by class of labeled and val images, (N, C), (M, C)."""
    table = PrettyTable(
        ['class', '% of labeled pixels', 'labeled images', 'val images'],
        align='r',
    )
    table.align['class'] = 'l'
    shares = 100 * train.sum(0) / max(train.sum(), 1)
    counts = zip(shares, (train > 0).sum(0), (val > 0).sum(0), strict=True)
    for name, (share, *images) in zip(classes, counts, strict=True):
        table.add_row([name, f'{share:.2f}', *images])
    return table


def _remark_on_classes(
    findings: Findings,
    classes: Sequence[str],
    train: np.ndarray,
    val: np.ndarray,
) -> None:
    """Say which classes cannot be learned or measured; counts as above."""
    if len(train) < FEW:
        findings.remark(
            f'labeled images to train on: only {len(train)}. Expect results '
            'that change a lot with --seed, and label more if you can'
        )
    if len(val) < FEW:
        findings.remark(
            f'images to evaluate on: only {len(val)}, so that mIoU will be '
            'rough; --val-share or --val-images give more'
        )
    remarks = {
        (False, True): 'is in validation images only, so that nobody can '
        'learn it: try another --seed, or --val-images',
        (False, False): 'has no pixel in any mask: it cannot be learned',
        (True, False): 'is in no validation image: its IoU will be nan and '
        'mIoU leaves it out',
    }
    found = zip(train.any(0).tolist(), val.any(0).tolist(), strict=True)
    for name, where in zip(classes, found, strict=True):
        if where in remarks:
            findings.remark(f'class {name!r} {remarks[where]}')


def _describe_sizes(sizes: Sequence[tuple[int, int]]) -> str:
    """Say how large images are, as HEIGHTxWIDTH."""
    smallest, largest = min(sizes, key=np.prod), max(sizes, key=np.prod)
    if smallest == largest:
        return f'all {smallest[0]}x{smallest[1]}'
    return f'{smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]}'
