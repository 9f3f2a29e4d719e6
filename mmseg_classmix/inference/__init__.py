"""Trained networks at work: images and videos in, masks out."""

from mmseg_classmix.inference.evaluation_data import (
    dataset_meta,
    inference_pipeline,
)
from mmseg_classmix.inference.predictor import (
    LoadedImage,
    Prediction,
    Predictor,
)
from mmseg_classmix.inference.sources import Source, find_sources, is_video
from mmseg_classmix.inference.trained_network import (
    TrainedNetwork,
    read_network,
)

__all__ = [
    'LoadedImage',
    'Prediction',
    'Predictor',
    'Source',
    'TrainedNetwork',
    'dataset_meta',
    'find_sources',
    'inference_pipeline',
    'is_video',
    'read_network',
]
