"""One picture of what ClassMix does and what came of it."""

from pathlib import Path

import cv2
import numpy as np
from mmengine.dataset import Compose, pseudo_collate
from mmseg.apis import inference_model, init_model
from torch import nn

from mmseg_classmix.visualization import (
    colorize,
    denormalize,
    label_and_mix,
)

COLUMNS = (
    'image',
    'partner',
    'mask',
    'mixed image',
    'pseudo-label',
    'baseline',
    'student',
    'ground truth',
)
SCALE = 1.5
TITLE_HEIGHT = 26


def draw_picture(
    supervised: tuple[Path, Path],
    classmix: tuple[Path, Path],
    out: Path,
    rows: int = 5,
) -> None:
    """Draw images, their mixes and predictions, one image a row.

    Args:
        supervised: Config and checkpoint of the baseline.
        classmix: Config and checkpoint of the semi-supervised model.
        out: PNG file to write.
        rows: Number of validation images; the partner of an image is the
            next one.
    """
    baseline = init_model(str(supervised[0]), str(supervised[1]), 'cpu')
    model = init_model(str(classmix[0]), str(classmix[1]), 'cpu')
    source = model.cfg.val_dataloader.dataset
    folder = Path(source.data_root)
    images = sorted((folder / source.data_prefix.img_path).iterdir())[:rows]
    masks = folder / source.data_prefix.seg_map_path
    batch, mixed = mix([str(path) for path in images], model)

    def paint(label: np.ndarray) -> np.ndarray:
        return colorize(label, model.dataset_meta['palette'])

    pixels, mixed_pixels = (denormalize(b['img'], b) for b in (batch, mixed))
    lines = [titles(pixels[0].shape[1])]
    for i, path in enumerate(images):
        cells = [
            pixels[i],
            pixels[(i + 1) % rows],
            np.repeat(mixed['mask'][i].numpy()[..., None] * 255, 3, 2),
            mixed_pixels[i],
            paint(mixed['pseudo_label'][i].numpy()),
            paint(predict(baseline, path)),
            paint(predict(model, path)),
            paint(cv2.imread(str(masks / path.name), cv2.IMREAD_GRAYSCALE)),
        ]
        row = np.hstack([cell.astype(np.uint8) for cell in cells])
        row = cv2.cvtColor(row, cv2.COLOR_RGB2BGR)
        lines.append(
            cv2.resize(
                row, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST
            )
        )
    cv2.imwrite(str(out), np.vstack(lines))


def mix(paths: list[str], model: nn.Module) -> tuple[dict, dict]:
    """Label and mix images as in training, with the model's own code.

    Args:
        paths: Image files of one size.
        model: A ``MeanTeacherSegmentor``.

    Returns:
        The batch with its pseudo-labels, before and after mixing.
    """
    pipeline = Compose(
        [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    )
    samples = [pipeline(dict(img_path=path)) for path in paths]
    data = model.data_preprocessor(pseudo_collate(samples), True)
    model.mix_seed = 0
    return label_and_mix(model, data['inputs'], data['data_samples'])


def predict(model: nn.Module, path: Path) -> np.ndarray:
    """Predict the classes of an image, (H, W) int64."""
    return inference_model(model, str(path)).pred_sem_seg.data[0].numpy()


def titles(width: int) -> np.ndarray:
    """Draw the titles of the columns."""
    width = int(width * SCALE)
    line = np.full((TITLE_HEIGHT, width * len(COLUMNS), 3), 255, np.uint8)
    for i, title in enumerate(COLUMNS):
        cv2.putText(
            line,
            title,
            (i * width + 6, TITLE_HEIGHT - 8),
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5,
            (0, 0, 0),
            1,
            cv2.LINE_AA,
        )
    return line
