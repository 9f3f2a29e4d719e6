# Pretrained baseline on 46 of 367 images of CamVid, batch 4, 3k iterations.
_base_ = [
    '../_base_/models/deeplabv3plus_lite0-d16.py',
    '../_base_/datasets/camvid_180x240.py',
    '../_base_/schedules/sgd_3k.py',
    '../_base_/default_runtime.py',
]
data_preprocessor = dict(size=(180, 240), size_divisor=None)
model = dict(
    data_preprocessor=data_preprocessor,
    decode_head=dict(num_classes=11),
)
labeled = _base_.labeled
labeled.ann_file = '{{ fileDirname }}/../splits/camvid/1-8_0_labeled.txt'
train_dataloader = dict(dataset=dict(datasets=[labeled]))
