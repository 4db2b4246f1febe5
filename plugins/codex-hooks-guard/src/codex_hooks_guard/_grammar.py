"""Shell text to a syntax tree, with tree-sitter's grammar of bash.

What is too long, too deep, or no bash by that grammar is `Unreadable`, and so is text with
characters that bash and the grammar may take differently: two readings are no reading.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MAX_CHARACTERS: Final = 65_536
"""A longer command is not read; Codex's own tools carry files in patches, not in commands."""

MAX_DEPTH: Final = 120
"""A syntax tree with more levels is not walked."""

_local = threading.local()


class Unreadable(Exception):
    """This text may do anything; the message says why, for a person."""


def parse(code: str) -> Node:
    """Return the root of the tree of ``code``; raises `Unreadable`."""
    if len(code) > MAX_CHARACTERS:
        raise Unreadable(f"it has more than {MAX_CHARACTERS:,} characters")
    for char in code:
        if char not in " \t\n" and (char < " " or char.isspace() or _is_no_character(char)):
            raise Unreadable(f"it has a character, {char!r}, that shells differ about")
    from tree_sitter import Parser  # noqa: PLC0415  # the library loads with the first command

    # A parser is not to be shared between threads, and hooks run in several.
    if not hasattr(_local, "parser"):
        _local.parser = Parser(_language())
    root: Node = _local.parser.parse(code.encode()).root_node
    if root.has_error:
        raise Unreadable(f"it is no bash that can be read: {_where(root)}")
    _check_depth(root)
    return root


def _is_no_character(char: str) -> bool:
    """Whether Unicode gives ``char`` no meaning: half a pair, or free for inner use."""
    return "\ud800" <= char <= "\udfff" or "\ufdd0" <= char <= "\ufdef"


@cache
def _language() -> Language:
    import tree_sitter_bash  # noqa: PLC0415
    from tree_sitter import Language  # noqa: PLC0415

    return Language(tree_sitter_bash.language())


def _where(root: Node) -> str:
    node = root
    while True:
        wrong = next((child for child in node.children if child.has_error), None)
        if wrong is None or wrong.is_missing:
            break
        node = wrong
    return f"near {text_of(node)[:40]!r}"


def _check_depth(root: Node) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in node.children]
        if not level:
            return
    raise Unreadable(f"it is nested more than {MAX_DEPTH} levels deep")


def text_of(node: Node) -> str:
    """Return the source of ``node``."""
    return (node.text or b"").decode()
