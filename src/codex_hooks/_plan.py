"""Who is asked for one hook, and in which order: immutable, and replaced as a whole (K1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from codex_hooks._context import HookContext
    from codex_hooks._match import HookMatcher
    from codex_hooks._specs import OnError


class Style(Enum):
    """How an implementation is run."""

    INLINE = "inline"
    THREAD = "thread"
    ASYNC = "async"


@dataclass(frozen=True, slots=True, eq=False)
class Implementation:
    """One function of one plugin, with all that is needed to call it and to judge its answer."""

    plugin: str
    scope: str
    hook: str
    call: Callable[..., Any]
    style: Style
    timeout: float
    on_error: OnError | None
    recheck: bool | None
    match: HookMatcher | None
    observe: bool
    wrapper: bool
    zone: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One hook's implementations in the order in which they are called, wrappers outermost first.

    ``narrowed`` says that some of them have a matcher.
    """

    implementations: tuple[Implementation, ...] = ()
    wrappers: tuple[Implementation, ...] = ()
    narrowed: bool = False

    def for_context(self, ctx: HookContext) -> Plan:
        """Return the plan without those whose matcher does not hold for ``ctx`` (K13)."""
        if not self.narrowed:
            return self
        return _plan_of(
            item
            for item in self.wrappers + self.implementations
            if item.match is None or item.match.matches(ctx)
        )


EMPTY_PLAN: Final = Plan()

Compiled: TypeAlias = "dict[str, tuple[Implementation, ...]]"
"""A plugin's implementations by hook."""


def merge(parts: Iterable[Compiled], hook: str) -> Plan:
    """Return the plan of ``hook`` for plugins that come in their K1 order: zones, then as given."""
    found = [item for part in parts for item in part.get(hook, ())]
    return _plan_of(sorted(found, key=lambda item: item.zone))


def _plan_of(ordered: Iterable[Implementation]) -> Plan:
    items = tuple(ordered)
    return Plan(
        implementations=tuple(item for item in items if not item.wrapper),
        wrappers=tuple(item for item in items if item.wrapper),
        narrowed=any(item.match is not None for item in items),
    )
