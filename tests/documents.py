"""What the documents tell a reader to type, block by block.

A comment before a block says who runs it:

    <!-- tested: tests/x.py::test_y -->     that test does
    <!-- needs: Cityscapes, 2 GPUs -->      nobody here can: see NEEDS

Both may stand in one comment, separated by a semicolon.
"""

import re
import shlex
from dataclasses import dataclass, field
from functools import cache

from markdown_it import MarkdownIt
from support import ROOT

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md'] + sorted(
    (ROOT / 'docs').glob('*.md')
)
NEEDS = {
    'Cityscapes',
    'VOC',
    'CamVid',
    'GPU',
    '2 GPUs',
    'several hosts',
    'Slurm',
    'minutes',
    'weights',
    'your own files',
    'a fresh environment',
}
COMMANDS = {
    *('python', 'python3', 'pip', 'pytest', 'ruff', 'bash', 'cp', 'export'),
    *('pre-commit', 'source', 'sphinx-build', 'scontrol', 'mim', 'ln', 'tail'),
    *('if', 'then', 'fi', 'exit', '['),
}
MARK = re.compile(r'\A<!--(.*)-->\s*\Z', re.DOTALL)
HEREDOC = re.compile(r"<<\s*'?(\w+)'?\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
SUBSTITUTION = re.compile(r'\$\((.+)\)')
ASSIGNMENT = re.compile(r'\A[A-Za-z_]+=')


@dataclass
class Block:
    """A fenced block.

    Attributes:
        place: Page and line.
        kind: 'bash', 'python' or 'text'.
        text: What is in it.
        needs: What the reader must have, of ``NEEDS``.
        tested: Tests that run it.
    """

    place: str
    kind: str
    text: str
    needs: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)


@dataclass
class Command:
    """A command: variables of its environment, and words."""

    place: str
    env: dict[str, str]
    words: list[str]


@cache
def tokens_of(page):
    """Tokens of a page as markdown-it makes them."""
    return MarkdownIt().enable('table').parse(page.read_text('utf-8'))


def place_of(page, line):
    """Page and line, counted from 1."""
    return f'{page.relative_to(ROOT)}:{line + 1}'


def blocks_of(page):
    """List the fenced blocks of a page; directives of Sphinx are none."""
    found, mark = [], ''
    for token in tokens_of(page):
        if token.type == 'fence' and not token.info.startswith('{'):
            block = Block(
                place_of(page, token.map[0]),
                _kind(token.info, token.content),
                token.content,
            )
            _read_mark(block, mark)
            found.append(block)
        match = MARK.match(token.content)
        mark = match[1] if token.type == 'html_block' and match else ''
    return found


def inline_code_of(page):
    """List (place, text) of all inline code, that in tables included."""
    return [
        (place_of(page, token.map[0]), child.content)
        for token in tokens_of(page)
        if token.type == 'inline'
        for child in token.children
        if child.type == 'code_inline'
    ]


def _kind(info, text):
    if info in ('bash', 'shell', 'console'):
        return 'bash'
    if info:
        return info
    # Without a language: a command, or what something looks like.
    first = next(iter(text.split()), '')
    command = first in COMMANDS or first.startswith('tools/')
    return 'bash' if command or ASSIGNMENT.match(first) else 'text'


def _read_mark(block, mark):
    for part in filter(None, mark.split(';')):
        key, _, values = part.partition(':')
        if key.strip() in ('needs', 'tested'):
            names = [value.strip() for value in values.split(',')]
            getattr(block, key.strip()).extend(names)


def commands_of(place, text):
    """Split a shell text into its commands.

    Text that is fed to a command (a heredoc) becomes its last word.
    """
    fed = []

    def note(match):
        fed.append(match[2])
        return f' heredoc{len(fed) - 1}\n'

    text = HEREDOC.sub(note, text.replace('\\\n', ' '))
    found = []
    for line in text.splitlines():
        for inner in SUBSTITUTION.findall(line):
            found += commands_of(place, inner)
        line = SUBSTITUTION.sub('SUBSTITUTED', line)
        lexer = shlex.shlex(line, posix=True, punctuation_chars='&|;')
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ';']:
            if set(word) <= set('&|;'):
                found += _command(place, words)
                words = []
            else:
                number = re.fullmatch(r'heredoc(\d+)', word)
                words.append(fed[int(number[1])] if number else word)
    return found


def _command(place, words):
    env = {}
    while words and ASSIGNMENT.match(words[0]):
        key, _, env[key] = words[0].partition('=')
        words = words[1:]
    # A synopsis: what is optional there is as good as written.
    if words and words[0] != '[':
        words = [word.strip('[]') for word in words if word.strip('[].')]
    return [Command(place, env, words)] if words else []
