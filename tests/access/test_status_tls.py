"""`openmanager status` over https: it believes whom it is told to believe, and says what is wrong with the others."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import served
from certificates import certificate
from served_up import Up, up


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = certificate(folder)
    with up(folder / "home", "--tls-cert", str(cert), "--tls-key", str(key), config="minimal") as it:
        assert it.url.startswith("https://")
        it.lines.append(str(cert))
        yield it


@pytest.fixture
def cert(running: Up) -> str:
    """The certificate that the service shows."""
    return running.lines[0]


def asked(home: Path, running: Up, *words: str) -> subprocess.CompletedProcess[str]:
    return served.run(home, ["status", "--url", running.url, *words])


def test_a_private_authority_is_trusted_if_it_is_named(tmp_path: Path, running: Up, cert: str) -> None:
    done = asked(tmp_path, running, "--ca-file", cert)
    assert done.returncode == 0, done.stderr
    assert "openmanager-local" in done.stdout and "NOT READY" not in done.stdout


def test_ssl_cert_file_is_looked_at(
    tmp_path: Path, running: Up, cert: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", cert)
    assert asked(tmp_path, running).returncode == 0


def test_another_authority_is_not_enough_and_both_together_are(
    tmp_path: Path, running: Up, cert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = str(certificate(tmp_path, "another")[0])
    refused = asked(tmp_path, running, "--ca-file", other)
    assert refused.returncode == 1 and "shows a certificate that is not trusted" in refused.stderr
    monkeypatch.setenv("SSL_CERT_FILE", other)
    assert asked(tmp_path, running, "--ca-file", cert).returncode == 0


def test_a_certificate_that_nobody_vouches_for_is_refused_with_what_to_do(
    tmp_path: Path, running: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    done = asked(tmp_path, running)
    assert done.returncode == 1 and not done.stdout
    base = running.base
    assert f"unreachable: {base} shows a certificate that is not trusted: self-signed certificate" in done.stderr
    assert "--ca-file PATH" in done.stderr and "Traceback" not in done.stderr


def test_a_certificate_for_another_name_is_refused_though_its_authority_is_trusted(
    tmp_path: Path, running: Up, cert: str
) -> None:
    by_name = running.url.replace("127.0.0.1", "localhost")
    done = served.run(tmp_path, ["status", "--url", by_name, "--ca-file", cert])
    assert done.returncode == 1
    assert "not valid for 'localhost'" in done.stderr and "ask by a name that the certificate is for" in done.stderr


def test_http_and_https_are_not_mistaken_for_each_other(tmp_path: Path, running: Up) -> None:
    plain = served.run(tmp_path, ["status", "--url", running.url.replace("https:", "http:")])
    assert plain.returncode == 1 and "unreachable: " in plain.stderr
    with up(tmp_path / "plain", config="minimal") as other:
        done = served.run(tmp_path, ["status", "--url", other.url.replace("http:", "https:")])
    assert done.returncode == 1 and "does not speak TLS" in done.stderr and "check --url: http or https" in done.stderr


@pytest.mark.parametrize("what", ["none", "garbage", "folder"])
@pytest.mark.parametrize("named", ["--ca-file", "SSL_CERT_FILE"])
def test_certificates_that_cannot_be_read_end_it_with_2_and_the_reason(
    tmp_path: Path, running: Up, monkeypatch: pytest.MonkeyPatch, what: str, named: str
) -> None:
    path = tmp_path / what
    if what == "garbage":
        path.write_text("no certificate")
    elif what == "folder":
        path.mkdir()
    words = ["--ca-file", str(path)] if named == "--ca-file" else []
    if not words:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    done = asked(tmp_path, running, *words)
    assert done.returncode == 2 and f"{named} names {path}, which holds no certificates (PEM)" in done.stderr


def test_a_file_of_certificates_without_https_is_a_mistake(tmp_path: Path, cert: str) -> None:
    done = served.run(tmp_path, ["status", "--url", "http://127.0.0.1:9", "--ca-file", cert])
    assert done.returncode == 2 and "--ca-file needs an https address" in done.stderr
