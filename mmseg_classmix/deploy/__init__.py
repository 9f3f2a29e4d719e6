"""Trained networks at work: images and videos in, masks out."""

from mmseg_classmix.deploy.evaluation_data import (
    dataset_meta,
    inference_pipeline,
)
from mmseg_classmix.deploy.files import Source, find_sources, is_video
from mmseg_classmix.deploy.predictor import LoadedImage, Prediction, Predictor
from mmseg_classmix.deploy.trained_network import TrainedNetwork, read_network

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
