"""Builds the `mmseg_classmix` distribution."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def read(name: str) -> str:
    """Returns the text of a file of the repository."""
    return (ROOT / name).read_text(encoding='utf-8')


setup(
    name='mmseg_classmix',
    # Read as text: importing the package would need torch and mmseg.
    version=re.search(
        r"__version__ = '(.+)'", read('mmseg_classmix/version.py')
    ).group(1),
    description='Semi-supervised semantic segmentation (ClassMix) '
    'as an MMSegmentation plugin',
    long_description=read('README.md'),
    long_description_content_type='text/markdown',
    author='The mmseg_classmix authors',
    license='Apache-2.0',
    keywords=[
        'semantic segmentation',
        'semi-supervised learning',
        'ClassMix',
        'mean teacher',
        'MMSegmentation',
    ],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    packages=find_packages(include=['mmseg_classmix', 'mmseg_classmix.*']),
    python_requires='>=3.10',
    # mmengine, mmcv and mmseg come as two families of distributions; naming
    # one would install it over the other. `stack_check.py` looks instead.
    install_requires=[
        'ftfy',  # mmsegmentation 1.2.2 needs ftfy and regex, unsaid
        'kornia>=0.8',
        'matplotlib>=3.7',
        'numpy>=1.23',
        'opencv-python>=4.6',
        'packaging>=20',
        'regex',
        'scipy>=1.9',
        'torch>=2.0',
    ],
)
