"""Builds the `mmseg_classmix` distribution."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# What OpenMMLab's packages carry in .mim, where `mim` and users look for it.
MIM = ('configs', 'tools', 'model-index.yml')


def read(name: str) -> str:
    """Returns the text of a file of the repository."""
    return (ROOT / name).read_text(encoding='utf-8')


class BuildWithMim(build_py):
    """Copies configs and tools into the wheel, not into the source tree."""

    def run(self) -> None:
        """Build the package, then add ``mmseg_classmix/.mim``."""
        super().run()
        # In an editable installation they are where the clone has them.
        if self.editable_mode:
            return
        mim = Path(self.build_lib, 'mmseg_classmix', '.mim')
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir()
        for name in MIM:
            if (ROOT / name).is_file():
                shutil.copy(ROOT / name, mim)
                continue
            ignored = shutil.ignore_patterns('__pycache__')
            shutil.copytree(ROOT / name, mim / name, ignore=ignored)


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
    cmdclass=dict(build_py=BuildWithMim),
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
        'prettytable>=3.12',
        'regex',
        'scipy>=1.9',
        'torch>=2.0',
    ],
    # tools/model_converters/export_segmentor.py --onnx; the versions that
    # are tested: requirements/deploy.txt.
    extras_require=dict(deploy=['onnx', 'onnxruntime', 'onnxscript']),
)
