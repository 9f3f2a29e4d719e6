# What all data sets load and evaluate alike.
train_dataloader = dict(
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', source_ratio=[1]),
    dataset=dict(type='MultiSourceDataset'),
)
val_dataloader = dict(
    batch_size=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
