custom_imports = dict(imports=['mmseg_classmix'], allow_failed_imports=False)
default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # Seconds to wait for another process, at the start and later.
    dist_cfg=dict(backend='nccl', timeout=600),
)
# Statistics over the global batch, when there are several processes.
sync_bn = 'torch'
# A resumed run continues exactly only with an explicit seed.
randomness = dict(seed=0)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SafeCheckpointHook',
        by_epoch=False,
        interval=500,
        max_keep_ckpts=2,
        save_best='mIoU',
        rule='greater',
        backend_args=dict(backend='atomic_local'),
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
    iter_seed=dict(type='IterSeedHook'),
    plain_checkpoint=dict(type='PlainCheckpointHook'),
    resume=dict(type='ResumeHook'),
    preemption=dict(type='PreemptionHook'),
    rank_agreement=dict(type='RankAgreementHook'),
    non_finite=dict(type='NonFiniteHook'),
    data_check=dict(type='DataCheckHook'),
    checkpoint_check=dict(type='CheckpointCheckHook'),
    # docs/monitoring.md
    mix_visualization=dict(type='MixVisualizationHook', interval=500),
    # How the networks are executed: docs/performance.md.
    execution=dict(type='ExecutionHook'),
)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='SegLocalVisualizer', vis_backends=vis_backends, name='visualizer'
)
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
resume = False

val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
tta_model = dict(type='SegTTAModel')
