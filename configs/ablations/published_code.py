# Every choice of the published code (docs/paper_and_code.md).
_base_ = './extra_augmentations.py'
model = dict(
    segmentor=dict(decode_head=dict(dilations=(6, 12))),
    unsup_loss=dict(weighting='proportion_per_batch'),
)
optim_wrapper = dict(optimizer=dict(nesterov=False))
