# ClassMix of the quickstart: 16 labeled and 400 unlabeled street scenes.
_base_ = '../supervised/street_scenes_r18.py'
model = dict(
    _delete_=True,
    type='MeanTeacherSegmentor',
    segmentor=_base_.model,
    batch_transforms=[
        dict(type='ClassMix'),
        dict(
            type='KorniaAugment',
            transforms=[
                dict(
                    type='ColorJiggle',
                    brightness=0.25,
                    contrast=0.25,
                    saturation=0.25,
                    hue=0.25,
                    p=0.8,
                )
            ],
        ),
    ],
    unsup_loss=dict(type='PseudoLabelLoss'),
)
labeled, unlabeled = _base_.labeled, _base_.unlabeled
unlabeled.ann_file = (
    '{{ fileDirname }}/../splits/street_scenes/16-images_0_unlabeled.txt'
)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(batch_size=8, source_ratio=[1, 1]),
    dataset=dict(datasets=[labeled, unlabeled]),
)
# A short run needs a teacher that follows sooner.
custom_hooks = [dict(type='MeanTeacherHook', momentum=0.02)]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU'))
