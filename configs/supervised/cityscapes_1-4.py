# Supervised baseline on 744 of 2975 images of Cityscapes.
_base_ = './cityscapes_full.py'
labeled = _base_.labeled
labeled.ann_file = '{{ fileDirname }}/../splits/cityscapes/1-4_0_labeled.txt'
train_dataloader = dict(dataset=dict(datasets=[labeled]))
