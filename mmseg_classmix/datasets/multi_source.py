"""Labeled and unlabeled data as one, and batches with both of them."""

from collections.abc import Iterator

import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from mmseg.registry import DATASETS
from torch.utils.data import ConcatDataset, Sampler

from mmseg_classmix.datasets.build_source import build_source, no_images
from mmseg_classmix.datasets.checked_pipeline import check_samples
from mmseg_classmix.datasets.hidden_masks import agree_on_hidden_masks
from mmseg_classmix.mixing.seeding import derive_seed, seeded

PLACE = 'train_dataloader.dataset.datasets'


class Draw(int):
    """A dataset index with a key: (run seed, source, number of the draw).

    Augmentation that is seeded from the key, not from the worker, is the same
    for any number of workers and processes and after any resume.
    """

    key: tuple[int, ...]

    def __new__(cls, index: int, key: tuple[int, ...] = ()) -> 'Draw':
        """Make an integer that carries the key."""
        draw = super().__new__(cls, index)
        draw.key = key
        return draw


@DATASETS.register_module()
class MultiSourceDataset(ConcatDataset):
    """Concatenate sources for :class:`MultiSourceSampler`.

    Beyond torch's ``ConcatDataset``: the random augmentation of a sample
    follows its draw, not the worker that loads it, so that a run can be
    resumed exactly and does not depend on ``num_workers``; and errors on
    reading a file name it, see ``CheckedPipeline``. Hidden masks
    (``UnlabeledDataset.eval_pseudo_labels``) are read like those of the
    labeled source.

    Args:
        datasets: Datasets or their configs, wrappers included. The first is
            the labeled one, whose classes count.

    Raises:
        ValueError: If there is no source or one is empty, the first has no
            classes, or only some of the others have hidden masks; on loading
            a sample, if that fails or its mask does not fit.
        FileNotFoundError: If a folder or the list of a source does not exist.
    """

    def __init__(self, datasets: list[BaseDataset | dict]) -> None:
        if not datasets:
            raise ValueError(
                f'{PLACE} is empty: give one labeled dataset and, for '
                'semi-supervised training, an unlabeled one'
            )
        places = [f'{PLACE}[{i}]' for i in range(len(datasets))]
        super().__init__(map(build_source, places, datasets))
        if not self.metainfo.get('classes'):
            raise ValueError(
                f'{PLACE}[0] ({type(self.datasets[0]).__name__}) has no '
                'classes: set metainfo=dict(classes=(...))'
            )
        sources = list(zip(places, self.datasets, strict=True))
        agree_on_hidden_masks(sources[0], sources[1:])
        classes = self.metainfo['classes']
        self._pipelines = [check_samples(*s, classes) for s in sources]

    @property
    def metainfo(self) -> dict:
        """Classes and palette of the labeled source."""
        return self.datasets[0].metainfo

    def __getitem__(self, idx: int) -> dict:
        """Load a sample; a ``Draw`` seeds its augmentation."""
        if not isinstance(idx, Draw):
            return super().__getitem__(idx)
        _, source, number = idx.key
        for pipeline in self._pipelines[source]:
            # Files do not change: to look at them once is enough.
            pipeline.look_at_files = number < len(self.datasets[source])
        with seeded('augment', *idx.key):
            return super().__getitem__(idx)


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(Sampler):
    """Yield batches [labeled..., unlabeled...] for every rank, endlessly.

    Every source is shuffled on its own, restarts with a new shuffle when it
    runs out, and does not depend on the other sources. The position in the
    stream is a plain number: where mmengine calls :meth:`skip` (since
    0.10.8), resuming costs no replay. Rank r takes the r-th
    block of a global batch, so that the global batch does not depend on how
    many processes share it.

    Args:
        dataset: ``ConcatDataset`` (or a subclass) with one dataset a source.
        batch_size: Samples in a batch of one rank, all sources together;
            the same as ``train_dataloader.batch_size``.
        source_ratio: Share of every source in a batch, in the order of the
            datasets, such as ``[1, 1]``.
        shuffle: Whether to shuffle.
        seed: Seed of the shuffles, the same on all ranks; Runner passes its
            own.

    Raises:
        TypeError: If ``dataset`` is not concatenated.
        ValueError: If the ratio does not fit the dataset or the batch size,
            or a source is empty.
    """

    def __init__(
        self,
        dataset: ConcatDataset,
        batch_size: int,
        source_ratio: list[int],
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        self._check(dataset, batch_size, source_ratio)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        unit = batch_size // sum(source_ratio)
        self.source_counts = [unit * ratio for ratio in source_ratio]
        self.sizes = [len(source) for source in dataset.datasets]
        self.offsets = [0, *dataset.cumulative_sizes[:-1]]
        self._first_batch = 0

    @staticmethod
    def _check(
        dataset: ConcatDataset, batch_size: int, source_ratio: list[int]
    ) -> None:
        key = 'train_dataloader.sampler'
        if not hasattr(dataset, 'cumulative_sizes'):
            raise TypeError(
                'MultiSourceSampler needs train_dataloader.dataset of type '
                f'MultiSourceDataset, but got {type(dataset).__name__}'
            )
        if len(source_ratio) != len(dataset.datasets) or any(
            not isinstance(r, int) or r < 1 for r in source_ratio
        ):
            raise ValueError(
                f'{key}.source_ratio={source_ratio} must have one positive '
                f'integer for each of the {len(dataset.datasets)} datasets'
            )
        if batch_size < 1 or batch_size % sum(source_ratio):
            raise ValueError(
                f'{key}.batch_size={batch_size} is no multiple of '
                f'{sum(source_ratio)}, the sum of source_ratio='
                f'{source_ratio}: change train_dataloader.batch_size and '
                f'{key}.batch_size, or the ratio'
            )
        for i, source in enumerate(dataset.datasets):
            if len(source) == 0:
                raise ValueError(no_images(f'{PLACE}[{i}]', source))

    def _order(self, source: int, epoch: int) -> torch.Tensor:
        """Order of one pass over a source, from (seed, source, pass)."""
        if not self.shuffle:
            return torch.arange(self.sizes[source])
        generator = torch.Generator()
        generator.manual_seed(derive_seed('shuffle', self.seed, source, epoch))
        return torch.randperm(self.sizes[source], generator=generator)

    def _stream(self, source: int) -> Iterator[Draw]:
        """Draws of this rank from one source, from the first batch on."""
        count, size = self.source_counts[source], self.sizes[source]
        epoch, order, batch = -1, None, self._first_batch
        while True:
            start = (batch * self.world_size + self.rank) * count
            for number in range(start, start + count):
                if number // size != epoch:
                    epoch = number // size
                    order = self._order(source, epoch).tolist()
                yield Draw(
                    self.offsets[source] + order[number % size],
                    (self.seed, source, number),
                )
            batch += 1

    def __iter__(self) -> Iterator[Draw]:
        """Iterate over the samples of this rank, batch after batch."""
        streams = [self._stream(i) for i in range(len(self.sizes))]
        while True:
            for stream, count in zip(streams, self.source_counts, strict=True):
                for _ in range(count):
                    yield next(stream)

    def skip(self, num_samples: int) -> None:
        """Start after the samples that this rank has seen before a resume.

        Raises:
            ValueError: If they are no whole number of batches.
        """
        if num_samples < 0 or num_samples % self.batch_size:
            raise ValueError(
                f'cannot skip {num_samples} samples: no multiple of '
                f'train_dataloader.sampler.batch_size={self.batch_size}'
            )
        self._first_batch = num_samples // self.batch_size

    def __len__(self) -> int:
        """Number of samples of all sources."""
        return len(self.dataset)

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the stream has no epochs."""
