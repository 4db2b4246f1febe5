"""The HTTP face of a scripted model: the two routes that Codex uses, and a refusal of all others.

What is answered is the playback's to say; here it is put into HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from ._request import ModelRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from ._playback import Playback
    from ._sse import Reply


def responses_api(playback: Playback) -> Starlette:
    """Return the application that answers ``POST /v1/responses`` from ``playback``."""

    async def respond(request: Request) -> Response:
        try:
            asked = ModelRequest(await request.json(), dict(request.headers))
        except ValueError as error:
            return _response(playback.refuse(f"a request that is not JSON: {error}", 400))
        return _response(playback.answer(asked))

    async def list_models(_: Request) -> Response:
        # Nothing, in the words of the public API and in those of Codex's own catalogue.
        return JSONResponse({"object": "list", "data": [], "models": []})

    async def refuse(request: Request) -> Response:
        why = f"{request.method} {request.url.path} is not served by a scripted model"
        return _response(playback.refuse(why, 404))

    anything = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/v1/responses", respond, methods=["POST"]),
            Route("/v1/models", list_models),
            Route("/{path:path}", refuse, methods=anything),
        ]
    )


def _response(reply: Reply) -> Response:
    media_type = "text/event-stream" if reply.status == 200 else "application/json"
    return StreamingResponse(_body(reply), reply.status, media_type=media_type)


async def _body(reply: Reply) -> AsyncIterator[str]:
    yield reply.text
    if reply.hangs:
        await anyio.sleep_forever()
