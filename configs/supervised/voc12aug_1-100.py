# Supervised baseline on 106 of 10582 images of VOC 2012 + SBD.
_base_ = './voc12aug_full.py'
labeled = _base_.labeled
labeled.ann_file = '{{ fileDirname }}/../splits/voc12aug/1-100_0_labeled.txt'
train_dataloader = dict(dataset=dict(datasets=[labeled]))
