"""Mean teacher: any mmseg segmentor, twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from mmengine.dataset import Compose
from mmengine.logging import print_log
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.registry import MODELS, TRANSFORMS
from mmseg.utils import add_prefix
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_map

from mmseg_classmix.mixing.batch_mix import (
    mix_sources,
    send_images,
)
from mmseg_classmix.mixing.seeding import generator
from mmseg_classmix.models.frozen_param_filter import (
    hide_frozen_param_warnings,
)
from mmseg_classmix.models.segmentors.logits import (
    full_logits,
    low_resolution_logits,
)
from mmseg_classmix.models.segmentors.plain_checkpoint import (
    spread_checkpoint,
)
from mmseg_classmix.models.segmentors.preprocessor import common_preprocessor
from mmseg_classmix.models.segmentors.pseudo_label import label_and_confidence
from mmseg_classmix.models.segmentors.semi_batch import (
    constants,
    hidden_label,
    ignore_padding,
    labeled_batch,
    split_batch,
)
from mmseg_classmix.models.segmentors.supported import (
    check_arguments,
    check_segmentor,
)
from mmseg_classmix.models.segmentors.upsampling import upsample


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
            common_preprocessor(data_preprocessor, segmentor), init_cfg
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
        self.predict_on = predict_on
        self.teacher_norm_eval = teacher_norm_eval
        #: Whether the last loaded checkpoint had a teacher of its own.
        self.teacher_loaded = False
        self._losses_since_update = 0
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
        self.teacher_loaded = spread_checkpoint(state_dict, prefix)

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
        self._notice_missing_hook()
        parts = split_batch(inputs, data_samples, self.fewest_unlabeled)
        labeled, unlabeled = parts
        losses = add_prefix(self.student.loss(*labeled), 'sup')
        if self.early_backward is not None:
            losses = self._backward_now(losses)
        with torch.no_grad():
            transforms = self.batch_transforms
            ahead = send_images(transforms.transforms, unlabeled[0])
            batch = {**self.pseudo_label(*unlabeled), **ahead}
            if 'labeled' in self.mix_sources:
                batch['labeled'] = labeled_batch(*labeled, batch)
            batch = transforms(batch)
        logits = full_logits(self.student, batch['img'])
        losses.update(add_prefix(self.unsup_loss(logits, batch), 'unsup'))
        return losses

    def _backward_now(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        self.early_backward(self.parse_losses(losses)[0])
        return tree_map(Tensor.detach, losses)

    def teacher_moved(self) -> None:
        """Take note of an update; MeanTeacherHook calls it."""
        self._losses_since_update = 0

    def _notice_missing_hook(self) -> None:
        self._losses_since_update += 1
        if self._losses_since_update == 100:
            print_log(
                'The teacher has not moved in 100 iterations: is '
                "dict(type='MeanTeacherHook') missing in custom_hooks?",
                logger='current',
                level=logging.WARNING,
            )

    @torch.no_grad()
    def pseudo_label(self, img: Tensor, data_samples: list) -> dict:
        """Label images with the teacher.

        Args:
            img: (N, 3, H, W) float.
            data_samples: N ``SegDataSample``; ``img_shape`` tells padding.

        Returns:
            The dict that batch transforms and unsupervised losses work on:

            - img: as given
            - pseudo_label: (N, H, W) int64; ``ignore_index`` on padding
            - confidence: highest probability, (N, H, W) float32; 0 on padding
            - prob: (N, C, H, W) float32, only if the loss needs it
            - hidden_label: (N, H, W) int64, only if masks measure the labels
            - num_classes, ignore_index: int
            - mean, std: (3, 1, 1) float32 or None; channel_order: 'rgb' or
              'bgr', of the images
            - generator: ``torch.Generator`` or None
        """
        how = img.shape[2:], self.align_corners
        logits = low_resolution_logits(self.teacher, img)
        pseudo_label, confidence = label_and_confidence(logits, *how)
        facts = constants(self.student, self.data_preprocessor)
        ignored, images = facts['ignore_index'], (img, data_samples)
        batch = dict(
            facts,
            img=img,
            **ignore_padding(*images, pseudo_label, confidence, ignored),
            **hidden_label(*images, facts['num_classes'], ignored),
            generator=generator(self.mix_seed, img.device),
        )
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
