"""Scores of every class, from the text logs of a run."""

import math
import re

from .run import NETWORKS, Run

# As IoUMetric logs it, and TeacherStudentValLoop before it whose it is.
_TABLE = re.compile(
    rf'(?:Results of the ({"|".join(NETWORKS)}):\n.*)?'
    r'per class results:\n.*\n((?:[+|].*\n?)+)'
)
# The log rounds every class and the mean to two decimals.
_ROUNDING = 0.011


def read_class_scores(run: Run, network: str, metric: str) -> dict[str, float]:
    """Read the last table of classes that mmseg's ``IoUMetric`` has logged.

    Args:
        run: A finished run.
        network: 'student' or 'teacher'; the only network of a supervised run
            counts as student.
        metric: Column of the table, such as 'IoU' or 'Acc'.

    Returns:
        Score by class in percent, in the order of the table; NaN for a class
        without pixels.

    Raises:
        ValueError: If the logs have no such table or column, or its mean is
            not that of the last validation.
    """
    headings, *rows = _last_table(run, network) or [['no class']]
    if metric not in headings[1:]:
        raise ValueError(
            f'{run.work_dir}: no {metric} of every class of the {network}; '
            f'the table in TIMESTAMP/TIMESTAMP.log has {", ".join(headings)}'
        )
    column = headings.index(metric)
    scores = {row[0]: float(row[column]) for row in rows}
    mean = run.score(network, f'm{metric}', best=False)
    known = [s for s in scores.values() if not math.isnan(s)]
    if mean is None or abs(sum(known) / max(len(known), 1) - mean) > _ROUNDING:
        raise ValueError(
            f'{run.work_dir}: the last table of the {network} in '
            'TIMESTAMP/TIMESTAMP.log is not that of its last validation '
            f'(m{metric} {mean}); leave the run out'
        )
    return scores


def _last_table(run: Run, network: str) -> list[list[str]]:
    """Cells of the last table of a network, the headings first."""
    rows = []
    for path in sorted(run.work_dir.glob('*/*.log')):
        for name, lines in _TABLE.findall(path.read_text(errors='replace')):
            if (name or run.predict_on) == network:
                rows = [r for r in lines.splitlines() if r.startswith('|')]
    return [[c.strip() for c in row.strip('|').split('|')] for row in rows]
