# As cityscapes_512x1024.py, but evaluated at 1024x2048: the logits are
# upsampled to the masks, which keep their resolution.
_base_ = './cityscapes_512x1024.py'
test_pipeline = _base_.test_pipeline
test_pipeline[3] = dict(type='EvaluateAt', size='original_size')
tta_pipeline = _base_.tta_pipeline
tta_pipeline[1].transforms[3] = [dict(type='EvaluateAt', size='original_size')]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
