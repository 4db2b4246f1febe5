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


def _freeze(value: object, where: str, level: int) -> Any:
    if type(value) in _SCALARS:
        return value
    if level > MAX_NESTING:
        raise TypeError(f"{where} nests more than {MAX_NESTING} levels deep")
    if isinstance(value, Mapping):
        return FrozenDict(
            {
                _key(key, where): _freeze(item, f"{where}[{key!r}]", level + 1)
                for key, item in value.items()
            }
        )
    if isinstance(value, list | tuple):
        return tuple(
            _freeze(item, f"{where}[{index}]", level + 1) for index, item in enumerate(value)
        )
    # A subclass, such as a StrEnum member, could carry more than JSON says: its base stays.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"{where} is {value!r}: JSON has no such number")
        return float.__float__(value)
    raise TypeError(
        f"{where} is a {type(value).__name__}: only JSON values can be carried "
        "(str, int, float, bool, None, mappings with string keys, lists)"
    )


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where} has a key of type {type(key).__name__}: keys are strings")
    return key if type(key) is str else str.__str__(key)
