"""What it costs to list very many unlabeled images.

    python tools/dev/list_names.py --names 1000000

makes empty files in a temporary folder, builds ``UnlabeledDataset`` on them
and prints the time and the memory that it takes.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from mmseg_classmix.datasets import UnlabeledDataset

MIB = 2**20


def resident() -> float:
    """Resident memory of this process in MiB (Linux)."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / MIB


def main() -> None:
    """Make the files, list them, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--names', type=int, default=1_000_000)
    names = parser.parse_args().names
    with tempfile.TemporaryDirectory(prefix='names_') as folder:
        for i in range(names):
            Path(folder, f'image_{i:07d}.png').touch()
        before, started = resident(), time.process_time()
        dataset = UnlabeledDataset(data_prefix=dict(img_path=folder))
        seconds = time.process_time() - started
        kept = resident() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f'{len(dataset)} names: {seconds:.1f} s of CPU, peak '
            f'+{peak - before:.0f} MiB, kept +{kept:.0f} MiB'
        )


if __name__ == '__main__':
    main()
