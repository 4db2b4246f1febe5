"""What is installed: the entry points of the group ``codex_hooks``, read but not loaded.

Distributions are read one by one, so that one with broken metadata hides no other. Of one
distribution that is on the path twice the first counts, as for imports; two distributions that
offer one plugin name are an error, whatever the settings say about that name (F11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from codex_hooks._errors import DiscoveryError
from codex_hooks._report import SkippedPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from importlib_metadata import EntryPoint, IDistribution

GROUP: Final = "codex_hooks"


@dataclass(frozen=True, slots=True)
class PluginSource:
    """Where an installed plugin comes from.

    ``entry_point`` is the object that it names (``package.module:attribute``), ``path`` the
    folder that the distribution was found in.
    """

    distribution: str
    version: str
    entry_point: str
    path: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.entry_point})"


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """A plugin that a distribution offers; nothing of it is loaded yet."""

    name: str
    source: PluginSource
    entry_point: EntryPoint


def find_installed() -> tuple[dict[str, InstalledPlugin], tuple[SkippedPlugin, ...]]:
    """Return what is offered, by name, and the distributions whose metadata cannot be read.

    Raises `DiscoveryError` where one name is offered twice, naming both distributions (F11).
    """
    import importlib_metadata  # noqa: PLC0415  # only whoever discovers pays for it

    found: dict[str, InstalledPlugin] = {}
    unreadable: list[SkippedPlugin] = []
    seen: set[str] = set()
    for distribution in importlib_metadata.distributions():
        try:
            offered = list(_offers(distribution, seen))
        except Exception as error:  # whatever one distribution holds, the others are looked at
            unreadable.append(_unreadable(distribution, error))
            continue
        for plugin in offered:
            other = found.setdefault(plugin.name, plugin)
            if other is not plugin:
                raise DiscoveryError(
                    f"two distributions offer a plugin named {plugin.name!r}: "
                    f"{other.source} in {other.source.path} and "
                    f"{plugin.source} in {plugin.source.path}: uninstall one of them",
                    plugin=plugin.name,
                )
    return found, tuple(unreadable)


def _offers(distribution: IDistribution, seen: set[str]) -> Iterator[InstalledPlugin]:
    entry_points = distribution.entry_points.select(group=GROUP)
    if not entry_points:
        return
    name, version = distribution.name, distribution.version
    normalized = re.sub(r"[-_.]+", "-", name).lower()
    if normalized in seen:
        return
    seen.add(normalized)
    path = str(distribution.locate_file(""))
    for entry_point in entry_points:
        source = PluginSource(name, version, entry_point.value, path)
        yield InstalledPlugin(entry_point.name, source, entry_point)


def _unreadable(distribution: IDistribution, error: Exception) -> SkippedPlugin:
    name, folder = "unknown distribution", "an unknown folder"
    try:
        folder = str(distribution.locate_file(""))
        name = distribution.name
    except Exception:  # noqa: S110  # what is known by now has to do
        pass
    return SkippedPlugin(name, f"its metadata in {folder} cannot be read: {error!r}", broken=True)
