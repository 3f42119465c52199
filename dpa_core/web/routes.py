"""What is served beside the pages: health, keys, the schema, and files behind a link that works once."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dpa_core import downloads
from dpa_core.access import Forbidden, SignInAgain
from dpa_core.application import Application
from dpa_core.ledger import StoreError
from dpa_core.snapshots.model import json_schema
from dpa_core.snapshots.sign import KeyRing
from dpa_core.web import health, plain
from dpa_core.web.cookies import SessionCookie


def routes(
    application: Application,
    keys: KeyRing,
    cookie: SessionCookie,
    leaves: Callable[[], bool] = lambda: False,
) -> list[BaseRoute]:
    """The routes, for the front of the server. `leaves`: whether it was told to stop."""

    def download(request: Request) -> Response:
        if request.method != "GET":  # a HEAD would use the link up
            return Response(status_code=405, headers={"allow": "GET"})
        session = application.session(request.cookies.get(cookie.name, ""))
        try:
            client = request.client.host if request.client else None
            file = application.take_download(request.path_params["token"], session, client)
        except (downloads.Gone, Forbidden, SignInAgain) as refused:
            return plain.page("This file cannot be downloaded", str(refused), 403)
        except StoreError as error:
            return plain.page("This file cannot be downloaded", str(error), 503)
        return Response(
            file.content,
            media_type=file.media_type,
            headers={
                "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
                "cache-control": "no-store",
            },
        )

    def jwks(_: Request) -> Response:
        return JSONResponse(keys.jwks(), media_type="application/jwk-set+json")

    def schema(_: Request) -> Response:
        return JSONResponse(json_schema(), media_type="application/schema+json")

    return [
        *health.routes(application.ledger.check_writable, leaves),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
        Route("/.well-known/dpa-snapshot-1.schema.json", schema, methods=["GET"]),
        Route("/download/{token}", download, methods=["GET"]),
    ]
