"""What a command can reach: Codex's sandboxes, and which of them have to be asked for twice (R9).

Plain data. A preset is Codex's own, without what the user's ``config.toml`` adds to it; what goes
beyond the presets is said by one of the classes, so that nothing is granted that no caller named.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Literal, TypeAlias

from ._errors import ConfigError

if TYPE_CHECKING:
    from ._rpc import JsonObject

SandboxPreset: TypeAlias = Literal["read-only", "workspace-write", "danger-full-access"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOnly:
    """Read everything, write nothing; the network only if said so."""

    network_access: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceWrite:
    """Write in the working folder, the temporary folders and ``writable_roots``.

    ``include_tmp=False`` leaves out ``/tmp`` and ``$TMPDIR``. Raises `ConfigError` for a root that
    is not absolute.
    """

    writable_roots: tuple[Path, ...] = ()
    network_access: bool = False
    include_tmp: bool = True

    def __post_init__(self) -> None:
        roots = tuple(map(Path, self.writable_roots))
        for root in roots:
            if not root.is_absolute():
                raise ConfigError(f"writable root {str(root)!r} is relative: give an absolute path")
        object.__setattr__(self, "writable_roots", roots)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSandbox:
    """No sandbox of Codex's: the caller vouches for one around the whole server."""

    network_access: bool = False


SandboxPolicy: TypeAlias = SandboxPreset | ReadOnly | WorkspaceWrite | ExternalSandbox
"""What a command can reach."""


def sandbox_name(policy: SandboxPolicy) -> str:
    """Return the word that hooks see for ``policy``."""
    match policy:
        case ReadOnly():
            return "read-only"
        case WorkspaceWrite():
            return "workspace-write"
        case ExternalSandbox():
            return "external-sandbox"
    return policy


def sandbox_params(policy: SandboxPolicy) -> JsonObject:
    """Return ``policy`` as ``turn/start`` takes it."""
    match policy:
        case "read-only":
            return sandbox_params(ReadOnly())
        case "workspace-write":
            return sandbox_params(WorkspaceWrite())
        case "danger-full-access":
            return {"type": "dangerFullAccess"}
        case ReadOnly(network_access=network):
            return {"type": "readOnly", "networkAccess": network}
        case WorkspaceWrite(writable_roots=roots, network_access=network, include_tmp=tmp):
            return {
                "type": "workspaceWrite",
                "writableRoots": list(map(str, roots)),
                "networkAccess": network,
                "excludeSlashTmp": not tmp,
                "excludeTmpdirEnvVar": not tmp,
            }
        case ExternalSandbox(network_access=network):
            access = "enabled" if network else "restricted"
            return {"type": "externalSandbox", "networkAccess": access}


def writable_roots(policy: SandboxPolicy, cwd: Path) -> tuple[Path, ...]:
    """Return where a sandboxed command may write; without a sandbox there is no telling."""
    match policy:
        case "workspace-write":
            return writable_roots(WorkspaceWrite(), cwd)
        case WorkspaceWrite(writable_roots=roots, include_tmp=tmp):
            return (cwd, *roots, *((Path("/tmp"), Path(gettempdir())) if tmp else ()))  # noqa: S108
    return ()


def is_privileged(policy: SandboxPolicy) -> bool:
    """Whether commands would run without a sandbox of Codex's, or could write everywhere (R9)."""
    match policy:
        case "danger-full-access" | ExternalSandbox():
            return True
        case WorkspaceWrite(writable_roots=roots):
            return any(root.resolve() == Path(root.anchor) for root in roots)
    return False


def check_privilege(
    policy: SandboxPolicy, *, approved: bool, approval_policy: str, cwd: Path
) -> None:
    """Raise `ConfigError` for a privileged sandbox that is not asked for in every way (R9)."""
    if not is_privileged(policy):
        return
    missing = []
    if not approved:
        missing.append("privileged_escalation_approved=True")
    if approval_policy == "never":
        missing.append("an approval_policy other than 'never'")
    if not cwd.is_absolute():
        missing.append("a scope that does not depend on where this process runs: an absolute cwd")
    if missing:
        raise ConfigError(
            f"the sandbox {sandbox_name(policy)!r} keeps nothing from the agent. To have it all "
            f"the same, give {'; and '.join(missing)}"
        )
