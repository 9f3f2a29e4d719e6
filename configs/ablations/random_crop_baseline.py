# Supervised baseline on random crops.
_base_ = '../supervised/{{$ABLATION_BASE:cityscapes_1-8}}.py'
data_preprocessor = dict(size=_base_.crop_size)
crop = dict(type='RandomCrop', crop_size=_base_.crop_size)
model = dict(data_preprocessor=data_preprocessor)
labeled = _base_.labeled
labeled.pipeline.insert(-1, crop)
train_dataloader = dict(dataset=dict(datasets=[labeled]))
