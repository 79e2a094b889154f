"""As an OAuth resource server: which tokens of an issuer are taken, and where clients learn whom to ask."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from access_served import caller, site, text_of
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from openmanager_core.errors import ConfigError
from openmanager_kit.access import oauth
from openmanager_kit.access.oauth import IssuerTokens

pytestmark = pytest.mark.anyio
ISSUER, AUDIENCE = "https://login.example", "https://ops.example"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issuer:
    """Serves public keys, and counts how often it is asked."""

    url: str = ""
    asked: int = 0
    keys: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False


def public(key: Any, kid: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if hasattr(key, "private_numbers") and key is not EC else None
    to_jwk = (algorithm or jwt.algorithms.ECAlgorithm).to_jwk
    return {**json.loads(to_jwk(key.public_key())), "kid": kid, "use": "sig"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    it = Issuer(keys=[public(RSA, "one"), public(EC, "two")])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            it.asked += 1
            body = b"<html>" if it.broken else json.dumps({"keys": it.keys}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    it.url = f"http://127.0.0.1:{server.server_port}/keys"
    yield it
    server.shutdown()
    server.server_close()
    thread.join(5)


def made(key: Any = RSA, kid: str = "one", algorithm: str = "RS256", **claims: Any) -> str:
    """A token as the issuer would make it, but for what is said."""
    said = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "kim", "exp": time.time() + 600, "scope": "openmanager:operator email",
        **claims,
    }  # fmt: skip
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


@pytest.mark.parametrize(
    "token",
    [
        made(),
        made(EC, "two", "ES256"),
        made(algorithm="PS256"),
        made(aud=[AUDIENCE, "another"]),
        made(scope=None, scp=["openmanager:viewer", "openmanager:operator"]),
    ],
)
async def test_a_token_of_the_issuer_is_taken_with_the_role_of_its_scopes(issuer: Issuer, token: str) -> None:
    found = await IssuerTokens(ISSUER, AUDIENCE, issuer.url).verify_token(token)
    assert found is not None and found.subject == "kim" and "openmanager:operator" in found.scopes
    assert token not in repr(found)


def forged_with_the_public_key() -> str:
    """HS256 with the public key as the secret, which confused libraries once."""
    import base64
    import hashlib
    import hmac

    head, body, _ = made().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one"}).encode()).rstrip(b"=").decode()
    secret = json.dumps(public(RSA, "one")).encode()
    seal = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(seal).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "token",
    [
        made(OTHER),
        made(OTHER, kid=""),
        made(kid="unknown"),
        made(EC, "one", "ES256"),
        made(iss="https://evil.example"),
        made(aud="https://elsewhere.example"),
        made(aud=None),
        made(exp=time.time() - 60),
        made(exp=None),
        made(sub=None),
        made(nbf=time.time() + 600),
        jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "kim", "exp": time.time() + 600}, None, algorithm="none"),
        forged_with_the_public_key(),
        "a.b.c",
        "..",
        "x" * 20_000 + ".y.z",
        "only text",
        "ÿ.ÿ.ÿ",
    ],
)
async def test_any_other_token_is_not(issuer: Issuer, token: str) -> None:
    assert await IssuerTokens(ISSUER, AUDIENCE, issuer.url).verify_token(token) is None


async def test_forgeries_do_not_make_it_ask_the_issuer_again_and_again(issuer: Issuer) -> None:
    tokens = IssuerTokens(ISSUER, AUDIENCE, issuer.url)
    for number in range(20):
        assert await tokens.verify_token(made(OTHER, kid=f"new-{number}")) is None
    assert await tokens.verify_token(made()) is not None
    assert issuer.asked == 1


async def test_a_new_key_is_found_and_one_taken_back_is_not_used(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = IssuerTokens(ISSUER, AUDIENCE, issuer.url)
    assert await tokens.verify_token(made()) is not None
    monkeypatch.setattr(oauth, "_ASK_AGAIN_S", -1.0)
    issuer.keys = [public(OTHER, "three")]
    assert await tokens.verify_token(made(OTHER, "three")) is not None
    monkeypatch.setattr(oauth, "_KEYS_S", -1.0)
    assert await tokens.verify_token(made()) is None


async def test_an_issuer_that_is_away_ends_nobody_s_work_at_once(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = IssuerTokens(ISSUER, AUDIENCE, issuer.url)
    assert await tokens.verify_token(made()) is not None
    issuer.broken = True
    monkeypatch.setattr(oauth, "_ASK_AGAIN_S", -1.0)
    monkeypatch.setattr(oauth, "_KEYS_S", -1.0)
    assert await tokens.verify_token(made(sub="lee")) is not None
    monkeypatch.setattr(oauth, "_LONGEST_AWAY_S", -1.0)
    assert await tokens.verify_token(made(sub="lee")) is None


@pytest.mark.parametrize(
    ("issuer_url", "audience", "keys", "why"),
    [
        (ISSUER, AUDIENCE, "", "belong together"),
        ("", AUDIENCE, "https://login.example/keys", "belong together"),
        (ISSUER, AUDIENCE, "http://login.example/keys", "must be an https address"),
        (ISSUER, AUDIENCE, "http://127.0.0.1.evil.example/keys", "must be an https address"),
        (ISSUER, AUDIENCE, "file:///etc/passwd", "must be an https address"),
    ],
)
def test_settings_that_cannot_be_are_refused(issuer_url: str, audience: str, keys: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        IssuerTokens(issuer_url, audience, keys)


async def test_over_http_the_way_to_the_issuer_is_shown_and_the_role_counts(tmp_path: Path, issuer: Issuer) -> None:
    settings = {"tokens": False, "issuer": ISSUER, "audience": AUDIENCE, "jwks_url": issuer.url}
    async with site(tmp_path, **settings) as url, httpx2.AsyncClient() as http:
        base = url.removesuffix("/mcp")
        refused = await http.post(url, json={})
        where = f"{AUDIENCE}/.well-known/oauth-protected-resource/mcp"
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == f'Bearer realm="openmanager", resource_metadata="{where}"'
        told = await http.get(base + where.removeprefix(AUDIENCE))
        assert told.status_code == 200
        assert told.json() == {
            "resource": AUDIENCE,
            "authorization_servers": [ISSUER],
            "scopes_supported": ["openmanager:viewer", "openmanager:operator", "openmanager:admin"],
            "bearer_methods_supported": ["header"],
        }
        assert (await http.get(f"{base}/.well-known/oauth-protected-resource/other/mcp")).status_code == 404
        assert (await http.get(told.url, headers={"host": "evil.example"})).status_code == 421
        for scope in ("email", None):
            head = {"authorization": f"Bearer {made(scope=scope)}"}
            without = await http.post(url, json={}, headers=head)
            assert without.status_code == 403
            said = without.headers["www-authenticate"]
            assert 'error="insufficient_scope", scope="openmanager:viewer"' in said
            assert (await http.get(f"{base}/metrics", headers=head)).status_code == 403
        async with caller(url, made()) as client:
            assert text_of(await client.call_tool("who", {})) == f"{ISSUER}#kim operator"


async def test_an_audience_that_is_no_address_leaves_the_endpoint_its_own(tmp_path: Path, issuer: Issuer) -> None:
    settings = {"tokens": False, "issuer": ISSUER, "audience": "openmanager", "jwks_url": issuer.url}
    async with site(tmp_path, **settings) as url, httpx2.AsyncClient() as http:
        told = await http.get(url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp"))
    assert told.json()["resource"] == url
