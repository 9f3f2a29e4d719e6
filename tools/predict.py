"""Predict images or a video: masks, overlays, a contact sheet.

    python tools/predict.py CONFIG CHECKPOINT IMAGE|DIR|VIDEO --out DIR

writes, for an image and for every image of a folder and the folders in it,

    DIR/masks/NAME.png      the numbers of the classes, with their colors
    DIR/overlays/NAME.jpg   the image, painted in these colors
    DIR/contact_sheet.png   up to 12 images with their overlays

and for a video DIR/NAME.mp4 and the sheet, with --frames also a mask a frame,
DIR/masks/NAME/NUMBER.png. Files that cannot be read are skipped, named at the
end, and make the exit code 1. The same command again continues a run that was
stopped, but for a video, which starts again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import mmseg_classmix  # noqa: F401  registers the networks
from mmseg_classmix.cli.inference_options import (
    add_inference_options,
    build_predictor,
    check_inference_options,
    network_parser,
)
from mmseg_classmix.deploy import (
    Prediction,
    Predictor,
    Source,
    find_sources,
    is_video,
)
from mmseg_classmix.deploy.batch import (
    first_line,
    predict_video,
    report,
    segment_all,
    unfinished,
)
from mmseg_classmix.deploy.files import ResultsFolder, mask_name
from mmseg_classmix.deploy.pictures import (
    EvenSample,
    draw_contact_sheet,
    jpeg,
    mask_png,
    overlay,
    read_thumbnail,
    spread,
    thumbnail,
)

SHEET = 'contact_sheet.png'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = network_parser(__doc__)
    parser.add_argument('source', type=Path, help='image, folder or video')
    add_inference_options(parser)
    parser.add_argument(
        '--opacity',
        type=float,
        default=0.5,
        help='of the colors in overlays, from 0 to 1',
    )
    parser.add_argument(
        '--frames',
        action='store_true',
        help='of a video, write the mask of every frame too',
    )
    args = parser.parse_args(argv)
    check_inference_options(parser, args, args.source)
    if not 0 <= args.opacity <= 1:
        parser.error(f'--opacity {args.opacity} must be from 0 to 1')
    return args


class Painter:
    """Writes masks and overlays in the colors of the classes."""

    def __init__(
        self, folder: ResultsFolder, meta: dict, opacity: float
    ) -> None:
        self.folder = folder
        self.classes, self.palette = meta['classes'], meta['palette']
        self.opacity = opacity

    def paint(self, prediction: Prediction) -> np.ndarray:
        """Make an overlay, (H, W, 3) uint8 BGR."""
        return overlay(
            prediction.pixels, prediction.label, self.palette, self.opacity
        )

    def save(self, source: Source, prediction: Prediction) -> None:
        """Write mask and overlay of an image."""
        mask = self.save_mask(source.name, prediction)
        painted = overlay_name(source.name)
        self.folder.write(painted, jpeg(self.paint(prediction)))
        self.folder.finish(source, [mask, painted])

    def save_mask(self, name: str, prediction: Prediction) -> str:
        """Write a mask; returns its path below the folder."""
        content = mask_png(prediction.label, self.palette)
        self.folder.write(mask_name(name), content)
        return mask_name(name)

    def draw_sheet(self, pairs: list) -> None:
        """Draw the contact sheet."""
        path = self.folder.path / SHEET
        draw_contact_sheet(path, pairs, self.classes, self.palette)


def overlay_name(name: str) -> str:
    """Path of the overlay of an image below the folder of results."""
    return f'overlays/{name}.jpg'


def predict_images(
    predictor: Predictor, painter: Painter, path: Path, workers: int
) -> None:
    """Predict an image or a folder."""
    sources = find_sources(path)
    todo = unfinished(painter.folder, sources, path)
    problems = segment_all(predictor, todo, painter.save, workers)
    finished = [source for source in sources if painter.folder.has(source)]
    try:
        draw_images(painter, spread(finished))
    # The images that were skipped are to be named all the same.
    except Exception as error:
        problems[str(painter.folder.path / SHEET)] = first_line(error)
    if hint := predictor.hint():
        print(hint)
    report(problems)


def draw_images(painter: Painter, sources: list[Source]) -> None:
    """Draw the sheet from the files, but for those that are gone."""
    pairs = []
    for source in sources:
        painted = painter.folder.path / overlay_name(source.name)
        pictures = read_thumbnail(source.path), read_thumbnail(painted)
        if all(picture is not None for picture in pictures):
            pairs.append((source.name, *pictures))
    if pairs:
        painter.draw_sheet(pairs)


def predict_frames(
    predictor: Predictor, painter: Painter, args: argparse.Namespace
) -> None:
    """Predict a video."""
    name, shown = args.source.stem, EvenSample()
    source, folder = Source.at(args.source, name), painter.folder
    files = [f'{name}.mp4']
    target = folder.path / files[0]
    if folder.has(source):
        missing = args.frames and len(folder.finished[name]['files']) == 1
        if not missing:
            print(f'{source.path} is finished: --overwrite predicts it again')
            return

    def save(number: int, prediction: Prediction, painted: np.ndarray) -> None:
        if args.frames:
            mask = painter.save_mask(f'{name}/{number:06}', prediction)
            files.append(mask)
        pictures = thumbnail(prediction.pixels), thumbnail(painted)
        shown.offer(number, (f'{name}, frame {number}', *pictures))

    try:
        count, problem = predict_video(
            predictor, source.path, target, painter.paint, save, args.workers
        )
    except ValueError as error:
        report({str(source.path): str(error)})
    painter.draw_sheet(spread(shown.items))
    print(f'video: {target} ({count} frames)')
    if problem:
        report({str(source.path): problem})
    folder.finish(source, files, frames=count)


def main(argv: Sequence[str] | None = None) -> None:
    """Predict."""
    args = parse_args(argv)
    predictor, meta, settings = build_predictor(args)
    settings.update(source=str(args.source.resolve()), opacity=args.opacity)
    folder = ResultsFolder(args.out, settings, args.overwrite)
    painter = Painter(folder, meta, args.opacity)
    if is_video(args.source):
        predict_frames(predictor, painter, args)
    else:
        predict_images(predictor, painter, args.source, args.workers)


if __name__ == '__main__':
    main()
