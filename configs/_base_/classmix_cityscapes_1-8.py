# ClassMix on 372 labeled and 2603 unlabeled images of Cityscapes, for any
# model of mmseg; configs/other_models/ says how.
_base_ = ['./datasets/cityscapes_512x1024.py', './default_runtime.py']
classmix = dict(
    type='MeanTeacherSegmentor',
    batch_transforms=[dict(type='ClassMix')],
    unsup_loss=dict(type='PseudoLabelLoss'),
)
labeled, unlabeled = _base_.labeled, _base_.unlabeled
labeled.ann_file = '{{ fileDirname }}/../splits/cityscapes/1-8_0_labeled.txt'
unlabeled.ann_file = (
    '{{ fileDirname }}/../splits/cityscapes/1-8_0_unlabeled.txt'
)
train_dataloader = dict(
    sampler=dict(source_ratio=[1, 1]),
    dataset=dict(datasets=[labeled, unlabeled]),
)
custom_hooks = [dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU', interval=5000))
