"""Certificates: an unknown one is refused and says what to do, a named one is trusted."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import hostile_engine as hostile
import pytest

from openmanager_core.errors import SourceUnavailable
from openmanager_core.resilience import Breaker
from openmanager_core.source.prometheus.access import Access
from openmanager_core.source.prometheus.engine import Engine
from openmanager_core.source.prometheus.transport import Transport
from openmanager_core.source.settings import SourceSettings

x509 = pytest.importorskip("cryptography.x509")

pytestmark = pytest.mark.anyio

ONE = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"server":"a"},"value":[1,"0.5"]}]}}'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for loopback that nobody vouches for but itself, and a server's context with it."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "engine")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


async def ask(url: str, **settings: object) -> object:
    found = SourceSettings(kind="prometheus", url=url, timeout_s=5.0, **settings)  # type: ignore[arg-type]
    engine = Engine(Transport(Access.from_settings(found, {}), Breaker("the engine")))
    try:
        return await engine.query("up", 1.0)
    finally:
        await engine.transport.aclose()


async def test_a_certificate_is_trusted_when_named_or_when_nobody_looks(
    certificate: tuple[Path, ssl.SSLContext],
) -> None:
    path, context = certificate
    async with hostile.engine(hostile.answer(ONE), tls=context) as fake:
        assert await ask(fake.url, ca_file=str(path)) == [({"server": "a"}, 0.5)]
        assert await ask(fake.url, tls_verify=False) == [({"server": "a"}, 0.5)]
        with pytest.raises(SourceUnavailable, match=r"certificate of .* is not trusted.*ca_file"):
            await ask(fake.url)
        assert len(fake.asked) == 2
