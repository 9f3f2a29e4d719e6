"""Write the masks that a trained teacher gives to a folder of images.

    python tools/pseudo_label.py CONFIG CHECKPOINT IMAGES --out DIR

writes

    DIR/masks/NAME.png        a mask as a data set has it: 255 (ignored) where
                              the confidence is below --threshold
    DIR/confidence/NAME.png   with --confidence 8 or 16: gray, white is 1
    DIR/summary.csv           for each image the confident share and the mean
                              confidence, the least confident image first
    DIR/images.txt            the images that have a mask

for training on them (a LabeledDataset with ann_file=DIR/images.txt and
data_prefix=dict(img_path=IMAGES, seg_map_path=DIR/masks)) or for annotators
to correct. The batch norms use their running
statistics, unlike in training, so that a mask depends on its image only.
Files that cannot be read are skipped, named at the end, and make the exit
code 1. The same command again continues a run that was stopped.
"""

import argparse
import csv
import io
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
from mmseg_classmix.deploy import Prediction, Source, find_sources
from mmseg_classmix.deploy.batch import report, segment_all, unfinished
from mmseg_classmix.deploy.files import ResultsFolder, mask_name
from mmseg_classmix.deploy.pictures import (
    NO_CLASS,
    confidence_png,
    mask_png,
    stored_numbers,
    stored_palette,
)
from mmseg_classmix.models.segmentors.supported import check_segmentor

SUMMARY, LIST = 'summary.csv', 'images.txt'
SCORES = ('confident_share', 'mean_confidence')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = network_parser(__doc__)
    parser.add_argument('images', type=Path, help='image or folder')
    add_inference_options(parser)
    parser.add_argument(
        '--threshold',
        type=float,
        default=0.0,
        help='pixels with a lower confidence are ignored (255); by default '
        'all keep their class',
    )
    parser.add_argument(
        '--confidence',
        type=int,
        choices=[8, 16],
        help='write the confidences too, in so many bits',
    )
    args = parser.parse_args(argv)
    check_inference_options(parser, args, args.images)
    if not 0 <= args.threshold <= 1:
        parser.error(f'--threshold {args.threshold} must be from 0 to 1')
    return args


class Labeler:
    """Writes masks, confidences and what they amount to."""

    def __init__(
        self, folder: ResultsFolder, meta: dict, args: argparse.Namespace
    ) -> None:
        self.folder = folder
        self.numbers = stored_numbers(meta)
        self.palette = stored_palette(meta)
        self.images = args.images
        self.threshold, self.bits = args.threshold, args.confidence

    def save(self, source: Source, prediction: Prediction) -> None:
        """Write the files of an image."""
        confident = prediction.confidence >= self.threshold
        label = self.numbers[prediction.label]
        label[~confident] = NO_CLASS
        files = [mask_name(source.name)]
        self.folder.write(files[0], mask_png(label, self.palette))
        if self.bits:
            files.append(f'confidence/{source.name}.png')
            content = confidence_png(prediction.confidence, self.bits)
            self.folder.write(files[1], content)
        self.folder.finish(
            source,
            files,
            confident_share=round(float(confident.mean()), 6),
            mean_confidence=round(
                float(prediction.confidence.mean(dtype=np.float64)), 6
            ),
        )

    def write_summary(self, sources: list[Source]) -> None:
        """List the images that have a mask, the least confident first."""
        finished = [source for source in sources if self.folder.has(source)]
        rows = [self._row(source) for source in finished]
        rows.sort(key=lambda row: row['mean_confidence'])
        text = io.StringIO(newline='')
        table = csv.DictWriter(text, ('image', 'mask', *SCORES))
        table.writeheader()
        table.writerows(rows)
        self.folder.write(SUMMARY, text.getvalue().encode('utf-8'))
        root = self.images if self.images.is_dir() else self.images.parent
        names = [s.path.relative_to(root).as_posix() for s in finished]
        lines = ''.join(f'{name}\n' for name in names)
        self.folder.write(LIST, lines.encode('utf-8'))
        print(f'{self.folder.path / SUMMARY}: {len(rows)} images')

    def _row(self, source: Source) -> dict:
        record = self.folder.finished[source.name]
        return dict(
            {key: record[key] for key in SCORES},
            image=str(source.path),
            mask=str(self.folder.path / mask_name(source.name)),
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Label a folder."""
    args = parse_args(argv)
    sources = find_sources(args.images, same_stem=False)
    predictor, meta, settings = build_predictor(
        args, default='teacher', confidence=True
    )
    check_segmentor(predictor.model)
    settings.update(
        images=str(args.images.resolve()),
        threshold=args.threshold,
        confidence=args.confidence,
    )
    folder = ResultsFolder(args.out, settings, args.overwrite)
    labeler = Labeler(folder, meta, args)
    todo = unfinished(folder, sources, args.images)
    problems = segment_all(predictor, todo, labeler.save, args.workers)
    labeler.write_summary(sources)
    report(problems)


if __name__ == '__main__':
    main()
