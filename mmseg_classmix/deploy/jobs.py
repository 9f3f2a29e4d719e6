"""Images of a folder or frames of a video, one after another."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mmcv
import numpy as np
import torch
from rich.progress import track

from mmseg_classmix.deploy.files import (
    ResultsFolder,
    Source,
    find_videos,
    is_utf8,
)
from mmseg_classmix.deploy.predictor import Prediction, Predictor

WINDOWS = '--slide CROP STRIDE predicts it in windows, such as --slide 512 384'
# What torch says of the memory of a CPU, in a RuntimeError.
NO_MEMORY = ("can't allocate memory", 'not enough memory')
# What every build of OpenCV writes into .mp4, and every player reads.
CODEC = 'mp4v'
RATE = 25.0
# Formats that say how many frames they have.
COUNTED = ('.mp4', '.m4v', '.mov', '.avi')


def ahead(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int
) -> Iterator[Any]:
    """Map in threads, in order, with a bounded number of items in memory.

    ``items`` is consumed by the calling thread: it may be a generator that
    computes, so that calls can be chained. Twice as many items as workers
    are taken in advance; without workers nothing is. An error is raised where
    its result would come.
    """
    if workers == 0:
        yield from map(function, items)
        return
    waiting = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@dataclass
class _Job:
    """An image on its way through loading, predicting and saving."""

    source: Source
    value: Any = None
    problem: str = ''


def unfinished(
    folder: ResultsFolder, sources: Sequence[Source], path: Path
) -> list[Source]:
    """List the images of ``path`` without results, and print how many."""
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
            if not is_utf8(source.path):
                raise ValueError(
                    'its name is no UTF-8 text, which lists of files need: '
                    'rename it'
                )
            job.value = predictor.load(source.path)
        # Also what a transform of the user raises.
        except Exception as error:
            job.problem = first_line(error)
        return job

    def predict(job: _Job) -> _Job:
        if job.problem:
            return job
        try:
            job.value = predictor(job.value)
        # What networks cannot take they refuse in any way, also by an assert.
        except Exception as error:
            job.problem = first_line(error)
            if _lacks_memory(error):
                job.problem = f'too large for the memory: {WINDOWS}. {error}'
        return job

    def store(job: _Job) -> _Job:
        if not job.problem:
            save(job.source, job.value)
        job.value = None
        return job

    loaded = ahead(load, sources, workers)
    jobs: Iterator[_Job] = ahead(store, map(predict, loaded), workers)
    bar = track(jobs, 'Predicting', total=len(sources))
    return {str(job.source.path): job.problem for job in bar if job.problem}


def _lacks_memory(error: Exception) -> bool:
    return isinstance(
        error, (MemoryError, torch.cuda.OutOfMemoryError)
    ) or any(text in str(error) for text in NO_MEMORY)


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


def predict_video(
    predictor: Predictor,
    source: Path,
    target: Path,
    paint: Callable[[Prediction], np.ndarray],
    save: Callable[[int, Prediction, np.ndarray], None],
    workers: int = 2,
) -> tuple[int, str]:
    """Predict every frame of a video.

    Args:
        predictor: Predicts.
        source: Video that OpenCV can read.
        target: Video to write, .mp4, whole or not at all.
        paint: Makes a frame of it, (H, W, 3) uint8 BGR.
        save: Gets the number of a frame, from 0, its prediction, and what
            ``paint`` has made of it.
        workers: Threads that prepare frames.

    Returns:
        Number of frames; and what is wrong with the video, if it ends
        before its time.

    Raises:
        ValueError: If there is no frame that could be read.
    """
    reader = mmcv.VideoReader(str(source))
    frames = ahead(predictor.prepare, reader, workers)
    bar = track(frames, 'Predicting', total=reader.frame_cnt or None)
    writer, count = None, 0
    # The suffix tells OpenCV the format.
    temporary = target.with_name(f'.{target.stem}.tmp.mp4')
    try:
        for frame in bar:
            prediction = predictor(frame)
            painted = paint(prediction)
            if writer is None:
                rate = reader.fps if reader.fps > 0 else RATE
                writer = _open(temporary, rate, painted.shape)
            writer.write(painted)
            save(count, prediction, painted)
            count += 1
        if writer is not None:
            writer.release()
            os.replace(temporary, target)
    finally:
        if writer is not None:
            writer.release()
        temporary.unlink(missing_ok=True)
    if not count:
        raise ValueError(f'{source} is no video that OpenCV can read')
    return count, _cut_short(source, reader, count)


def _cut_short(source: Path, reader: mmcv.VideoReader, count: int) -> str:
    expected = reader.frame_cnt
    # Other formats do not say it: OpenCV multiplies duration and rate.
    if source.suffix.lower() not in COUNTED:
        expected -= max(reader.fps, 1)
    if count >= expected:
        return ''
    return (
        f'it says that it has {reader.frame_cnt} frames, but only {count} '
        'can be read: it may be cut short'
    )


def _open(path: Path, rate: float, shape: tuple) -> cv2.VideoWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter_fourcc(*CODEC)
    writer = cv2.VideoWriter(str(path), codec, rate, shape[1::-1])
    if not writer.isOpened():
        raise OSError(f'OpenCV cannot write {path} ({CODEC}): is there room?')
    return writer
