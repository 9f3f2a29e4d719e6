_base_ = './tiny_supervised.py'
model = dict(
    _delete_=True,
    type='MeanTeacherSegmentor',
    segmentor=_base_.model,
    batch_transforms=[dict(type='ClassMix')],
    # Below 1 / 3: the unsupervised loss counts from the first iteration.
    unsup_loss=dict(type='PseudoLabelLoss', threshold=0.3),
)
train_dataloader = dict(
    batch_size=4,
    sampler=dict(batch_size=4, source_ratio=[1, 1]),
    dataset=dict(datasets=[_base_.labeled, _base_.unlabeled]),
)
custom_hooks = [dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU'))
