"""What one scene has in common: the measures and the light."""

from dataclasses import dataclass

import numpy as np

from mmseg_classmix.demo.drawing.canvas import Color

FAR = 120.0


@dataclass
class Street:
    """Measures in meters and the light of one scene."""

    left: float
    right: float
    walk: float
    dusk: bool
    haze: Color
    thickness: float
    sun: int

    @classmethod
    def pick(cls, rng: np.random.Generator) -> 'Street':
        """Choose a street."""
        width = rng.uniform(6, 12)
        left = -width * rng.uniform(0.3, 0.6)
        dusk = bool(rng.random() < 0.25)
        haze = np.array([215, 205, 195]) * rng.uniform(0.9, 1.1, 3)
        if dusk:
            haze = np.array([130, 120, 130]) * rng.uniform(0.75, 1.25, 3)
        thickness = rng.choice([0.002, 0.005, 0.01]) * rng.uniform(0.7, 1.3)
        return cls(
            left=left,
            right=left + width,
            walk=rng.uniform(2, 5),
            dusk=dusk,
            haze=tuple(np.minimum(haze, 255).tolist()),
            thickness=thickness,
            sun=int(rng.choice([-1, 0, 1])),
        )

    def edge(self, side: int) -> float:
        """Return where the road ends on the left (-1) or right (1)."""
        return self.left if side < 0 else self.right
