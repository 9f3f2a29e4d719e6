"""Mean teacher: any mmseg segmentor, twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from mmengine.dataset import Compose
from mmengine.dist import get_world_size
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.utils import add_prefix
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_map

from mmseg_classmix.checkpoints.compare import NETWORKS
from mmseg_classmix.mixing.batch_mix import mix_sources, send_images
from mmseg_classmix.mixing.seeding import generator
from mmseg_classmix.models.frozen_param_filter import (
    hide_frozen_param_warnings,
)
from mmseg_classmix.models.segmentors.logits import (
    final_head,
    full_logits,
    label_and_confidence,
    low_resolution_logits,
    upsample,
)
from mmseg_classmix.models.segmentors.supported import (
    check_arguments,
    check_segmentor,
)

#: Calls of ``loss`` after which a teacher that nothing moves is an error.
PATIENCE = 100

#: Images (N, 3, H, W) float, and their N ``SegDataSample``.
Part = tuple[Tensor, list]


@MODELS.register_module()
class MeanTeacherSegmentor(BaseSegmentor):
    """Train a student on labels and on the mixed labels of its teacher.

    One call of :meth:`loss` is one iteration of ClassMix (paper, section 3):
    supervised loss of the student on the labeled images; pseudo-labels of the
    teacher for the unlabeled images; mixing; unsupervised loss of the student
    on the mixed images, in a forward pass of its own. The teacher is moved by
    :class:`MeanTeacherHook`.

    Args:
        segmentor: Config of any mmseg segmentor that predicts logits.
        unsup_loss: Config of the unsupervised loss.
        batch_transforms: Configs of transforms of the unlabeled batch: a mix,
            then strong augmentation. A mix with ``source='labeled'`` pastes
            the labeled images of the batch.
        predict_on: 'student' or 'teacher': the network that predicts.
        teacher_norm_eval: Whether the teacher labels with the running
            statistics of its batch norms. By default it uses those of the
            batch, as published.
        data_preprocessor: Config; by default that of ``segmentor``.
        init_cfg: Initialization config of both networks together.
        pretrained: Must be None: mmseg's ``init_model`` sets it.
        train_cfg: Must be None, likewise.

    Raises:
        ValueError: If an argument is unknown, or the segmentor is of a kind
            that cannot be trained this way.
    """

    def __init__(
        self,
        segmentor: dict,
        unsup_loss: dict,
        batch_transforms: list[dict],
        predict_on: str = 'student',
        teacher_norm_eval: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
        pretrained: str | None = None,
        train_cfg: dict | None = None,
    ) -> None:
        check_arguments(predict_on, batch_transforms, pretrained, train_cfg)
        segmentor = deepcopy(segmentor)
        super().__init__(
            _common_preprocessor(data_preprocessor, segmentor), init_cfg
        )
        # A built segmentor may change its config: each gets its own.
        self.student = MODELS.build(deepcopy(segmentor))
        check_segmentor(self.student)
        self.teacher = MODELS.build(segmentor)
        self.teacher.requires_grad_(False)
        self._copy_student()
        hide_frozen_param_warnings()
        self.unsup_loss = MODELS.build(unsup_loss)
        self.batch_transforms = Compose(
            [TRANSFORMS.build(cfg) for cfg in batch_transforms]
        )
        self.mix_sources = mix_sources(self.batch_transforms.transforms)
        #: Unlabeled images that a global batch needs to be mixed.
        self.fewest_unlabeled = 1 if self.mix_sources == {'labeled'} else 2
        self._constants = _constants(self.student, self.data_preprocessor)
        self.predict_on = predict_on
        self.teacher_norm_eval = teacher_norm_eval
        #: Whether the last loaded checkpoint had a teacher of its own.
        self.teacher_loaded = False
        #: Whether a hook moves the teacher; the runner says so.
        self.teacher_updates = False
        self._iterations = 0
        #: Seed of the mixing of the next batch, the same on all ranks; the
        #: global generator is used while it is None. See IterSeedHook.
        self.mix_seed: int | None = None
        #: Computes gradients of the supervised loss early (ExecutionHook).
        self.early_backward: Callable[[Tensor], None] | None = None
        self._register_load_state_dict_pre_hook(self._spread_checkpoint)

    @property
    def network(self) -> BaseSegmentor:
        """The network that predicts."""
        return self.student if self.predict_on == 'student' else self.teacher

    @property
    def decode_head(self) -> nn.Module:
        """Decode head of the network that predicts."""
        return self.network.decode_head

    @property
    def align_corners(self) -> bool:
        """How logits are upsampled."""
        return self.network.align_corners

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.network.num_classes

    @property
    def out_channels(self) -> int:
        """Number of channels of the logits."""
        return self.network.out_channels

    @property
    def constants(self) -> dict:
        """What batch transforms need to know beside the images.

        ``num_classes``, ``ignore_index``: int; ``mean``, ``std``: (3, 1, 1)
        float32 or None; ``channel_order``: 'rgb' or 'bgr', of the images.
        """
        # Buffers: they move with the model.
        mean = getattr(self.data_preprocessor, 'mean', None)
        std = getattr(self.data_preprocessor, 'std', None)
        return dict(self._constants, mean=mean, std=std)

    @contextmanager
    def predicting_on(self, name: str) -> Iterator[None]:
        """Predict with 'student' or 'teacher' inside the block."""
        previous, self.predict_on = self.predict_on, name
        try:
            yield
        finally:
            self.predict_on = previous

    def init_weights(self) -> None:
        """Initialize the student, once, and start the teacher as its copy."""
        self.teacher.is_init = True
        super().init_weights()
        # Pretrained weights of both networks may have a teacher.
        if not self.teacher_loaded:
            self._copy_student()

    def _copy_student(self) -> None:
        self.teacher.load_state_dict(self.student.state_dict())

    def _dump_init_info(self) -> None:
        """Keep the origin of every single tensor out of the log."""

    def _spread_checkpoint(self, state_dict: dict, prefix: str, *_) -> None:
        """Give a plain mmseg checkpoint, of one network, to both."""
        own = [key for key in state_dict if key.startswith(prefix)]
        parts = tuple(f'{prefix}{name}.' for name in NETWORKS)
        self.teacher_loaded = any(key.startswith(parts[1]) for key in own)
        if any(key.startswith(parts) for key in own):
            return
        for key in own:
            value = state_dict.pop(key)
            for part in parts:
                state_dict[part + key.removeprefix(prefix)] = value

    def train(self, mode: bool = True) -> 'MeanTeacherSegmentor':
        """Set the mode; the teacher only ever trains its batch norms.

        Its batch norms follow those of the student (which a backbone may
        freeze), unless ``teacher_norm_eval``.
        """
        super().train(mode)
        self.teacher.eval()
        if mode and not self.teacher_norm_eval:
            for student, teacher in zip(
                self.student.modules(), self.teacher.modules(), strict=True
            ):
                if isinstance(teacher, _BatchNorm):
                    teacher.train(student.training)
        return self

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """Compute the losses of one iteration.

        Args:
            inputs: Labeled and unlabeled images, (N, 3, H, W) float.
            data_samples: N ``SegDataSample``; those of unlabeled images have
                no ``gt_sem_seg``.

        Returns:
            ``sup.*``: losses of the student on the labels; ``unsup.*``: loss
            on the mixed images and its weight, share of confident pixels
            and mean confidence.

        Raises:
            ValueError: If the batch has no labeled or no unlabeled image, or
                the global batch only one unlabeled image, unless it is mixed
                with labeled ones.
        """
        self._require_updates()
        labeled, unlabeled = split_batch(
            inputs, data_samples, self.fewest_unlabeled
        )
        losses = add_prefix(self.student.loss(*labeled), 'sup')
        if self.early_backward is not None:
            self.early_backward(self.parse_losses(losses)[0])
            losses = tree_map(Tensor.detach, losses)
        # Under way to the next rank while the teacher labels.
        sent = send_images(self.batch_transforms.transforms, unlabeled[0])
        batch = self.pseudo_label(*unlabeled)
        if 'labeled' in self.mix_sources:
            batch['labeled'] = labeled_batch(*labeled, batch)
        with torch.no_grad():
            view = self.batch_transforms({**batch, **sent})
        logits = full_logits(self.student, view['img'])
        return losses | add_prefix(self.unsup_loss(logits, view), 'unsup')

    def _require_updates(self) -> None:
        """Stop a training whose teacher stays at its start."""
        self._iterations += 1
        if self._iterations > PATIENCE and not self.teacher_updates:
            raise RuntimeError(
                f'nothing has moved the teacher in {PATIENCE} iterations: add '
                "dict(type='MeanTeacherHook') to custom_hooks; a hook of your "
                'own that moves it has the class attribute moves_teacher=True '
                '(ClassMixRunner looks at it)'
            )

    @torch.no_grad()
    def pseudo_label(self, img: Tensor, data_samples: list) -> dict:
        """Label images with the teacher.

        Args:
            img: (N, 3, H, W) float.
            data_samples: N ``SegDataSample``; ``img_shape`` tells padding.

        Returns:
            The dict that batch transforms and unsupervised losses work on:
            :attr:`constants` and

            - img: as given
            - pseudo_label: (N, H, W) int64; ``ignore_index`` on padding
            - confidence: highest probability, (N, H, W) float32; 0 on padding
            - prob: (N, C, H, W) float32, only if the loss needs it
            - hidden_label: (N, H, W) int64, only if masks measure the labels
            - generator: ``torch.Generator`` or None
        """
        how = img.shape[2:], self.align_corners
        logits = low_resolution_logits(self.teacher, img)
        pseudo_label, confidence = label_and_confidence(logits, *how)
        batch = self.constants
        ignore_index = batch['ignore_index']
        padding = padding_mask(img, data_samples)
        if padding is not None:
            pseudo_label = pseudo_label.masked_fill(padding, ignore_index)
            confidence = confidence.masked_fill(padding, 0)
        batch.update(
            img=img,
            pseudo_label=pseudo_label,
            confidence=confidence,
            generator=generator(self.mix_seed, img.device),
        )
        if 'hidden_sem_seg' in data_samples[0]:
            batch['hidden_label'] = hidden_label(img, data_samples, batch)
        if getattr(self.unsup_loss, 'needs_prob', False):
            batch['prob'] = upsample(logits, *how).softmax(1)
        return batch

    def predict(
        self, inputs: Tensor, data_samples: list | None = None
    ) -> list:
        """Predict with the chosen network; see mmseg's ``EncoderDecoder``."""
        return self.network.predict(inputs, data_samples)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list) -> Tensor:
        """Compute the logits of the chosen network."""
        return self.network.encode_decode(inputs, batch_img_metas)

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Extract the features of the chosen network."""
        return self.network.extract_feat(inputs)

    def _forward(self, inputs: Tensor, data_samples: list | None = None):
        return self.network._forward(inputs, data_samples)


def _common_preprocessor(outer: dict | None, segmentor: dict) -> dict | None:
    """Take the preprocessor out of the segmentor's config, or the outer."""
    own = segmentor.pop('data_preprocessor', None)
    if outer and own and outer != own:
        raise ValueError(
            f'data_preprocessor={outer} (of the config or of model) and '
            f'model.segmentor.data_preprocessor={own} differ: change both or '
            'remove one'
        )
    return outer or own


