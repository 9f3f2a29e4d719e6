"""Videos: frames in, painted frames out."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import mmcv
import numpy as np
from rich.progress import track

from mmseg_classmix.deploy.ahead import ahead
from mmseg_classmix.deploy.predictor import Prediction, Predictor

# What every build of OpenCV writes into .mp4, and every player reads.
CODEC = 'mp4v'
RATE = 25.0
# Formats that say how many frames they have.
COUNTED = ('.mp4', '.m4v', '.mov', '.avi')


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
