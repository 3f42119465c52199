"""What is there for anybody, without a sign-in."""

from starlette.applications import Starlette
from starlette.testclient import TestClient

from dpa_core.snapshots.model import json_schema
from dpa_core.snapshots.sign import key_ring
from dpa_core.web.cookies import SessionCookie
from dpa_core.web.routes import routes


def test_the_public_keys_and_the_schema_of_snapshots(application, tmp_path):
    keys = key_ring(tmp_path)
    client = TestClient(Starlette(routes=routes(application, keys, SessionCookie(secure=False))))
    [key] = client.get("/.well-known/jwks.json").json()["keys"]
    assert (key["kid"], key["crv"], "d" in key) == (keys.active.thumbprint(), "Ed25519", False)
    assert client.get("/.well-known/dpa-snapshot-1.schema.json").json() == json_schema()
