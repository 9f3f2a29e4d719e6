"""The data preprocessor that student and teacher share."""


def common_preprocessor(outer: dict | None, segmentor: dict) -> dict | None:
    """Choose between the preprocessor of a model and of its segmentor.

    Args:
        outer: Config of the model's preprocessor.
        segmentor: Config of its segmentor; loses its ``data_preprocessor``.

    Returns:
        The config there is; None if there is none.

    Raises:
        ValueError: If there are two that differ.
    """
    own = segmentor.pop('data_preprocessor', None)
    if outer and own and outer != own:
        raise ValueError(
            f'data_preprocessor={outer} (of the config or of model) and '
            f'model.segmentor.data_preprocessor={own} differ: change both or '
            'remove one'
        )
    return outer or own
