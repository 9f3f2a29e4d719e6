"""A trained network as an ONNX graph that takes images as they are read."""

import json
import logging
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional as F

NEEDED = ('onnx', 'onnxscript', 'onnxruntime')
AGREEMENT = 0.999


class ImageToLabel(nn.Module):
    """Normalization, padding, network, upsampling and argmax in one module."""

    def __init__(
        self, segmentor: nn.Module, logits: bool, divisor: int
    ) -> None:
        super().__init__()
        self.segmentor = segmentor
        self.logits = logits
        preprocessor = segmentor.data_preprocessor
        # The two stacks name the attribute differently.
        names = ('channel_conversion', '_channel_conversion')
        self.swap = any(getattr(preprocessor, name, False) for name in names)
        self.normalize = preprocessor._enable_normalize
        self.divisor = divisor
        if self.normalize:
            self.register_buffer('mean', preprocessor.mean.clone())
            self.register_buffer('std', preprocessor.std.clone())

    def forward(self, image: Tensor) -> Tensor:
        """Segment (N, H, W, 3) uint8 BGR, of the size after the test pipeline.

        Classes are (N, H, W) uint8, logits (N, C, H, W) float32.
        """
        x = image.permute(0, 3, 1, 2).float()
        if self.swap:
            x = x.flip(1)
        if self.normalize:
            x = (x - self.mean) / self.std
        height, width = x.shape[2:]
        if self.divisor > 1:
            padding = (0, -width % self.divisor, 0, -height % self.divisor)
            x = F.pad(x, padding)
        metas = [dict(img_shape=x.shape[2:])]
        logits = self.segmentor.encode_decode(x, metas)[..., :height, :width]
        return logits if self.logits else _classes(self.segmentor, logits)


def _classes(segmentor: nn.Module, logits: Tensor) -> Tensor:
    if logits.size(1) > 1:
        return logits.argmax(1).to(torch.uint8)
    threshold = segmentor.decode_head.threshold
    return (logits[:, 0].sigmoid() > threshold).to(torch.uint8)


def missing_packages() -> list[str]:
    """Name what has to be installed for an export."""
    return [name for name in NEEDED if find_spec(name) is None]


def export_onnx(
    segmentor: nn.Module,
    path: Path,
    size: tuple[int, int],
    meta: dict[str, Any],
    fixed: bool = False,
    logits: bool = False,
) -> dict[tuple[int, ...], float | None]:
    """Write an ONNX graph, and :func:`compare` it with mmseg.

    Args:
        segmentor: An mmseg segmentor in eval mode, on the CPU.
        path: File to write. Beyond 2 GB, weights lie beside it.
        size: (height, width) to export with.
        meta: Plain values that the file keeps as JSON texts.
        fixed: Whether the graph is for one image of that size only.
        logits: Whether its output is logits in the place of classes.
    """
    # Padding of sizes that vary cannot be expressed.
    divisor = _divisor(segmentor) if fixed else 1
    module = ImageToLabel(segmentor, logits, divisor).eval()
    count = 1 if fixed else 2
    image = torch.from_numpy(smooth_images((count, *size)))
    axes = dict(enumerate(('batch', 'height', 'width')))
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                module,
                (image,),
                dynamo=True,
                verbose=False,
                dynamic_shapes=None if fixed else dict(image=axes),
                input_names=['image'],
                output_names=['logits' if logits else 'label'],
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise RuntimeError(
            f'torch cannot export this network{_advice(fixed, size)}. '
            f'{str(error).strip().splitlines()[0]}'
        ) from error
    program.model.metadata_props.update(
        {key: json.dumps(value) for key, value in meta.items()}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix='.onnx_') as folder:
        graph = Path(folder) / path.name
        program.save(str(graph))
        shares = compare(segmentor, graph, size, fixed)
        # Beside a large graph there is a file of weights.
        for file in Path(folder).iterdir():
            os.replace(file, path.parent / file.name)
    return shares


