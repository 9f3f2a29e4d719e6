# As camvid_1-8_r18.py, half of the images mixed with another labeled one.
_base_ = './camvid_1-8_r18.py'
labeled = _base_.labeled
pack = labeled.pipeline.pop()
mixed = dict(
    type='MultiImageMixDataset',
    dataset=labeled,
    pipeline=[
        dict(type='SampleMix', mix=dict(type='ClassMix'), prob=0.5),
        pack,
    ],
)
train_dataloader = dict(dataset=dict(datasets=[mixed]))
