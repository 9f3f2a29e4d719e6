# Supervised baseline on images of your own; docs/own_data.md.
_base_ = [
    '../_base_/models/deeplabv2_r18-d16.py',
    '../_base_/datasets/own_data.py',
    '../_base_/schedules/sgd_3k.py',
    '../_base_/default_runtime.py',
]
classes = ('background', 'object')
labeled, val = _base_.labeled, _base_.val
labeled.metainfo = val.metainfo = dict(classes=classes)
data_preprocessor = dict(size=_base_.crop_size, size_divisor=None)
model = dict(
    data_preprocessor=data_preprocessor,
    decode_head=dict(num_classes=len(classes)),
)
train_dataloader = dict(dataset=dict(datasets=[labeled]))
val_dataloader = dict(dataset=val)
test_dataloader = val_dataloader