def _constants(segmentor: BaseSegmentor, preprocessor: nn.Module) -> dict:
    """Collect what is the same in every batch."""
    ignore_index = final_head(segmentor).ignore_index
    # The two stacks name the attribute differently.
    names = ('channel_conversion', '_channel_conversion')
    # Images are loaded as BGR.
    swapped = any(getattr(preprocessor, name, False) for name in names)
    return dict(
        num_classes=segmentor.num_classes,
        ignore_index=255 if ignore_index is None else ignore_index,
        channel_order='rgb' if swapped else 'bgr',
    )


def split_batch(
    inputs: Tensor, data_samples: list, fewest_unlabeled: int = 2
) -> tuple[Part, Part]:
    """Split a batch: samples without ``gt_sem_seg`` are unlabeled.

    The global batch needs ``fewest_unlabeled`` of them.
    """
    labeled = [i for i, s in enumerate(data_samples) if 'gt_sem_seg' in s]
    count, total = len(labeled), len(data_samples)
    if count == 0 or count == total:
        raise ValueError(
            f'the batch has {count} labeled and {total - count} unlabeled '
            'images, but semi-supervised training needs both: check the '
            'datasets of train_dataloader (labeled pipelines need '
            'LoadAnnotations, unlabeled ones must not have it) and '
            'train_dataloader.sampler.source_ratio'
        )
    if (total - count) * get_world_size() < fewest_unlabeled:
        raise ValueError(
            'the global batch has 1 unlabeled image, but mixing needs 2: '
            'raise train_dataloader.batch_size, '
            'train_dataloader.sampler.batch_size or the number of processes'
        )
    if labeled == list(range(count)):
        # Slices, unlike lists of indices, need nothing from the host.
        first, second = slice(count), slice(count, None)
        return tuple((inputs[s], data_samples[s]) for s in (first, second))
    others = [i for i in range(total) if i not in set(labeled)]
    return tuple(
        (inputs[part], [data_samples[i] for i in part])
        for part in (labeled, others)
    )


