"""The error of a config that --model cannot take."""


class UnfitNetwork(ValueError):
    """A network that cannot be trained here.

    Args:
        what: What is wrong.
        way_out: What to do about it.
    """

    def __init__(
        self, what: str, way_out: str = 'name the config of another network'
    ) -> None:
        super().__init__(what)
        self.way_out = way_out