def compare(
    segmentor: nn.Module, path: Path, size: tuple[int, int], fixed: bool
) -> dict[tuple[int, ...], float | None]:
    """Compare classes of onnxruntime with those of mmseg, on several sizes.

    Returns:
        Share of the pixels with the same class, by the shape of the input,
        (N, H, W); None if the network is not made for this shape.

    Raises:
        RuntimeError: If onnxruntime fails, a share is below 0.999, or ``size``
            itself is not compared.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )
    height, width = size
    shapes = [(1, height, width)]
    if not fixed:
        shapes += [
            (1, height + 32, width + 64),
            (3, 32 * max(height // 64, 1), 32 * max(width // 64, 1)),
            (1, height + 5, width + 3),
        ]
    advice = _advice(fixed, size)
    shares = dict.fromkeys(shapes)
    divisor = 1 if fixed else _divisor(segmentor)
    for shape in shapes:
        images = smooth_images(shape)
        try:
            if any(n % divisor for n in shape[1:]):
                raise ValueError(f'sizes must be multiples of {divisor}')
            expected = _labels(segmentor, images)
        # Networks refuse sizes with an assert, too.
        except (RuntimeError, AssertionError, ValueError) as error:
            if shape == shapes[0]:
                raise RuntimeError(
                    f'{path.name} cannot be compared with mmseg on {shape}: '
                    f'{str(error) or type(error).__name__}{advice}'
                ) from error
            continue
        shares[shape] = _share(session, segmentor, images, expected, advice)
    return shares


def _share(
    session: Any,
    segmentor: nn.Module,
    images: np.ndarray,
    expected: np.ndarray,
    advice: str,
) -> float:
    shape = images.shape[:3]
    try:
        (found,) = session.run(None, dict(image=images))
    except Exception as error:
        raise RuntimeError(
            f'the graph does not run on {shape}{advice}. '
            f'{str(error).splitlines()[0]}'
        ) from error
    if found.ndim == 4:
        found = _classes(segmentor, torch.from_numpy(found)).numpy()
    share = float((found == expected).mean())
    if share < AGREEMENT:
        raise RuntimeError(
            f'the graph gives other classes than mmseg on {1 - share:.2%} of '
            f'the pixels of {shape}{advice}'
        )
    return share


def smooth_images(shape: tuple[int, int, int]) -> np.ndarray:
    """Draw (N, H, W, 3) uint8 that change slowly, as photographs do."""
    count, *size = shape
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((count, 3, 6, 8), generator=generator) * 255
    images = F.interpolate(coarse, size, mode='bilinear')
    return images.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()


@torch.inference_mode()
def _labels(segmentor: nn.Module, images: np.ndarray) -> np.ndarray:
    """Let mmseg segment images from their bytes on, (N, H, W) uint8."""
    meta = dict(ori_shape=images.shape[1:3], img_shape=images.shape[1:3])
    inputs = list(torch.from_numpy(images).permute(0, 3, 1, 2))
    samples = [SegDataSample(metainfo=meta) for _ in images]
    data = segmentor.data_preprocessor(
        dict(inputs=inputs, data_samples=samples)
    )
    metas = [sample.metainfo for sample in data['data_samples']]
    logits = segmentor.whole_inference(data['inputs'], metas)
    samples = segmentor.postprocess_result(logits, data['data_samples'])
    labels = [sample.pred_sem_seg.data[0] for sample in samples]
    return torch.stack(labels).to(torch.uint8).numpy()


def _divisor(segmentor: nn.Module) -> int:
    padding = segmentor.data_preprocessor.test_cfg or {}
    return padding.get('size_divisor') or 1


def _advice(fixed: bool, size: tuple[int, int]) -> str:
    if fixed:
        return ''
    return (
        '. Not every network can be exported for all sizes: --onnx-size '
        'HEIGHT WIDTH does it for one, such as --onnx-size '
        f'{size[0]} {size[1]}'
    )
