"""Numbers of a configuration that cannot work are refused, before anything is started."""

from __future__ import annotations

from ._errors import ConfigError


def check_counts(config: object, *names: str) -> None:
    """Raise `ConfigError` unless each attribute that is named is 1 or more."""
    for name in names:
        if getattr(config, name) < 1:
            raise ConfigError(f"{name}={getattr(config, name)}: it has to be at least 1")


def check_times(config: object, *names: str) -> None:
    """Raise `ConfigError` unless each attribute that is named is more than 0 seconds."""
    for name in names:
        if not getattr(config, name) > 0:
            raise ConfigError(f"{name}={getattr(config, name):g}: give more than 0 seconds")
