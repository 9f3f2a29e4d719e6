"""The images of a folder, one after another, whatever is wrong with some."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from mmseg_classmix.deploy.ahead import ahead
from mmseg_classmix.deploy.predictor import Prediction, Predictor
from mmseg_classmix.deploy.results_folder import ResultsFolder
from mmseg_classmix.deploy.sources import Source, find_videos

WINDOWS = '--slide CROP STRIDE predicts it in windows, such as --slide 512 384'


# What torch says of the memory of a CPU, in a RuntimeError.
NO_MEMORY = ("can't allocate memory", 'not enough memory')


@dataclass
class _Job:
    """An image on its way through loading, predicting and saving."""

    source: Source
    value: Any = None
    problem: str = ''


def unfinished(
    folder: ResultsFolder, sources: Sequence[Source], path: Path
) -> list[Source]:
    """List the images that are to be predicted, and print how many.

    Args:
        folder: Where results are.
        sources: All images.
        path: Where they were found; its videos are named as left out.
    """
    if videos := find_videos(path):
        print(
            f'{len(videos)} videos are left out, such as {videos[0]!r}: '
            'tools/predict.py takes them one by one, as files'
        )
    todo = [source for source in sources if not folder.has(source)]
    done = len(sources) - len(todo)
    print(f'{len(sources)} images, {done} of them finished')
    return todo


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
            _check_name(source.path)
            job.value = predictor.load(source.path)
        # Also what a transform of the user raises.
        except Exception as error:
            job.problem = first_line(error)
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
    # What networks cannot take they refuse in any way, also with an assert.
    except Exception as error:
        job.problem = first_line(error)
        if _lacks_memory(error):
            job.problem = f'too large for the memory: {WINDOWS}. {error}'
    return job


def _lacks_memory(error: Exception) -> bool:
    return isinstance(
        error, (MemoryError, torch.cuda.OutOfMemoryError)
    ) or any(text in str(error) for text in NO_MEMORY)


def _check_name(path: Path) -> None:
    try:
        str(path).encode('utf-8')
    except UnicodeEncodeError:
        raise ValueError(
            'its name is no UTF-8 text, which lists of files need: rename it'
        ) from None


def first_line(error: Exception) -> str:
    """Say in a line what is wrong."""
    kind = type(error).__name__
    text = (str(error).strip() or 'no reason given').splitlines()[0]
    return text if isinstance(error, ValueError) else f'{kind}: {text}'


def report(problems: dict[str, str]) -> None:
    """Name the images that were skipped, and exit with 1 if there are any."""
    if not problems:
        return
    print(f'{len(problems)} skipped:', file=sys.stderr)
    for path, problem in problems.items():
        print(f'  {path}: {problem}', file=sys.stderr)
    sys.exit(1)
