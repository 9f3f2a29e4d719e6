# VOC 1/8 with the scale of the published code, and without flip.
_base_ = '../classmix/voc12aug_1-8.py'
scale = dict(type='RandomScale', ratio_range=(0.5, 1.6))
labeled, unlabeled = _base_.train_dataloader.dataset.datasets
labeled.pipeline[2] = scale
labeled.pipeline.pop(3)
unlabeled.pipeline[1] = scale
unlabeled.pipeline.pop(2)
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
