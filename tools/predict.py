"""Predict images or a video: masks, overlays, a contact sheet.

    python tools/predict.py CONFIG CHECKPOINT IMAGE|DIR|VIDEO --out DIR

writes, for an image and for every image of a folder and the folders in it,

    DIR/masks/NAME.png      the numbers of the classes, with their colors
    DIR/overlays/NAME.jpg   the image, painted in these colors
    DIR/contact_sheet.png   up to 12 images with their overlays

and for a video DIR/NAME.mp4 and the sheet, with --frames also a mask a frame,
DIR/masks/NAME/NUMBER.png. Files that cannot be read are skipped, named at the
end, and make the exit code 1. The same command again continues a run that was
stopped.
"""

import argparse
from pathlib import Path

import numpy as np

import mmseg_classmix  # noqa: F401  registers the networks
from mmseg_classmix.inference import (
    Prediction,
    Predictor,
    Source,
    find_sources,
    is_video,
)
from mmseg_classmix.inference.arguments import (
    add_inference_options,
    build_predictor,
    check_inference_options,
    network_parser,
)
from mmseg_classmix.inference.batch_job import report, segment_all
from mmseg_classmix.inference.contact_sheet import (
    EvenSample,
    draw_contact_sheet,
    spread,
    thumbnail,
)
from mmseg_classmix.inference.pictures import (
    jpeg,
    mask_png,
    overlay,
    read_mask,
)
from mmseg_classmix.inference.results_folder import ResultsFolder, mask_name
from mmseg_classmix.inference.video import predict_video

SHEET = 'contact_sheet.png'


def parse_args() -> argparse.Namespace:
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
    args = parser.parse_args()
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
        self.save_mask(source.name, prediction)
        content = jpeg(self.paint(prediction))
        self.folder.write(f'overlays/{source.name}.jpg', content)
        self.folder.finish(source.name)

    def save_mask(self, name: str, prediction: Prediction) -> None:
        """Write a mask."""
        content = mask_png(prediction.label, self.palette)
        self.folder.write(mask_name(name), content)

    def draw_sheet(self, pairs: list) -> None:
        """Draw the contact sheet."""
        path = self.folder.path / SHEET
        draw_contact_sheet(path, pairs, self.classes, self.palette)


def predict_images(
    predictor: Predictor, painter: Painter, path: Path, workers: int
) -> None:
    """Predict an image or a folder."""
    sources = find_sources(path)
    todo = [
        source for source in sources if not painter.folder.has(source.name)
    ]
    print(
        f'{len(sources)} images, {len(sources) - len(todo)} of them finished'
    )
    problems = segment_all(predictor, todo, painter.save, workers)
    pairs = []
    for source in spread([s for s in sources if painter.folder.has(s.name)]):
        mask = read_mask(painter.folder.path / mask_name(source.name))
        shown = Prediction(predictor.load(source.path).pixels, mask)
        pairs.append((source.name, shown.pixels, painter.paint(shown)))
    if pairs:
        painter.draw_sheet(pairs)
    if hint := predictor.hint():
        print(hint)
    report(problems)


def predict_frames(
    predictor: Predictor, painter: Painter, args: argparse.Namespace
) -> None:
    """Predict a video."""
    name, shown = args.source.stem, EvenSample()
    target = painter.folder.path / f'{name}.mp4'
    if name in painter.folder.finished and target.is_file():
        print(f'{args.source} is finished: --overwrite predicts it again')
        return

    def save(number: int, prediction: Prediction, painted: np.ndarray) -> None:
        if args.frames:
            painter.save_mask(f'{name}/{number:06}', prediction)
        pictures = thumbnail(prediction.pixels), thumbnail(painted)
        shown.offer(number, (f'{name}, frame {number}', *pictures))

    try:
        count = predict_video(
            predictor, args.source, target, painter.paint, save, args.workers
        )
    except ValueError as error:
        report({str(args.source): str(error)})
    painter.draw_sheet(spread(shown.items))
    painter.folder.finish(name, frames=count)
    print(f'video: {target} ({count} frames)')


def main() -> None:
    """Predict."""
    args = parse_args()
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
