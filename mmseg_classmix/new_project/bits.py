"""Images of 16 bits, of which training reads the upper 8."""

from collections.abc import Sequence

from mmseg_classmix.new_project.findings import Findings
from mmseg_classmix.new_project.images import brightest

# A maximum below this is nearly black in 8 bits.
DARK = 64 << 8
# Images to look at.
SOME = 16


def check_bits(findings: Findings, title: str, paths: Sequence[str]) -> None:
    """Refuse images whose bits are used in part, as of a 12-bit camera.

    Args:
        findings: Where problems go.
        title: Which images these are.
        paths: Those of them that have 16 bits.
    """
    values = {path: brightest(path) for path in paths[:SOME]}
    bad = [path for path, value in values.items() if value is None]
    if bad:
        findings.refuse(
            f'{title} with 16 bits that cv2 cannot decode',
            'save them again, as PNG',
            bad,
        )
    known = [value for value in values.values() if value is not None]
    if known and max(known) < DARK:
        findings.refuse(
            f'{title} have 16 bits a pixel, but no value beyond {max(known)} '
            f'in the first {len(known)}',
            'the upper 8 of 16 bits are read, which makes these nearly '
            'black: convert them to 8 bits that are used in full',
            paths,
        )
    elif known:
        findings.remark(
            f'{title} with 16 bits a pixel, of which the upper 8 are used: '
            f'{len(paths)}'
        )
