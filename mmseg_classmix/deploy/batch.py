"""Images of a folder or frames of a video, one after another."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from mmseg_classmix.deploy.predictor import LoadedImage, Prediction, Predictor

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

    The calling thread consumes ``items``, so that calls can be chained; twice
    as many as workers are taken in advance. An error is raised where its
    result would come.
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

    An error of ``save`` ends the work. What is wrong with images that cannot
    be loaded or predicted is returned by their paths.
    """
    problems: dict[Source, str] = {}

    def load(source: Source) -> tuple[Source, LoadedImage | None]:
        try:
            if not is_utf8(source.path):
                raise ValueError(
                    'its name is no UTF-8 text, which lists of files need: '
                    'rename it'
                )
            return source, predictor.load(source.path)
        # Also what a transform of the user raises.
        except Exception as error:
            problems[source] = first_line(error)
            return source, None

    def predict(
        item: tuple[Source, LoadedImage | None],
    ) -> tuple[Source, Prediction | None]:
        source, image = item
        try:
            return source, image and predictor(image)
        # What networks cannot take they refuse in any way, also by an assert.
        except Exception as error:
            problems[source] = first_line(error)
            if _lacks_memory(error):
                text = f'too large for the memory: {WINDOWS}. {error}'
                problems[source] = text
            return source, None

    def store(item: tuple[Source, Prediction | None]) -> None:
        source, prediction = item
        if prediction is not None:
            save(source, prediction)

    predicted = map(predict, ahead(load, sources, workers))
    stored = ahead(store, predicted, workers)
    for _ in track(stored, 'Predicting', total=len(sources)):
        pass
    return {str(s.path): problems[s] for s in sources if s in problems}


def _lacks_memory(error: Exception) -> bool:
    kinds = (MemoryError, torch.cuda.OutOfMemoryError)
    return isinstance(error, kinds) or any(
        text in str(error) for text in NO_MEMORY
    )


def first_line(error: Exception) -> str:
    """Say in a line what is wrong."""
    kind = type(error).__name__
    text = (str(error).strip() or 'no reason given').splitlines()[0]
    return text if isinstance(error, ValueError) else f'{kind}: {text}'


def report(problems: dict[str, str]) -> None:
    """Name the images that were skipped, and exit with 1 if there are any."""
    if problems:
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
    """Predict every frame of a video, and write the painted ones to an .mp4.

    ``paint`` makes a frame, (H, W, 3) uint8 BGR, which ``save`` gets too. The
    number of frames is returned; and what is wrong with the video, if it ends
    before its time.
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
