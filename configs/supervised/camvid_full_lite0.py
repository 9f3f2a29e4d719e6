# Pretrained and supervised on all 367 images of CamVid.
_base_ = './camvid_1-8_lite0.py'
labeled = _base_.labeled
labeled.ann_file = ''
train_dataloader = dict(dataset=dict(datasets=[labeled]))
