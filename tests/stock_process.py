"""Runs where mmseg_classmix cannot be imported: mmseg alone with an export.

    python stock_process.py SNIPPET OUT

SNIPPET builds `model` from the files `files`; mmseg's tool then tests them.
"""

import json
import runpy
import sys
from pathlib import Path

# An import raises ModuleNotFoundError, also where the package is installed.
sys.modules['mmseg_classmix'] = None

import mmseg  # noqa: E402
import torch  # noqa: E402


def main(snippet, out):
    torch.set_num_threads(1)
    names = runpy.run_path(snippet)
    text = json.dumps(names['model'].dataset_meta)
    Path(out, 'dataset_meta.json').write_text(text)
    tool = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'test.py'
    sys.argv = [str(tool), *names['files'], '--work-dir', f'{out}/work_dir']
    runpy.run_path(str(tool), run_name='__main__')


if __name__ == '__main__':
    main(*sys.argv[1:])
