"""From flat colors to a photograph: texture, haze, light and noise."""

import cv2
import numpy as np

from mmseg_classmix.demo.drawing.street import Street


def develop(
    rng: np.random.Generator,
    street: Street,
    color: np.ndarray,
    surface: np.ndarray,
) -> np.ndarray:
    """Add texture, haze, light, lens and sensor to the flat colors.

    Args:
        rng: Chooses the light and the noise.
        street: Gives the haze.
        color: (H, W, 3) uint8, BGR.
        surface: (H, W, 3) uint8: class, texture, distance.

    Returns:
        (H, W, 3) uint8, BGR.
    """
    height, width = color.shape[:2]
    texture = np.zeros((height, width), np.float32)
    for scale, strength in ((1, 0.3), (2, 0.4), (5, 0.35), (16, 0.3)):
        shape = (height // scale + 2, width // scale + 2)
        noise = rng.standard_normal(shape, np.float32) * np.float32(strength)
        texture += cv2.resize(noise, (width, height))
    texture *= surface[..., 1].astype(np.float32) / 450
    image = color * (1 + texture)[..., None]
    depth = surface[..., 2].astype(np.float32)
    clear = np.exp(-np.float32(street.thickness) * depth)[..., None]
    haze = np.array(street.haze, np.float32)
    image = (image - haze) * clear + haze
    image = np.clip(image / 255, 0, 1) ** np.float32(rng.uniform(0.9, 1.15))
    light = rng.uniform(0.7, 0.95) if street.dusk else rng.uniform(0.85, 1.1)
    cast = light * rng.uniform(0.95, 1.05, 3)
    middle = image.mean()
    image = (image - middle) * np.float32(rng.uniform(0.8, 1.15)) + middle
    image = image * cast.astype(np.float32) * 255
    image = cv2.GaussianBlur(image, (3, 3), rng.uniform(0.2, 0.8))
    noise = rng.standard_normal(image.shape, np.float32)
    image += noise * np.float32(rng.uniform(1, 6))
    return np.clip(image, 0, 255).astype(np.uint8)
