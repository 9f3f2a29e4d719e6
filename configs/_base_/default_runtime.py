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

# mmengine's own hooks and those of every run (seeding, resume, preemption,
# checks) need no line; default_hooks.NAME=None switches one off.
runner_type = 'ClassMixRunner'
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    checkpoint=dict(
        type='SafeCheckpointHook',
        by_epoch=False,
        interval=500,
        max_keep_ckpts=2,
        save_best='mIoU',
        rule='greater',
        backend_args=dict(backend='atomic_local'),
    ),
    # The masks and pictures of tools/test.py.
    visualization=dict(type='SegVisualizationHook'),
    # What the student is trained on: docs/monitoring.md.
    mix_visualization=dict(type='MixVisualizationHook', interval=500),
    non_finite=dict(type='NonFiniteHook'),
    # How the networks are executed: docs/performance.md.
    execution=dict(type='ExecutionHook'),
    # Also for mmseg's tools/test.py, which builds mmengine's own runner.
    preflight=dict(type='PreflightHook'),
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
