# ClassMix on 12 labeled and 355 unlabeled images of CamVid, pretrained.
_base_ = './camvid_1-8_lite0.py'
labeled, unlabeled = _base_.labeled, _base_.unlabeled
labeled.ann_file = '{{ fileDirname }}/../splits/camvid/1-30_0_labeled.txt'
unlabeled.ann_file = '{{ fileDirname }}/../splits/camvid/1-30_0_unlabeled.txt'
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
