import pytest
from support import TINY
from tool_process import arguments_for, undisturbed


@pytest.fixture(scope='session')
def uninterrupted(tiny_data, tmp_path_factory):
    """The last checkpoint of tiny_resume.py with 1 and 2 processes."""
    return undisturbed(
        TINY / 'tiny_resume.py', 6, arguments_for, tmp_path_factory
    )
