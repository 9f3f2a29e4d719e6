"""What is wrong with somebody's data, and what is only worth saying."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mmseg_classmix.preflight import Problem

#: What to do about a damaged file.
REPLACE = 'fetch or save the file again, or take it out of the folder'


@dataclass
class Findings:
    """Problems, which all have to be solved, and remarks.

    Attributes:
        problems: What is wrong: one for each place.
        remarks: Sentences; nothing has to be done about them.
    """

    problems: list[Problem] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def refuse(
        self, what: str, way_out: str, places: Iterable[str] = ()
    ) -> None:
        """Add a problem.

        Args:
            what: What is wrong, without the number of places.
            way_out: What to do about it.
            places: Files; none if ``what`` says where it is.
        """
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
