"""An index that knows which draw of the run it is."""


class Draw(int):
    """A dataset index with the key of its random numbers.

    Augmentation that is seeded from the key, not from the worker, is the same
    for any number of workers and processes and after any resume.

    Args:
        index: Index into the dataset.
        key: What identifies the draw: (run seed, source, number of the draw).
    """

    key: tuple[int, ...]

    def __new__(cls, index: int, key: tuple[int, ...] = ()) -> 'Draw':
        """Make an integer that carries the key."""
        draw = super().__new__(cls, index)
        draw.key = key
        return draw
