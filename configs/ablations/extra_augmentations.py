# Color jitter and blur of the mixed images (Table 3).
_base_ = '../classmix/{{$ABLATION_BASE:cityscapes_1-8}}.py'
model = dict(
    batch_transforms=[
        dict(type='ClassMix'),
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
                # A tenth of 512x1024.
                dict(
                    type='RandomGaussianBlur',
                    kernel_size=(51, 103),
                    sigma=(0.15, 1.15),
                    p=0.5,
                ),
            ],
        ),
    ]
)
