"""Options and what is none among the words after a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._text import Text


def after_options(words: Sequence[Text], *, values: str) -> list[Text]:
    """Return the words that are no options; ``values`` are the options that take a word more."""
    with_value = values.split()
    found: list[Text] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word.literal == "--":
            return [*found, *words[place + 1 :]]
        if word.head[:1] == "-" and word.literal != "-":
            place += word.literal in with_value
        else:
            found.append(word)
        place += 1
    return found


def has_flag(words: Sequence[Text], *flags: str) -> bool:
    """Whether one of ``flags`` is there: written out, or among short ones in a cluster."""
    return any(is_flag(word.literal or "", flag) for word in words for flag in flags)


def is_flag(word: str, flag: str) -> bool:
    """Whether ``word`` gives ``flag``, also as ``--flag=value``, ``-xf`` or shortened."""
    if word == flag:
        return True
    if flag.startswith("--"):
        name = word.partition("=")[0]
        return name == flag or (len(name) > 4 and flag.startswith(name))
    return len(flag) == 2 and word[:1] == "-" and word[1:2] not in ("-", "") and flag[1] in word[1:]


def option_values(words: Sequence[Text], *options: str) -> list[Text]:
    """Return what is given to ``options``: the word after, after ``=``, or after a short one."""
    found: list[Text] = []
    for place, word in enumerate(words):
        for option in options:
            if word.literal == option:
                found += words[place + 1 : place + 2]
            elif word.head.startswith(f"{option}="):
                found.append(word.drop(len(option) + 1))
            elif len(option) == 2 and word.head.startswith(option):
                found.append(word.drop(2))
    return found
