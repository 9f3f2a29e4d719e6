"""What all trials share: pictures, lists, and undisturbed runs."""

import os
import threading
from pathlib import Path

from mmengine.config import Config

from drill.runs import OneProcess, Run, TwoProcesses
from mmseg_classmix.demo.street_scenes import write_street_scenes

LABELED, UNLABELED, VAL = 4, 12, 2
SIZE = (64, 128)
TEMPLATE = Path(__file__).with_name('config.py')
# Of the template, what a training needs.
KEYS = (
    *('custom_imports', 'default_scope', 'env_cfg', 'sync_bn', 'randomness'),
    *('train_dataloader', 'val_dataloader', 'val_evaluator'),
    *('data_preprocessor', 'model', 'optim_wrapper', 'param_scheduler'),
    *('train_cfg', 'val_cfg', 'default_hooks', 'custom_hooks'),
    *('vis_backends', 'visualizer', 'log_processor', 'log_level'),
)


class Workspace:
    """A folder with a drawn data set and one reference per process count.

    Args:
        root: Folder; made if missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.data = self.root / 'data'
        self.config = self.root / 'config.py'
        self.runs: list[Run] = []
        self._references: dict[int, Run] = {}
        self._locks = {1: threading.Lock(), 2: threading.Lock()}

    def prepare(self) -> None:
        """Draw the images, and write the lists and the config."""
        count = LABELED + UNLABELED
        splits = {'train': count, 'val': VAL}
        write_street_scenes(self.data, splits, SIZE)
        names = [f'train_{i:04d}\n' for i in range(count)]
        lists = dict(labeled=names[:LABELED], unlabeled=names[LABELED:])
        for name, listed in lists.items():
            (self.data / f'{name}.txt').write_text(''.join(listed))
        os.environ['DRILL_DATA'] = str(self.data)
        cfg = Config.fromfile(TEMPLATE)
        # Formatting a long config takes most of the time of a small save.
        for key in set(cfg.keys()) - set(KEYS):
            cfg.pop(key)
        cfg.dump(self.config)

    def run(self, kind: type[Run], *place: str, **options) -> Run:
        """Make a run in a folder of its own; see :class:`Run`."""
        run = kind(self.root.joinpath(*place), self.config, **options)
        run.clear()
        self.runs.append(run)
        return run

    def reference(self, processes: int) -> Run:
        """Return the undisturbed run, which the first who asks computes."""
        kind = {1: OneProcess, 2: TwoProcesses}[processes]
        with self._locks[processes]:
            if processes not in self._references:
                run = self.run(kind, 'reference', str(processes))
                run.start()
                run.end_well()
                self._references[processes] = run
        return self._references[processes]

    def close(self) -> None:
        """End every process that still runs."""
        for run in self.runs:
            run.group.kill()
