"""Results of many images, written over several runs if need be."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmseg_classmix.checkpoints import AtomicLocalBackend
from mmseg_classmix.deploy.sources import Source

JOURNAL = 'journal.jsonl'
ADVICE = 'Make room: the same command then continues; or choose another --out'


def mask_name(name: str) -> str:
    """Path of the mask of an image below the folder of results."""
    return f'masks/{name}.png'


class ResultsFolder:
    """A folder of results, and a journal of the images that are finished.

    The first line of the journal says how the results are made, every other
    line is a finished image. A run that was stopped is continued by the same
    command.

    Args:
        path: The folder; made if it is missing.
        settings: What decides the results, plain values.
        overwrite: Whether to start again, whatever is there. Results that an
            older journal names are removed.

    Raises:
        FileExistsError: If the folder holds other files, or results that were
            made with other settings.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], overwrite: bool = False
    ) -> None:
        self.path = path
        self._files = AtomicLocalBackend(ADVICE)
        self._journal = path / JOURNAL
        #: What was noted down about the finished images, by their names.
        self.finished: dict[str, dict] = {}
        if self._journal.is_file() and not overwrite:
            self._continue(settings)
            return
        if path.exists() and not overwrite and any(path.iterdir()):
            raise FileExistsError(
                f'--out {path} holds files that this tool has not written: '
                'choose a new folder, or say --overwrite'
            )
        self._remove_old()
        self._files.put_text(json.dumps(settings) + '\n', self._journal)

    def _continue(self, settings: dict[str, Any]) -> None:
        first, *rest = self._journal.read_text('utf-8').split('\n')
        # As the file has it: lists for tuples.
        before, now = json.loads(first), json.loads(json.dumps(settings))
        changed = [
            f'{key} was {before.get(key)!r} and is {now.get(key)!r}'
            for key in {**before, **now}
            if before.get(key) != now.get(key)
        ]
        if changed:
            raise FileExistsError(
                f'--out {self.path} holds results of other settings: '
                f'{"; ".join(changed)}. Choose another folder, or say '
                '--overwrite'
            )
        # After the last newline is what a kill has cut short.
        for line in rest[:-1]:
            record = json.loads(line)
            self.finished[record.pop('name')] = record
        text = '\n'.join([first, *rest[:-1]]) + '\n'
        self._files.put_text(text, self._journal)

    def _remove_old(self) -> None:
        if not self._journal.is_file():
            return
        _, *lines = self._journal.read_text('utf-8').split('\n')
        for line in lines:
            # A line that was cut short names nothing.
            with suppress(ValueError):
                for name in json.loads(line).get('files', ()):
                    (self.path / name).unlink(missing_ok=True)

    def has(self, source: Source) -> bool:
        """Say whether an image is finished, unchanged, and its mask there."""
        record = self.finished.get(source.name)
        return (
            record is not None
            and source.stamp is not None
            and record.get('stamp') == list(source.stamp)
            and (self.path / record['files'][0]).is_file()
        )

    def write(self, name: str, content: bytes) -> None:
        """Write a file below the folder, whole or not at all."""
        self._files.put(content, self.path / name)

    def finish(
        self, source: Source, files: Sequence[str], **record: Any
    ) -> None:
        """Note down that all files of an image are written.

        Args:
            source: The image, or a video.
            files: Their paths below the folder, the first being the one
                without which the image counts as not finished.
            **record: Plain values to keep.
        """
        stamp = source.stamp and list(source.stamp)
        record.update(stamp=stamp, files=list(files))
        self.finished[source.name] = record
        line = json.dumps(dict(name=source.name, **record)) + '\n'
        with open(self._journal, 'a', encoding='utf-8') as file:
            file.write(line)
