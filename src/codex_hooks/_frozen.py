"""JSON values that nobody can change in place.

A hook context is handed to every plugin in turn. What one of them could change behind the
kernel's back, the next would see without anyone having decided it (F9), so mappings and lists
inside a context are frozen copies: still ``dict`` and ``tuple`` to read, compare and serialise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

JsonValue: TypeAlias = (
    "str | int | float | bool | Mapping[str, JsonValue] | tuple[JsonValue, ...] | None"
)

_SCALARS: Final = frozenset({str, int, bool, type(None)})


class FrozenDict(dict[str, Any]):
    """A ``dict`` that refuses every change with ``TypeError``; ``|`` gives a plain ``dict``."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("the hook context is frozen: return Mutate(...) from the hook to change it")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # dict has none, being mutable
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, _memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


EMPTY: Final = FrozenDict()

MAX_NESTING: Final = 100
"""How deep frozen JSON may nest: a little less than what the other end of the wire reads."""


MAX_NAME: Final = 40
"""How many characters of a key are repeated in a complaint."""


def freeze(value: object, where: str) -> Any:
    """Return ``value`` as frozen JSON: scalars as they are, mappings and lists copied.

    Raises ``TypeError`` naming ``where`` for anything that JSON cannot say, and for nesting
    deeper than `MAX_NESTING`.
    """
    if type(value) is FrozenDict:
        return value
    return _freeze(value, where, 1)


def freeze_mapping(value: object, where: str) -> FrozenDict:
    """Like `freeze`, for a value that has to be a mapping with string keys."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{where} must be a mapping, not {type(value).__name__}")
    frozen: FrozenDict = freeze(value, where)
    return frozen


def same(one: object, other: object) -> bool:
    """Whether two frozen values say the same in JSON, where ``true``, 1 and 1.0 are three."""
    if type(one) is not type(other):
        return False
    if isinstance(one, FrozenDict) and isinstance(other, FrozenDict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


_Place: TypeAlias = "str | tuple[_Place, str | int]"


def _freeze(value: object, place: _Place, level: int) -> Any:
    # Scalars are looked at before they get here as well, since most values are some.
    if type(value) in _SCALARS:
        return value
    if level > MAX_NESTING:
        raise TypeError(f"{_words(place)} nests more than {MAX_NESTING} levels deep")
    if isinstance(value, Mapping):
        return FrozenDict(
            {
                _key(key, place): (
                    item if type(item) in _SCALARS else _freeze(item, (place, key), level + 1)
                )
                for key, item in value.items()
            }
        )
    if isinstance(value, list | tuple):
        return tuple(
            item if type(item) in _SCALARS else _freeze(item, (place, index), level + 1)
            for index, item in enumerate(value)
        )
    # A subclass, such as a StrEnum member, could carry more than JSON says: its base stays.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{_words(place)} is {value!r}: JSON has no such number")
        return float.__float__(value)
    raise TypeError(
        f"{_words(place)} is a {type(value).__name__}: only JSON values can be carried "
        "(str, int, float, bool, None, mappings with string keys, lists)"
    )


def _key(key: object, place: _Place) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{_words(place)} has a key of type {type(key).__name__}: keys are strings")
    return key if type(key) is str else str.__str__(key)


def _words(place: _Place) -> str:
    """Name a place; of its keys only those that are names, since others may be a prompt (K8)."""
    if isinstance(place, str):
        return place
    outer, key = place
    is_name = isinstance(key, int) or (key.isidentifier() and len(key) <= MAX_NAME)
    return f"{_words(outer)}[{repr(key) if is_name else '…'}]"
