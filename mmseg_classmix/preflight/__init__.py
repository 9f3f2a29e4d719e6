"""What is checked before the first iteration."""

from mmseg_classmix.preflight.checkpoint_check_hook import (
    CheckpointCheckHook,
)
from mmseg_classmix.preflight.data_check_hook import DataCheckHook
from mmseg_classmix.preflight.rank_agreement_hook import RankAgreementHook

__all__ = ['CheckpointCheckHook', 'DataCheckHook', 'RankAgreementHook']
