"""mmengine's runner with the hooks that a training of ours cannot lack."""

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, RUNNERS
from mmengine.runner import BaseLoop, Runner
from torch.nn.parallel import DistributedDataParallel

from mmseg_classmix.distributed.agreement import share_state
from mmseg_classmix.distributed.model_wrapper import unwrap

OF_MMENGINE = (
    'runtime_info',
    'timer',
    'sampler_seed',
    'logger',
    'param_scheduler',
    'checkpoint',
)
#: What is no choice of the user, by the key that switches it off.
HOOKS_OF_EVERY_RUN = dict(
    iter_seed='IterSeedHook',
    resume='ResumeHook',
    preemption='PreemptionHook',
    preflight='PreflightHook',
)


@RUNNERS.register_module()
class ClassMixRunner(Runner):
    """mmengine's runner; it registers what every training needs.

    After a start, a load or a resume every process has the state of rank 0.
    Seeding, exact resume, preemption and the checks before the first
    iteration are there without a line in the config. A hook of the same class
    in ``default_hooks`` or ``custom_hooks`` takes the place of ours, and
    ``default_hooks.NAME=None`` switches any hook off (mmengine allows that
    for its own hooks only). Arguments are those of ``Runner``; configs choose
    this class with ``runner_type = 'ClassMixRunner'``.
    """

    def register_hooks(
        self,
        default_hooks: dict[str, Hook | dict | None] | None = None,
        custom_hooks: list[Hook | dict] | None = None,
    ) -> None:
        """Register the hooks of the config and those of every run."""
        hooks = dict(default_hooks or {})
        known = {
            _class(hook) for hook in [*hooks.values(), *(custom_hooks or ())]
        }
        for name, kind in HOOKS_OF_EVERY_RUN.items():
            hook = hooks.get(name, {})
            if isinstance(hook, dict) and HOOKS.get(kind) not in known:
                hooks[name] = {'type': kind, **hook}
        for name in [name for name, hook in hooks.items() if hook is None]:
            if name not in OF_MMENGINE:
                del hooks[name]
        super().register_hooks(hooks, custom_hooks)

    def load_or_resume(self) -> None:
        """Load or resume a checkpoint, and share what rank 0 has of it."""
        super().load_or_resume()
        model = unwrap(self.model)
        if hasattr(model, 'teacher_updates'):
            model.teacher_updates |= any(map(moves_teacher, self.hooks))
        # Only there does every process hold all weights.
        if isinstance(self.model, DistributedDataParallel):
            optimizer = None
            if isinstance(self._train_loop, BaseLoop):
                optimizer = getattr(self.optim_wrapper, 'optimizer', None)
            share_state(self.model, optimizer, self.iter)


def build_runner(cfg: Config) -> Runner:
    """Build the runner of a config, which is set to ours if it has none."""
    cfg.setdefault('runner_type', ClassMixRunner.__name__)
    return RUNNERS.build(cfg)


def moves_teacher(hook: Hook) -> bool:
    """Whether a hook moves the teacher: it has that class attribute."""
    return bool(getattr(hook, 'moves_teacher', False))


def _class(hook: Hook | dict | None) -> type | None:
    kind = hook.get('type') if isinstance(hook, dict) else type(hook)
    return HOOKS.get(kind) if isinstance(kind, str) else kind
