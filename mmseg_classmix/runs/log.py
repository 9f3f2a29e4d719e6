"""Read the scalars that a training run has logged.

Every start of a run has a folder named after its time, with
``vis_data/config.py`` and, once something is logged, ``scalars.json``.
"""

import json
from pathlib import Path

# What a line that is no line of scalars may raise, however it was made.
_NO_LINE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)


def read_log(work_dir: str | Path) -> tuple[list[dict], Path | None]:
    """Read the log of a run as if it had been started once.

    Args:
        work_dir: Folder that was given to ``tools/train.py --work-dir``.

    Returns:
        Lines of scalars with their ``step``, each iteration once: what was
        trained again, after a resume or a restart, counts. And the folder
        of the last start that has logged; of the last one, if none has; None
        without any start.

    Raises:
        ValueError: If a log cannot be read.
    """
    paths = Path(work_dir).glob('*/vis_data/config.py')
    starts = sorted(path.parents[1] for path in paths)
    lines, latest = [], starts[-1] if starts else None
    for start in starts:
        new = _read_file(start / 'vis_data' / 'scalars.json')
        if new:
            lines = [s for s in lines if s['step'] < new[0]['step']] + new
            latest = start
    return lines, latest


def _read_file(path: Path) -> list[dict]:
    """Read a log; the last line of an interrupted run may be half a line."""
    if not path.is_file():
        return []
    lines = []
    text = path.read_text(encoding='utf-8', errors='replace')
    *whole, last = text.split('\n')
    for number, text in enumerate([*whole, last], 1):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            lines.append({**line, 'step': int(line['step'])})
        except _NO_LINE as error:
            if number > len(whole):
                break
            raise ValueError(
                f'{path}, line {number}: not a line of scalars with a step: '
                f'{text[:60]!r}; mend or remove the line, or leave its work '
                'directory out'
            ) from error
    return lines
