"""Where the time of a training step goes, by torch.profiler."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmengine.runner import Runner
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

from mmseg_classmix.models.segmentors import mean_teacher

PREFIX = 'part: '


def time_of_parts(
    runner: Runner, step: Callable[[], None], rounds: int, cuda: bool
) -> dict[str, float]:
    """Run a step under the profiler.

    Args:
        runner: Runner of a mean teacher without a wrapper.
        step: One iteration.
        rounds: How many.
        cuda: Whether to count the time on the GPU, not that on the host.

    Returns:
        Milliseconds of every part in one iteration, the longest first.
    """
    activities = [ProfilerActivity.CPU]
    if cuda:
        activities.append(ProfilerActivity.CUDA)
    with _named(runner), profile(activities=activities) as profiler:
        for _ in range(rounds):
            step()
    # Each part is there twice on a GPU, as a range of both devices.
    events = [
        event
        for event in profiler.key_averages()
        if event.device_type == DeviceType.CPU
    ]
    name = 'device_time_total' if cuda else 'cpu_time_total'
    times = {
        event.key.removeprefix(PREFIX): getattr(event, name) / 1e3 / rounds
        for event in events
        if event.key.startswith(PREFIX)
    }
    if cuda:
        # Its kernels are started by a thread of autograd.
        times['backward'] = sum(
            event.device_time_total / 1e3 / rounds
            for event in events
            if event.key.startswith('autograd::engine::evaluate_function')
        )
    return dict(sorted(times.items(), key=lambda item: -item[1]))


@contextmanager
def _named(runner: Runner) -> Iterator[None]:
    """Give names to the parts of a step, from outside."""
    model, wrapper = runner.model, runner.optim_wrapper
    places = [
        (model.data_preprocessor, 'forward', 'preprocessor'),
        (model.student, 'loss', 'student, labeled'),
        (mean_teacher, 'low_resolution_logits', 'teacher'),
        (mean_teacher, 'label_and_confidence', 'label and confidence'),
        (mean_teacher, 'full_logits', 'student, mixed'),
        (model.unsup_loss, 'forward', 'unsupervised loss'),
        (wrapper, 'backward', 'backward'),
        (wrapper, 'step', 'optimizer'),
    ]
    for transform in model.batch_transforms.transforms:
        places.append((transform, 'transform', type(transform).__name__))
    for hook in runner.hooks:
        for when in ('before_train_iter', 'after_train_iter'):
            places.append((hook, when, type(hook).__name__))
    originals = []
    try:
        for owner, attribute, name in places:
            function = getattr(owner, attribute)
            own = attribute in vars(owner)
            originals.append((owner, attribute, function if own else None))
            setattr(owner, attribute, _recorded(function, PREFIX + name))
        yield
    finally:
        for owner, attribute, function in originals:
            if function is None:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, function)


def _recorded(function: Callable, name: str) -> Callable:
    def call(*args, **kwargs):
        with record_function(name):
            return function(*args, **kwargs)

    return call
