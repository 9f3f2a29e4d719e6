"""Runs where mmseg_classmix cannot be imported: mmseg alone with an export.

python stock_process.py EXPORT IMAGE OUT
"""

import json
import runpy
import sys
from pathlib import Path

# An import raises ModuleNotFoundError, also where the package is installed.
sys.modules['mmseg_classmix'] = None

import mmseg  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmseg.apis import (  # noqa: E402
    MMSegInferencer,
    inference_model,
    init_model,
)


def main(export, image, out):
    torch.set_num_threads(1)
    files = f'{export}/config.py', f'{export}/weights.pth'
    model = init_model(*files, device='cpu')
    sample = inference_model(model, image)
    np.save(f'{out}/inference_model.npy', sample.pred_sem_seg.data[0].numpy())
    inferencer = MMSegInferencer(*files, device='cpu')
    mask = inferencer(image, out_dir=f'{out}/visible')['predictions']
    np.save(f'{out}/inferencer.npy', mask)
    text = json.dumps(model.dataset_meta)
    Path(out, 'dataset_meta.json').write_text(text)
    tool = Path(mmseg.__file__).parent / '.mim' / 'tools' / 'test.py'
    sys.argv = [str(tool), *files, '--work-dir', f'{out}/work_dir']
    runpy.run_path(str(tool), run_name='__main__')


if __name__ == '__main__':
    main(*sys.argv[1:])
