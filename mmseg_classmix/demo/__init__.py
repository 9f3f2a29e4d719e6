"""The drawn street scenes of the quickstart."""

from mmseg_classmix.demo.street_scenes import StreetScenesDataset

__all__ = ['StreetScenesDataset']
