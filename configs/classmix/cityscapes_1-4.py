# ClassMix on 744 labeled and 2231 unlabeled images of Cityscapes.
_base_ = './cityscapes_1-8.py'
labeled, unlabeled = _base_.labeled, _base_.unlabeled
labeled.ann_file = '{{ fileDirname }}/../splits/cityscapes/1-4_0_labeled.txt'
unlabeled.ann_file = (
    '{{ fileDirname }}/../splits/cityscapes/1-4_0_unlabeled.txt'
)
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
