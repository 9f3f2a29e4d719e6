# Random crops of both streams.
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
data_preprocessor = dict(size=_base_.crop_size)
crop = dict(type='RandomCrop', crop_size=_base_.crop_size)
model = dict(segmentor=dict(data_preprocessor=data_preprocessor))
labeled, unlabeled = _base_.train_dataloader.dataset.datasets
labeled.pipeline.insert(-1, crop)
unlabeled.pipeline.insert(-1, crop)
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
