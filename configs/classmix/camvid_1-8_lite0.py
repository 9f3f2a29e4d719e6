# ClassMix on 46 labeled and 321 unlabeled images of CamVid, batch 2 + 2.
_base_ = '../supervised/camvid_1-8_lite0.py'
model = dict(
    _delete_=True,
    type='MeanTeacherSegmentor',
    segmentor=_base_.model,
    batch_transforms=[dict(type='ClassMix')],
    unsup_loss=dict(
        type='PseudoLabelLoss',
        # Half as much (in logarithms) as for labels: without it the small
        # classes fade, with all of it they spread (docs/experiments.md).
        loss_decode=dict(
            type='CrossEntropyLoss',
            avg_non_ignore=True,
            class_weight=[round(w**0.5, 2) for w in _base_.class_weight],
        ),
    ),
)
labeled, unlabeled = _base_.labeled, _base_.unlabeled
unlabeled.ann_file = '{{ fileDirname }}/../splits/camvid/1-8_0_unlabeled.txt'
# The log has the accuracy of pseudo-labels (docs/monitoring.md); no mask is
# learned from.
unlabeled.eval_pseudo_labels = True
unlabeled.data_prefix.seg_map_path = 'annotations/train'
train_dataloader = dict(
    batch_size=4,
    sampler=dict(batch_size=4, source_ratio=[1, 1]),
    dataset=dict(datasets=[labeled, unlabeled]),
)
custom_hooks = [dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU'))
