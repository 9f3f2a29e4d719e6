"""The images of a folder, one after another, whatever is wrong with some."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.progress import track

from mmseg_classmix.inference.ahead import ahead
from mmseg_classmix.inference.predictor import Prediction, Predictor
from mmseg_classmix.inference.sources import Source

WINDOWS = '--slide CROP STRIDE predicts it in windows, such as --slide 512 384'


@dataclass
class _Job:
    """An image on its way through loading, predicting and saving."""

    source: Source
    value: Any = None
    problem: str = ''


def segment_all(
    predictor: Predictor,
    sources: Sequence[Source],
    save: Callable[[Source, Prediction], None],
    workers: int = 2,
) -> dict[str, str]:
    """Predict images, loading and saving in threads, with a progress bar.

    Args:
        predictor: Predicts, in this thread.
        sources: The images.
        save: Saves a prediction; called in threads. Its errors end the work.
        workers: Threads that load, and as many that save.

    Returns:
        What is wrong with images that cannot be loaded or predicted, by
        their paths.
    """

    def load(source: Source) -> _Job:
        job = _Job(source)
        try:
            job.value = predictor.load(source.path)
        # Also what a transform of the user raises.
        except Exception as error:
            job.problem = _first_line(error)
        return job

    def store(job: _Job) -> _Job:
        if not job.problem:
            save(job.source, job.value)
        job.value = None
        return job

    loaded = ahead(load, sources, workers)
    predicted = (_predict(predictor, job) for job in loaded)
    jobs: Iterator[_Job] = ahead(store, predicted, workers)
    bar = track(jobs, 'Predicting', total=len(sources))
    return {str(job.source.path): job.problem for job in bar if job.problem}


def _predict(predictor: Predictor, job: _Job) -> _Job:
    if job.problem:
        return job
    try:
        job.value = predictor(job.value)
    except torch.OutOfMemoryError as error:
        job.problem = f'too large for the memory: {WINDOWS}. torch: {error}'
    # Too small for a network, for example.
    except RuntimeError as error:
        job.problem = _first_line(error)
    return job


def _first_line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if isinstance(error, ValueError) else f'{_name(error)}{text}'


def _name(error: Exception) -> str:
    return f'{type(error).__name__}: '


def report(problems: dict[str, str]) -> None:
    """Name the images that were skipped, and exit with 1 if there are any."""
    if not problems:
        return
    print(f'{len(problems)} skipped:', file=sys.stderr)
    for path, problem in problems.items():
        print(f'  {path}: {problem}', file=sys.stderr)
    sys.exit(1)
