"""What is wrong with somebody's data, and what is only worth saying."""

from collections.abc import Iterable
from dataclasses import dataclass, field

#: What to do about a damaged file.
REPLACE = 'fetch or save the file again, or take it out of the folder'


@dataclass
class Findings:
    """Problems, which all have to be solved, and remarks.

    Attributes:
        problems: What is wrong: the way out and the places.
        remarks: Sentences; nothing has to be done about them.
    """

    problems: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def refuse(
        self, what: str, way_out: str, places: Iterable[str] = ()
    ) -> None:
        """Add a problem.

        Args:
            what: What is wrong, without the number of places.
            way_out: What to do about it.
            places: Files; a problem with the same ``what`` gets more.
        """
        self.problems.setdefault(what, (way_out, []))[1].extend(places)

    def remark(self, text: str) -> None:
        """Add a remark."""
        self.remarks.append(text)

    def report(self, examples: int) -> str:
        """Describe all problems.

        Args:
            examples: Number of places to name for each of them.
        """
        lines = []
        for what, (way_out, places) in self.problems.items():
            lines.append(f'{what}: {len(places)}' if places else what)
            lines += [f'    {place}' for place in places[:examples]]
            if len(places) > examples:
                lines.append(f'    ... and {len(places) - examples} more')
            lines.append(f'  -> {way_out}')
        return '\n'.join(lines)
