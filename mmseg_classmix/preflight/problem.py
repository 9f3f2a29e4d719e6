"""Problems known before the first iteration, and the checks that find them.

A check is a function of :class:`Start` that yields a :class:`Problem` for
each thing that is wrong, marked with the parts of a run that it needs::

    @check('model')
    def classes_are_enough(start: Start) -> Iterator[Problem]:
        if start.model.num_classes < 2:
            yield Problem('num_classes=1', 'model.decode_head', 'set 2')
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from torch import nn
from torch.utils.data import Dataset

from mmseg_classmix.datasets import MultiSourceDataset, MultiSourceSampler
from mmseg_classmix.datasets.multi_source import PLACE, Draw


@dataclass(frozen=True)
class Problem:
    """Why a run cannot start.

    Attributes:
        found: What is wrong, with the value.
        where: Config key.
        remedy: What to do; '' if ``found`` says so.
    """

    found: str
    where: str
    remedy: str = ''

    @classmethod
    def of_error(cls, error: Exception, where: str) -> 'Problem':
        """Make a problem of what a constructor or a transform has raised."""
        text = str(error)
        own = isinstance(error, (ValueError, OSError)) and text
        name = type(error).__name__
        return cls(text if own else f'{name}: {text}'.rstrip(': '), where)


class PreflightError(ValueError):
    """All problems that are known before the first iteration.

    Args:
        problems: At least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(list(problems))

    @property
    def problems(self) -> list[Problem]:
        """The problems."""
        return self.args[0]

    def __str__(self) -> str:
        """Number the problems, one below the other."""
        return report(self.problems)


def report(problems: Sequence[Problem]) -> str:
    """Number problems, one below the other."""
    count = f'{len(problems)} problem{"s" if len(problems) > 1 else ""}'
    lines = [f'{count} before the first iteration']
    for i, problem in enumerate(problems, 1):
        lines.append(f'{i}. {problem.found}')
        if problem.where not in problem.found:
            lines.append(f'   where: {problem.where}')
        if problem.remedy:
            lines.append(f'   remedy: {problem.remedy}')
    return '\n'.join(lines)


@dataclass
class Start:
    """What a run starts with; None is what it does not have.

    Attributes:
        cfg: The whole config.
        training: Whether it is a training.
        train: Training data, built, and those of the other loops.
        val: See ``train``.
        test: See ``train``.
        loose: Config key and data set of sources without the others.
        sampler: Sampler of the training data, if it is ours.
        model: Model without wrappers.
        classes: Those of the labeled data.
        hooks: All hooks.
        has_all_hooks: Whether none of the config's is refused.
        load_from: Checkpoint that weights come from.
        resume: Whether it is one to continue from.
    """

    cfg: Config = field(default_factory=Config)
    training: bool = True
    train: Dataset | None = None
    val: Dataset | None = None
    test: Dataset | None = None
    loose: list[tuple[str, Dataset]] = field(default_factory=list)
    sampler: MultiSourceSampler | None = None
    model: nn.Module | None = None
    classes: tuple[str, ...] | None = None
    hooks: list[Hook] | None = None
    has_all_hooks: bool = True
    load_from: str | None = None
    resume: bool = False

    @property
    def teacher(self) -> nn.Module | None:
        """The model, if it has a teacher."""
        return self.model if hasattr(self.model, 'teacher') else None

    @property
    def sources(self) -> list[tuple[str, Dataset]] | None:
        """Config key and data set of each source."""
        if not isinstance(self.train, MultiSourceDataset):
            return None
        parts = self.train.datasets
        return [(f'{PLACE}[{i}]', part) for i, part in enumerate(parts)]

    @property
    def datasets(self) -> list[tuple[str, Dataset]]:
        """Config key and data set of each loop, and loose sources."""
        built = [
            (f'{name}_dataloader.dataset', dataset)
            for name in ('train', 'val', 'test')
            if (dataset := getattr(self, name)) is not None
        ]
        return built + self.loose

    @cached_property
    def samples(self) -> list[dict | Exception] | None:
        """First sample of each source, or what loading it raises."""
        if self.sampler is None:
            return None
        return [self._first(i) for i in range(len(self.sampler.offsets))]

    def _first(self, source: int) -> dict | Exception:
        offset = self.sampler.offsets[source]
        try:
            return self.train[Draw(offset, (self.sampler.seed, source, 0))]
        except Exception as error:
            return error


CHECKS: list[tuple[tuple[str, ...], Callable]] = []


def check(*needs: str) -> Callable:
    """Register a check.

    Args:
        *needs: Attributes of :class:`Start`; without one of them the check
            is left out.
    """

    def register(function: Callable[[Start], Iterator[Problem]]) -> Callable:
        CHECKS.append((needs, function))
        return function

    return register


def find_problems(start: Start) -> list[Problem]:
    """Run every check whose needs are there."""
    problems = []
    for needs, function in CHECKS:
        if any(_is_missing(getattr(start, name)) for name in needs):
            continue
        try:
            problems += function(start)
        # A part that is wrong in a way that nobody has thought of.
        except Exception as error:
            problems.append(Problem.of_error(error, function.__name__))
    return list(dict.fromkeys(problems))


def _is_missing(part: Any) -> bool:
    return part is None or part is False