def padding_mask(img: Tensor, data_samples: list) -> Tensor | None:
    """Find pixels, (N, H, W) bool, that the preprocessor has added.

    They are right and below; None if there are none.
    """
    full = tuple(img.shape[2:])
    shapes = [tuple(s.get('img_shape', full)[:2]) for s in data_samples]
    if all(shape == full for shape in shapes):
        return None
    sizes = torch.tensor(shapes).to(img.device, non_blocking=True)
    below = torch.arange(full[0], device=img.device) >= sizes[:, :1]
    right = torch.arange(full[1], device=img.device) >= sizes[:, 1:]
    return below[:, :, None] | right[:, None, :]


def labeled_batch(img: Tensor, data_samples: list, facts: dict) -> dict:
    """Collect labeled images for a mix that pastes them.

    ``facts`` has ``num_classes`` and ``ignore_index``; of ``label``, (M, H, W)
    int64, padding is ignored too.
    """
    label = torch.cat([s.gt_sem_seg.data for s in data_samples])
    # The only value outside the classes is that of ignored pixels.
    ignored = label >= facts['num_classes']
    padding = padding_mask(img, data_samples)
    if padding is not None:
        ignored = ignored | padding
    label = label.masked_fill(ignored, facts['ignore_index'])
    return dict(img=img, label=label)


def hidden_label(img: Tensor, data_samples: list, facts: dict) -> Tensor:
    """Collect the masks that measure pseudo-labels, (N, H, W) int64.

    Padding is ignored. ``MultiSourceDataset`` refuses a source in which not
    every sample has one.
    """
    size, ignored = (len(img), *img.shape[2:]), facts['ignore_index']
    label = img.new_full(size, ignored, dtype=torch.int64)
    for row, sample in zip(label, data_samples, strict=True):
        mask = sample.hidden_sem_seg.data[0]
        mask = mask.masked_fill(mask >= facts['num_classes'], ignored)
        row[: mask.size(0), : mask.size(1)] = mask
    return label
