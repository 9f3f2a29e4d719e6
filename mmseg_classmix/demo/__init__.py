"""The drawn street scenes of the quickstart."""

from mmseg_classmix.demo.street_scenes import (
    StreetScenesDataset,
    write_street_scenes,
)

__all__ = ['StreetScenesDataset', 'write_street_scenes']
