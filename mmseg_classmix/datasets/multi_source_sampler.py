"""Batches with a fixed ratio of labeled and unlabeled samples."""

from collections.abc import Iterator

import torch
from mmengine.dataset import ConcatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from mmseg_classmix.datasets.draw import Draw
from mmseg_classmix.datasets.multi_source_dataset import PLACE, no_images
from mmseg_classmix.mixing.seeding import derive_seed


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
        """Start after the samples that a resumed run has already seen.

        Args:
            num_samples: Samples of this rank since the start of training.

        Raises:
            ValueError: If it is no whole number of batches.
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
