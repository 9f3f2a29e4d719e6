# ClassMix on 2646 labeled and 7936 unlabeled images of VOC 2012 + SBD.
_base_ = './voc12aug_1-8.py'
labeled, unlabeled = _base_.labeled, _base_.unlabeled
labeled.ann_file = '{{ fileDirname }}/../splits/voc12aug/1-4_0_labeled.txt'
unlabeled.ann_file = '{{ fileDirname }}/../splits/voc12aug/1-4_0_unlabeled.txt'
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
