# DACS (Tranheden et al., WACV 2021): labeled GTA5, unlabeled Cityscapes, on
# one GPU 2 + 2 images, 250k iterations. As in its published code: network and
# initial weights, learning rate, sizes and crops, jitter and blur, and how
# pixels are weighed. Other than there: all four branches of the head and
# Nesterov momentum (docs/paper_and_code.md); jitter and blur are drawn for
# every image; pixels that GTA5 ignores are no class that could be pasted.
_base_ = './gta5_source_only.py'
model = dict(
    _delete_=True,
    type='MeanTeacherSegmentor',
    segmentor=_base_.model,
    batch_transforms=[
        dict(type='ClassMix', source='labeled', round_up=True),
        dict(
            type='KorniaAugment',
            transforms=[
                dict(
                    type='ColorJiggle',
                    brightness=0.25,
                    contrast=0.25,
                    saturation=0.25,
                    hue=0.25,
                    p=0.8,
                ),
                # A tenth of 512x512.
                dict(
                    type='RandomGaussianBlur',
                    kernel_size=(51, 51),
                    sigma=(0.15, 1.15),
                    p=0.5,
                ),
            ],
        ),
    ],
    unsup_loss=dict(type='PseudoLabelLoss', weighting='proportion_per_batch'),
)
train_dataloader = dict(
    batch_size=4,
    sampler=dict(batch_size=4, source_ratio=[1, 1]),
    dataset=dict(datasets=[_base_.labeled, _base_.unlabeled]),
)
custom_hooks = [dict(type='MeanTeacherHook')]
val_cfg = dict(type='TeacherStudentValLoop')
default_hooks = dict(checkpoint=dict(save_best='student/mIoU'))
