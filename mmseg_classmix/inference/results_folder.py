"""Results of many images, written over several runs if need be."""

import json
from pathlib import Path
from typing import Any

from mmseg_classmix.fileio import AtomicLocalBackend

JOURNAL = 'journal.jsonl'


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
        overwrite: Whether to start again, whatever is there.

    Raises:
        FileExistsError: If the folder holds other files, or results that were
            made with other settings.
    """

    def __init__(
        self, path: Path, settings: dict[str, Any], overwrite: bool = False
    ) -> None:
        self.path = path
        self._files = AtomicLocalBackend()
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

    def has(self, name: str) -> bool:
        """Say whether an image is finished, and its mask still there."""
        return (
            name in self.finished and (self.path / mask_name(name)).is_file()
        )

    def write(self, name: str, content: bytes) -> None:
        """Write a file below the folder, whole or not at all."""
        self._files.put(content, self.path / name)

    def finish(self, name: str, **record: Any) -> None:
        """Note down that all files of an image are written.

        Args:
            name: Name of the image.
            **record: Plain values to keep.
        """
        self.finished[name] = record
        line = json.dumps(dict(name=name, **record)) + '\n'
        with open(self._journal, 'a', encoding='utf-8') as file:
            file.write(line)
