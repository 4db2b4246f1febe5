"""Redirections of a syntax tree: where they lead, and what a command reads instead of its input."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ._command import Redirect
from ._grammar import text_of
from ._text import ANYTHING, EMPTY, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tree_sitter import Node

    from ._words import Words


ContentOf: TypeAlias = "Callable[[Text], Text | None]"


@dataclass(slots=True)
class Redirections:
    """What redirections come to.

    ``stdin`` is the input that they give, if they do, and ``descriptors`` those on other numbers.
    ``arguments`` are words of the command, and ``after`` statements, that the grammar leaves in a
    redirection.
    """

    redirects: list[Redirect] = field(default_factory=list)
    stdin: Text | None = None
    descriptors: dict[str, Text] = field(default_factory=dict)
    arguments: list[Node] = field(default_factory=list)
    after: list[Node] = field(default_factory=list)


def read_redirects(
    nodes: Iterable[Node],
    words: Words,
    content_of: ContentOf,
    found: Redirections | None = None,
) -> Redirections:
    """Read redirections in their order, and add them to those that are ``found`` already.

    ``content_of`` says what is in a file, None for a descriptor that nothing is known of.

    An operator begins with the descriptor where that is not the usual one: ``2>``.
    """
    found = Redirections() if found is None else found
    for node in nodes:
        if node.type == "herestring_redirect":
            found.stdin = Text.of(words.value(node.named_children[-1]), "\n")
        elif node.type == "heredoc_redirect":
            _here_document(node, words, content_of, found)
        elif node.type == "file_redirect":
            _file(node, words, content_of, found)
    return found


def _file(node: Node, words: Words, content_of: ContentOf, found: Redirections) -> None:
    descriptor = node.child_by_field_name("descriptor")
    sign = next((text_of(child) for child in node.children if not child.is_named), "")
    number = text_of(descriptor) if descriptor is not None else ""
    if sign in (">&-", "<&-"):
        return  # a descriptor is closed
    targets = node.children_by_field_name("destination")
    found.arguments += targets[1:]
    usual = "0" if sign.startswith("<") else "1"
    operator = sign if number in ("", usual) else number + sign
    for word in words.words(targets[:1]) or [ANYTHING]:
        if sign in (">&", "<&") and re.fullmatch(r"\d*-?", word.literal or "x"):
            if sign == "<&" and number in ("", "0"):  # one descriptor to another
                found.stdin = found.descriptors.get(str(word)) or content_of(descriptor_name(word))
            continue
        found.redirects.append(Redirect(operator, word))
        if operator in ("<", "<>"):
            found.stdin = content_of(word)
        elif sign in ("<", "<>"):
            found.descriptors[number] = content_of(word) or EMPTY


def descriptor_name(number: Text) -> Text:
    """Return the name that a descriptor has as a file."""
    return Text.of("/dev/fd/", number)


def _here_document(node: Node, words: Words, content_of: ContentOf, found: Redirections) -> None:
    opening = next((text_of(c) for c in node.children if c.type == "heredoc_start"), "")
    body = next((child for child in node.children if child.type == "heredoc_body"), None)
    found.stdin = EMPTY
    if body is not None:
        quoted = re.search(r"[\"'\\]", opening) is not None
        indented = any(child.type == "<<-" for child in node.children)
        found.stdin = words.here_document(body, quoted=quoted, indented=indented)
    arguments = node.children_by_field_name("argument")
    found.arguments += arguments
    for child in node.named_children:
        if child.type == "file_redirect":
            _file(child, words, content_of, found)
        elif child not in arguments and not child.type.startswith(("heredoc_", "file_desc")):
            found.after.append(child)
