"""In the place of yapf, in the tests: leaves the layout of a config as it is.

mmengine lays a config out for the log, for its files and for every
checkpoint: half a second each time, three quarters of a short run.
"""

__version__ = '0.40.2'
