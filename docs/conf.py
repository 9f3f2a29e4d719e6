"""Sphinx: sphinx-build -W --keep-going -c docs . docs/_build.

The source folder is that of the repository, so that README.md and
CONTRIBUTING.md are pages and every relative link is one and the same on
GitHub and here.
"""

import sys
from pathlib import Path

from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mmseg_classmix.version import __version__  # noqa: E402

project = 'mmseg_classmix'
author = 'The mmseg_classmix authors'
version = release = __version__
copyright = author

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
]
root_doc = 'docs/index'
include_patterns = ['*.md', 'docs/*.md']
# Sphinx would walk through data/ and work_dirs/.
exclude_patterns = ['docs/_build'] + [
    path.name
    for path in ROOT.iterdir()
    if path.is_dir() and path.name != 'docs'
]

# Links to headings, by the names that GitHub gives them.
myst_heading_anchors = 4

autodoc_typehints = 'signature'
autodoc_member_order = 'bysource'
autodoc_class_signature = 'mixed'
python_use_unqualified_type_names = True
maximum_signature_line_length = 79
smartquotes = False
# Types stand in the signature: what is before a colon is none.
napoleon_use_rtype = False

# A name of ours that leads nowhere is an error. Those of other packages lead
# nowhere: their inventories are on the internet.
nitpicky = True
# As an attribute is annotated, in Sphinx 8.
nitpick_ignore = [('py:class', 'Tensor')]
nitpick_ignore_regex = [('py:.*', r'(?!mmseg_classmix\.)\w+\..*')]

html_theme = 'furo'
html_title = f'mmseg_classmix {__version__}'
html_copy_source = False
# The pages are below docs/: what opens the folder is sent there.
html_extra_path = ['_extra']


def find_short_name(app, env, node, contnode):
    """Find a class that a docstring names without its module."""
    full = node.get('reftarget', '')
    if node.get('refdomain') != 'py':
        return None
    if '.' in full and not full.startswith('mmseg_classmix.'):
        return None
    name = full.rpartition('.')[2]
    domain = env.domains['py']
    found = domain.find_obj(env, None, None, name, node['reftype'], 1)
    # A class is known by the package that exports it and by its own file.
    places = {(entry.docname, entry.node_id) for _, entry in found}
    if len(places) != 1:
        return None
    place = node['refdoc'], *places.pop()
    return make_refnode(app.builder, *place, contnode, name)


def setup(app):
    """Register what this file adds to Sphinx."""
    app.connect('missing-reference', find_short_name)
