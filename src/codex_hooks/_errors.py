"""The root of every error that codex-hooks raises on purpose, and the kernel's branch of it.

Each message says what happened and what to do next; what it is about travels as attributes.
"""

from __future__ import annotations


class CodexHooksError(Exception):
    """The root of the tree: catch it to catch all that codex-hooks raises on purpose.

    ``plugin``, ``hook`` and ``correlation_id`` name what the error is about, where known.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str | None = None,
        hook: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.hook = hook
        self.correlation_id = correlation_id


class PluginError(CodexHooksError):
    """A plugin cannot be taken as it is: wrong shape, unknown hook, name in use (K9, K11)."""


class OptionsError(PluginError):
    """A plugin cannot work by the options that it is given; start-up stops (K11).

    For plugins to raise too, about what their model alone cannot see: a file that is named, say.
    """


class DiscoveryError(PluginError):
    """Installed plugins cannot be loaded as the settings demand; start-up stops (K11)."""


class SettingsError(CodexHooksError):
    """A settings file cannot be read, understood or followed; start-up stops (K11)."""
