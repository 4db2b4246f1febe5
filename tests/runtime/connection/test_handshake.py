from __future__ import annotations

from typing import Any

import pytest

from codex_hooks_runtime._errors import CodexUnsupported, ConfigError
from codex_hooks_runtime._handshake import ClientInfo, initialize_params, server_version


def test_the_client_says_who_it_is_and_asks_for_the_experimental_api() -> None:
    params = initialize_params(ClientInfo(name="n", title="t", version="1"))
    assert params["clientInfo"] == {"name": "n", "title": "t", "version": "1"}
    assert params["capabilities"]["experimentalApi"] is True


@pytest.mark.parametrize("name", ["two\nlines", "half a \ud83d"])
def test_a_client_that_cannot_be_named_in_a_header_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="give printable characters only"):
        ClientInfo(name=name)


@pytest.mark.parametrize(
    ("user_agent", "version"),
    [
        ("codex-hooks/0.163.0 (Debian 12.0.0; x86_64) unknown (codex-hooks; 0.1.0)", (0, 163, 0)),
        ("codex-hooks/0.170.1-alpha.2 (Mac OS 15.1.0; arm64) xterm", (0, 170, 1)),
        ("my/2.0.0 client/1.0.0 (x)", (1, 0, 0)),
    ],
)
def test_the_version_is_the_one_before_the_platform(
    user_agent: str, version: tuple[int, int, int]
) -> None:
    assert server_version({"userAgent": user_agent}) == version


def test_a_server_that_is_too_old_is_refused_by_both_versions() -> None:
    with pytest.raises(CodexUnsupported, match=r"codex 0\.162\.9, and 0\.163\.0 is the oldest"):
        server_version({"userAgent": "codex-hooks/0.162.9 (Debian)"})


@pytest.mark.parametrize("result", [None, {}, {"userAgent": 7}, {"userAgent": "cat (GNU) 9.1"}])
def test_what_has_no_version_is_no_codex(result: Any) -> None:
    with pytest.raises(CodexUnsupported, match="no codex app-server"):
        server_version(result)
