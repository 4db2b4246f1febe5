"""What every test has: both event loops."""

from typing import Any

import pytest


@pytest.fixture(
    params=[pytest.param("asyncio", id="asyncio"), pytest.param("trio", id="trio")],
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every async test on asyncio and on trio."""
    return request.param
