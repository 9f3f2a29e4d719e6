# ClassMix on images of your own, batch 4 + 4; docs/own_data.md.
_base_ = '../supervised/own_data.py'
model = dict(
    _delete_=True,
    type='MeanTeacherSegmentor',
    segmentor=_base_.model,
    batch_transforms=[dict(type='ClassMix')],
    unsup_loss=dict(type='PseudoLabelLoss'),
)
labeled, unlabeled = _base_.labeled, _base_.unlabeled
train_dataloader = dict(
    batch_size=8,
    sampler=dict(batch_size=8, source_ratio=[1, 1]),
    dataset=dict(datasets=[labeled, unlabeled]),
)
custom_hooks = [dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU'))
