"""``$name`` and ``${name…}``: what a parameter expansion may give.

What is trimmed or replaced is worked out where the value is known; a part that is cut out of a
value that is not known may be anything.
"""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final

from ._grammar import text_of
from ._text import AMBIENT, ANYTHING, EMPTY, Hole, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tree_sitter import Node

    from ._shell import Shell
    from ._words import Words

WORD_BREAK: Final = "\ufdd8"
"""What stands between the elements of a list: they are words of their own, even in quotes."""

_NAMES: Final = ("variable_name", "special_variable_name")
_FORM: Final = re.compile(
    r"\$\{(?P<prefix>[!#]?)(?P<name>\w+|[@*?$!#-])(?P<index>\[[^]]*\])?"
    r"(?P<operator>:?[-=+?]|%%?|##?|//?[#%]?|:|\^\^?|,,?|@)?",
)


def expand_parameter(node: Node, shell: Shell, words: Words) -> list[Text]:
    """Return the alternatives of a ``simple_expansion`` or an ``expansion``."""
    if node.type == "simple_expansion":
        name = text_of(node)[1:]
        values = list(shell.values(name))
        return _listed(values, name, shell, exact=shell.exact) if name in ("@", "*") else values
    form = _FORM.match(text_of(node))
    operands = _operands(node, words)
    if form is None:
        return [ANYTHING]
    name, operator = form["name"], form["operator"] or ""
    if form["prefix"] == "#":
        return [Text.of(Hole.NAME)]  # a number
    values = list(shell.values(name)) or [EMPTY]
    if form["prefix"] == "!":
        return _named_by(values, shell) if not (operator or form["index"]) else [ANYTHING]
    if operator[-1:] in ("-", "="):
        if operator[-1] == "=":
            shell.assign(name, tuple(operands), adds=True)
        return list(dict.fromkeys((*values, *operands)))
    if operator[-1:] == "+":
        return [EMPTY, *operands]
    if operator[-1:] in ("", "?"):
        if name in ("@", "*"):
            return _listed(values, name, shell, exact=shell.exact)
        index = (form["index"] or "")[1:-1]
        return _listed(values, index, shell, exact=False) if index in ("@", "*") else values
    rest = text_of(node)[form.end() : -1]
    return [_changed(value, operator, rest) for value in values]


def _listed(values: Sequence[Text], name: str, shell: Shell, *, exact: bool) -> list[Text]:
    """Return ``values`` as words of their own, and those of ``*`` as one too, as in quotes.

    If they are not ``exact``, any may be the first.
    """
    count = 1 if exact else max(1, len(values))
    found = [Text.join(values[start:], WORD_BREAK) for start in range(count)]
    if name == "*" and shell.separators is not None and shell.separators[:1] != " ":
        found.append(Text.join(values, shell.separators[:1]))
    return found


def _operands(node: Node, words: Words) -> list[Text]:
    """Expand what follows the operator, also for the commands that are in it."""
    after = [child for child in node.named_children if child.type not in (*_NAMES, "subscript")]
    found: list[Text] = [EMPTY]
    for child in after:
        found = [Text.of(start, value) for start in found for value in words.values(child)]
        if len(found) > 16:
            return [ANYTHING]
    for child in node.named_children:
        if child.type == "subscript":
            words.values(child)
    return found


def _named_by(names: list[Text], shell: Shell) -> list[Text]:
    found: list[Text] = []
    for name in names:
        if name.literal is None:
            return [ANYTHING]
        found += shell.values(name.literal)
    return found


def _changed(value: Text, operator: str, rest: str) -> Text:
    text = value.literal
    if operator in ("%", "%%", "#", "##"):
        return _trimmed(value, operator, rest)
    if operator in ("^^", ",,") and not rest:
        return value.map(str.upper if operator == "^^" else str.lower)
    if text is None:
        return ANYTHING
    if operator in ("/", "//") and re.fullmatch(r"[\w./ -]*(\\/[\w./ -]*)*(/[\w./ -]*)?", rest):
        old, _, new = rest.replace("\\/", "\0").partition("/")
        old, new = old.replace("\0", "/"), new.replace("\0", "/")
        return Text.of(text.replace(old, new, 1 if operator == "/" else -1) if old else text)
    if operator == ":" and (found := re.fullmatch(r" ?(-?\d+)(?::(-?\d+))?", rest)):
        start = int(found[1])
        if found[2] is None:
            return Text.of(text[start:])
        length = int(found[2])
        return Text.of(text[start:][:length])
    return ANYTHING


def _trimmed(value: Text, operator: str, pattern: str) -> Text:
    """Cut the shortest or longest start or end that ``pattern`` matches."""
    plain = re.fullmatch(r"[\w./ -]*", pattern) is not None
    at_end = operator[0] == "%"
    if plain and at_end and value.tail.endswith(pattern):
        return value.chop(len(pattern))
    if plain and not at_end and value.head.startswith(pattern):
        return value.drop(len(pattern))
    text = value.literal
    if text is None:
        return ANYTHING if value.is_open else AMBIENT
    if not re.fullmatch(r"[\w./ *?-]*", pattern):
        return ANYTHING
    fits: Callable[[str], object] = re.compile(fnmatch.translate(pattern), re.DOTALL).match
    places = range(len(text) + 1)
    if at_end:
        longest_first = places if operator == "%%" else reversed(places)
        return Text.of(next((text[:place] for place in longest_first if fits(text[place:])), text))
    longest_first = reversed(places) if operator == "##" else places
    return Text.of(next((text[place:] for place in longest_first if fits(text[:place])), text))
