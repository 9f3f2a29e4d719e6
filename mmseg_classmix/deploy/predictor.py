"""Masks of images, whatever their size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from torch import nn

from mmseg_classmix.datasets.image_files import image_problem
from mmseg_classmix.models.segmentors.logits import label_and_confidence

# Times the pixels of an image in training.
LARGE = 4


@dataclass
class LoadedImage:
    """An image, before and after the pipeline.

    Attributes:
        pixels: As it was loaded, (H, W, 3) uint8 BGR.
        data: What the preprocessor takes: ``inputs`` and ``data_samples``.
    """

    pixels: np.ndarray
    data: dict


@dataclass
class Prediction:
    """What a network says about an image.

    Attributes:
        pixels: The image, (H, W, 3) uint8 BGR.
        label: Class of every pixel, (H, W) uint8.
        confidence: Highest probability, (H, W) float32 in [0, 1], if it was
            asked for.
    """

    pixels: np.ndarray
    label: np.ndarray
    confidence: np.ndarray | None = None


class Predictor:
    """Segment images with a network in eval mode.

    Loading is safe in several threads at once, predicting is for one.

    Args:
        model: An mmseg segmentor; moved to ``device``.
        pipeline: Configs of the transforms before it; see
            :func:`inference_pipeline`.
        device: Such as 'cpu' or 'cuda:0'.
        confidence: Whether predictions have a confidence.

    Raises:
        ValueError: If a label does not fit into 8 bits.
    """

    def __init__(
        self,
        model: nn.Module,
        pipeline: Sequence[dict],
        device: str = 'cpu',
        confidence: bool = False,
    ) -> None:
        if model.num_classes > 255:
            raise ValueError(
                f'the network has {model.num_classes} classes, but a mask of '
                '8 bits has numbers for 255 and the ignored pixels'
            )
        init_default_scope('mmseg')
        self.model = model.to(device).eval()
        self.confidence = confidence
        self._from_file = Compose(pipeline)
        self._from_array = None
        if pipeline[0]['type'] == 'LoadImageFromFile':
            array = dict(
                type='LoadImageFromNDArray',
                to_float32=pipeline[0].get('to_float32', False),
            )
            self._from_array = Compose([array, *pipeline[1:]])
        #: Size of the largest input so far, (height, width).
        self.largest_input = (0, 0)

    def load(self, path: Path) -> LoadedImage:
        """Load an image and prepare it.

        Args:
            path: Image file; gray becomes three equal channels, of 16 bits
                the upper 8 are taken, EXIF turns are applied.

        Raises:
            ValueError: If the file is empty, truncated or no image.
        """
        loader = self._from_file.transforms[0]
        backend = getattr(loader, 'imdecode_backend', 'cv2')
        with open(path, 'rb') as file:
            problem = image_problem(file, backend)
        if problem:
            raise ValueError(problem)
        return self._prepare(self._from_file, dict(img_path=str(path)))

    def prepare(self, pixels: np.ndarray) -> LoadedImage:
        """Prepare an image that is loaded already, (H, W, 3) uint8 BGR.

        Raises:
            ValueError: If the pipeline starts with a loader of its own.
        """
        if self._from_array is None:
            raise ValueError(
                'the test pipeline does not start with LoadImageFromFile, so '
                'only files can be predicted: write the frames to a folder'
            )
        return self._prepare(self._from_array, dict(img=pixels))

    def hint(self) -> str:
        """Propose windows, if an input was far larger than in training."""
        trained = getattr(self.model.data_preprocessor, 'size', None)
        mode = (self.model.test_cfg or {}).get('mode', 'whole')
        if not trained or mode == 'slide':
            return ''
        ratio = np.prod(self.largest_input) / np.prod(trained)
        if ratio < LARGE:
            return ''
        crop = min(trained)
        height, width = self.largest_input
        return (
            f'Hint: an input of {height}x{width} has {ratio:.0f} times the '
            f'pixels of the training images. --slide {crop} {2 * crop // 3} '
            'shows the network what it knows, and needs less memory'
        )

    @staticmethod
    def _prepare(pipeline: Compose, results: dict) -> LoadedImage:
        load, *rest = pipeline.transforms
        try:
            results = load(results)
        # Decoders raise what they like.
        except Exception as error:
            reason = str(error).strip().partition('\n')[0]
            raise ValueError(f'cannot be decoded: {reason}') from error
        pixels = results['img'].astype(np.uint8, copy=True)
        for step in rest:
            results = step(results)
        return LoadedImage(pixels, results)

    @torch.inference_mode()
    def __call__(self, image: LoadedImage) -> Prediction:
        """Segment an image as ``mmseg.apis.inference_model`` does.

        Raises:
            RuntimeError: If the network cannot take it, or memory is short.
        """
        data = {key: [value] for key, value in image.data.items()}
        size = tuple(data['inputs'][0].shape[1:])
        self.largest_input = max(self.largest_input, size, key=np.prod)
        sample = self.model.test_step(data)[0]
        label = sample.pred_sem_seg.data[0].to(torch.uint8)
        prediction = Prediction(image.pixels, label.cpu().numpy())
        if self.confidence:
            logits = sample.seg_logits.data[None].float().contiguous()
            _, confidence = label_and_confidence(
                logits, logits.shape[2:], self.model.align_corners
            )
            prediction.confidence = confidence[0].cpu().numpy()
        return prediction
