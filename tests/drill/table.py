"""The table of a drill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drill.trial import Outcome

HEAD = (
    '| fault        | tried | survived | lost iterations | same weights |',
    '|--------------|-------|----------|-----------------|--------------|',
)


@dataclass
class Result:
    """What became of a trial.

    Args:
        name: Name of the trial.
        fault: Name of its fault.
        outcome: How it ended, if it was survived.
        error: Why it was not.
        seconds: How long it took.
        logs: Files to read after a failure.
    """

    name: str
    fault: str
    outcome: Outcome | None = None
    error: str = ''
    seconds: float = 0
    logs: list[Path] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it was not survived, or other weights came out."""
        return self.outcome is None or bool(self.outcome.different)

    def line(self) -> str:
        """One line about the trial."""
        if self.outcome is None:
            text = self.error
        elif self.outcome.different:
            names = self.outcome.different
            text = f'{self.outcome.what}: {len(names)} differ: '
            text += ', '.join(names[:3])
        else:
            text = f'{self.outcome.what}, identical'
        return f'{self.name}: {text} ({self.seconds:.0f} s)'


def table(
    faults: Sequence[str],
    results: Mapping[str, list[Result]],
    skipped: Mapping[str, str],
) -> str:
    """Format what became of all trials.

    Args:
        faults: Names of the faults, in the order of the rows.
        results: Results by fault.
        skipped: Why a fault could not be tried, by fault.

    Returns:
        A table in Markdown.
    """
    lines = list(HEAD)
    for fault in faults:
        if fault in skipped:
            lines.append(f'| {fault:12} | skipped: {skipped[fault]} | | | |')
            continue
        done = results.get(fault, [])
        outcomes = [r.outcome for r in done if r.outcome]
        lost = [outcome.lost for outcome in outcomes]
        identical = sum(not outcome.different for outcome in outcomes)
        span = '-'
        if lost:
            span = f'{min(lost)}-{max(lost)}, mean {sum(lost) / len(lost):.1f}'
        lines.append(
            f'| {fault:12} | {len(done):5} | {len(outcomes):8} '
            f'| {span:15} | {identical:12} |'
        )
    return '\n'.join(lines)
