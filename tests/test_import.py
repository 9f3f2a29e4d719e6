"""What an import of the package costs: nothing beyond mmseg itself."""

import sys

from support import run_process

SCRIPT = """
import sys
import mmseg.evaluation
import mmseg.models
before = {name.split('.')[0] for name in sys.modules}
import mmseg_classmix
from mmseg.registry import TRANSFORMS
assert TRANSFORMS.get('KorniaAugment') is not None
after = {name.split('.')[0] for name in sys.modules}
print('new:', sorted(after - before - sys.stdlib_module_names))
"""


def test_the_import_needs_no_package_that_mmseg_does_not():
    done = run_process(sys.executable, '-c', SCRIPT)
    assert done.returncode == 0, done.stdout
    assert "new: ['mmseg_classmix']" in done.stdout
