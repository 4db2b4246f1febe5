"""What a record says of a prompt, an input, an output: a digest, and text only where asked for.

The digest is keyed (HMAC-SHA-256, with a random key beside the log): whoever has the log but not
the key cannot test guesses at a short prompt or a password, and whoever has both can tell whether a
known text is the one of the record. Text has passed the redactor and is cut to a length.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

from codex_hooks import CodexHooksError

from codex_hooks_audit._errors import AuditError

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_audit._files import Files

KEY_NAME: Final = "digest.key"
_KEY_BYTES: Final = 32

MAX_NAME: Final = 256
"""Characters of a name that somebody else chose: a tool's, a call's, a plugin's."""


class Content:
    """How content gets into records. ``max_text`` is 0 for digests alone.

    Raises `AuditError` where text is wanted and codex-hooks-redact is not installed.
    """

    def __init__(self, key: bytes, max_text: int = 0) -> None:
        self._key = key
        self._max_text = max_text
        if max_text:
            try:
                from codex_hooks_redact import Redactor  # noqa: PLC0415  # an extra
            except ImportError as error:
                raise AuditError(
                    'text = "redacted" needs codex-hooks-redact: '
                    "pip install 'codex-hooks-audit[redact]', or take the option out"
                ) from error
            self._redactor = Redactor()

    def of(self, value: Any) -> dict[str, Any]:
        """Return what to say of ``value``, which is JSON: its size in bytes and its digest."""
        data = _bytes(value)
        digest = hmac.new(self._key, data, hashlib.sha256).hexdigest()
        said: dict[str, Any] = {"bytes": len(data), "hmac": digest}
        return said | self._text(value) if self._max_text else said

    def _text(self, value: Any) -> dict[str, Any]:
        try:
            redacted = self._redactor.redact_json(value)
        except CodexHooksError as error:
            return {"withheld": str(error)}
        text = redacted.value if isinstance(redacted.value, str) else _json(redacted.value)
        said: dict[str, Any] = {"text": text[: self._max_text]}
        if len(text) > self._max_text:
            said["cut"] = True
        if redacted.found:
            said["masked"] = len(redacted.found)
        return said


def name(text: str | None) -> str | None:
    """Return a name, not longer than names are."""
    return text if text is None or len(text) <= MAX_NAME else f"{text[: MAX_NAME - 1]}…"


def load_key(folder: Path, files: Files) -> bytes:
    """Return the key of the log in ``folder``, made where there is none.

    ``folder`` is one that `prepare` has checked. Raises `AuditError` for a key that was damaged.
    """
    path = folder / KEY_NAME
    fd = files.lock(path)
    try:
        data = os.pread(fd, 4 * _KEY_BYTES, 0)
        if not data:
            data = secrets.token_hex(_KEY_BYTES).encode()
            try:
                files.write_all(fd, data)
                files.sync(fd)
            except OSError:
                os.ftruncate(fd, 0)  # half a key would be taken for a damaged one
                raise
    finally:
        os.close(fd)
    try:
        key = bytes.fromhex(data.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise AuditError(
            f"{path} is damaged: put it back from a copy, or move it away, after which digests of "
            "earlier records can no longer be compared"
        )
    return key


def _bytes(value: Any) -> bytes:
    text = value if isinstance(value, str) else _json(value)
    return text.encode("utf-8", "surrogatepass")


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
