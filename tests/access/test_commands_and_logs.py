"""`openmanager token`, https, and that no secret stands anywhere it should not."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import time
from pathlib import Path

import httpx2
import kit_served
import pytest
from access_served import everything_in
from certificates import certificate
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from openmanager_core.errors import ConfigError, InvalidRequest, NotFound, StorageUnavailable
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.cli.main import main
from openmanager_kit.hosting.binding import check_tls
from openmanager_kit.profile import HttpSettings


def run(home: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main([*words, "--home", str(home), "--config", "minimal"])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_token_is_printed_once_kept_as_a_hash_listed_and_taken_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    code, out, err = run(home, capsys, "token", "create", "--role", "operator", "--name", "Kim", "--expires", "12h")
    token = out.strip()
    assert code == 0 and re.fullmatch(r"om_[0-9a-f]{12}_[\w-]{43}", token) and token not in err
    secret = token.rpartition("_")[2] if "_" not in token[16:] else token[16:]
    assert all(secret.encode() not in content for content in everything_in(home))
    assert (home / "access.sqlite3").stat().st_mode & 0o777 == 0o600
    code, out, _ = run(home, capsys, "token", "list", "--json")
    (row,) = json.loads(out)
    assert (row["name"], row["role"], row["state"]) == ("Kim", "operator", "valid") and secret not in out
    store = TokenStore(home)
    assert store.verify(token) is not None
    assert store.verify(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert run(home, capsys, "token", "revoke", row["id"])[0] == 0
    assert store.verify(token) is None
    assert "revoked" in run(home, capsys, "token", "list")[1]
    code, _, err = run(home, capsys, "token", "revoke", "nothing")
    assert code == 1 and "there is no token 'nothing'" in err


@pytest.mark.parametrize("expires", ["90", "d", "-1d", "1m", "0h", "900000d"])
def test_a_time_that_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], expires: str) -> None:
    code, out, err = run(tmp_path, capsys, "token", "create", "--role", "viewer", "--name", "x", f"--expires={expires}")
    assert code in (1, 2) and not out and "expires" in err


def test_a_token_ends_by_itself(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    _, text = store.mint("short", "viewer", 0.05)
    time.sleep(0.06)
    assert store.verify(text) is None and store.list()[0].state(time.time()) == "expired"


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "\x1b[31m"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidRequest, match="name must be"):
        TokenStore(tmp_path).mint(name, "viewer", 60)


def test_a_newer_or_foreign_file_of_tokens_is_left_as_it_is(tmp_path: Path) -> None:
    import sqlite3

    store = TokenStore(tmp_path)
    with pytest.raises(NotFound):
        store.revoke("0" * 12)
    with sqlite3.connect(tmp_path / "access.sqlite3") as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(StorageUnavailable, match="newer OpenManager"):
        store.list()


def test_https_with_a_log_that_holds_no_token_whatever_is_sent(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    _, token = TokenStore(home).mint("Kim", "admin", 600)
    config = kit_served.profile(home, '[access]\ntokens = true\n[log]\nlevel = "DEBUG"\n')
    process = subprocess.Popen(
        kit_served.command(
            "serve", "bench", "--config", str(config), "--http", "127.0.0.1:0", "--tls-cert", str(cert),
            "--tls-key", str(key),
        ),
        stderr=subprocess.PIPE, env=kit_served.environment(home), text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        while "listens on" not in line:
            assert line
            line = process.stderr.readline()
        url = line.split()[-1]
        assert url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=str(cert))
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "echo", "arguments": {"text": "x"}},
        }
        with httpx2.Client(verify=trust, timeout=20) as http:
            for shown in (token, token + "x", token[:-2], "om_" + "0" * 12 + "_" + "S" * 43, "eyJ.SECRETSECRET.sig"):
                head = {"authorization": f"Bearer {shown}", "accept": "application/json, text/event-stream"}
                reply = http.post(url, json=call, headers=head)
                assert reply.status_code == (200 if shown == token else 401)
                assert shown not in reply.text and shown not in str(reply.headers)
            broken = http.post(url, content=b"{", headers={"authorization": f"Bearer {token}"})
            assert broken.status_code in (400, 406) and token not in broken.text
    finally:
        process.terminate()
        log = process.stderr.read()
        process.wait(10)
        process.stderr.close()
    for secret in (token[16:], token[16:-2], "S" * 43, "SECRETSECRET"):
        assert secret not in log
        assert all(secret.encode() not in content for content in everything_in(home))


def test_a_certificate_that_cannot_be_used_is_said_before_anything_starts(tmp_path: Path) -> None:
    cert, key = map(str, certificate(tmp_path))
    assert check_tls(HttpSettings(tls_cert=cert, tls_key=key)) and not check_tls(HttpSettings())
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )  # fmt: skip
    for cert_file, key_file, why in (
        (cert, "", "belong together"), ("", key, "belong together"), (cert, str(tmp_path / "none"), "cannot be used"),
        (key, cert, "cannot be used"), (cert, str(locked), "cannot be used"), (str(tmp_path), key, "cannot be used"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=why):
            check_tls(HttpSettings(tls_cert=cert_file, tls_key=key_file))
