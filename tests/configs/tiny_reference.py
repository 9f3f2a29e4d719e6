# What tests/reference.py computes too: the images as they are, in the files,
# frozen batch-norm weights, bottlenecks, 3 + 3 images (a ring of 3 has a
# direction), 5 classes (half of them is not a whole number). Float64.
_base_ = './tiny_double.py'
max_iters = 5
labeled, unlabeled = _base_.labeled, _base_.unlabeled
labeled.pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
unlabeled.pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=6,
    sampler=dict(batch_size=6),
    dataset=dict(datasets=[labeled, unlabeled]),
)
model = dict(
    segmentor=dict(
        backbone=dict(
            depth=50,
            num_stages=2,
            out_indices=(1,),
            strides=(1, 2),
            dilations=(1, 2),
            style='caffe',
            contract_dilation=False,
            # With frozen norms it would switch every block off.
            zero_init_residual=False,
            norm_cfg=dict(type='BN', requires_grad=False),
        ),
        decode_head=dict(
            in_channels=32,
            in_index=0,
            num_classes=5,
            dilations=(1, 2, 3, 4),
            # Some pixels are confident from the start, and biases decay.
            init_cfg=dict(type='Normal', layer='Conv2d', std=0.05, bias=0.5),
        ),
    ),
    batch_transforms=[dict(type='ClassMix'), dict(type='KeepMasks')],
    unsup_loss=dict(threshold=0.6),
)
optim_wrapper = dict(
    # In 5 iterations the published 5e-4 would not be seen.
    optimizer=dict(lr=1e-4, weight_decay=5.0),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10.0))),
)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0,
        begin=0,
        end=max_iters + 1,
        by_epoch=False,
    )
]
train_cfg = dict(max_iters=max_iters)
# The teacher sees a different number of classes in every image.
randomness = dict(seed=3)
val_cfg = val_dataloader = val_evaluator = None
default_hooks = dict(checkpoint=dict(save_best=None))
custom_hooks = [dict(type='MeanTeacherHook'), dict(type='KeepBatches')]
# The log shows this iteration, not a mean over ten.
log_processor = dict(window_size=1)
