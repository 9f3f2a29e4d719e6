# Pretrained baseline on 92 of 367 images of CamVid.
_base_ = './camvid_1-8_lite0.py'
labeled = _base_.labeled
labeled.ann_file = '{{ fileDirname }}/../splits/camvid/1-4_0_labeled.txt'
train_dataloader = dict(dataset=dict(datasets=[labeled]))
