"""Addresses and credentials: refused early, never echoed."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from openmanager_core.errors import ConfigError
from openmanager_core.source.prometheus.access import Access
from openmanager_core.source.settings import SourceSettings


def access(environ: dict[str, str] | None = None, **settings: object) -> Access:
    return Access.from_settings(SourceSettings(kind="prometheus", **settings), environ or {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "base", "shown"),
    [
        ("http://localhost:9090", "http://localhost:9090", "localhost:9090"),
        ("https://mimir.example/prometheus/", "https://mimir.example/prometheus", "mimir.example"),
        ("http://[::1]:9090/", "http://[::1]:9090", "[::1]:9090"),
    ],
)
def test_an_address_may_have_a_port_and_a_path_prefix(url: str, base: str, shown: str) -> None:
    found = access(url=url)
    assert (found.base, found.shown) == (base, shown)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://user:hunter2@host:9090", "must not hold credentials"),
        ("http://hunter2@host", "must not hold credentials"),
        ("ftp://host/hunter2", "must start with http"),
        ("host:9090", "must start with http"),
        ("http://", "must start with http"),
        ("http://host/?token=hunter2", "no \\? and no #"),
        ("http://host:hunter2/", "not an address"),
        ("http://host/a b", "spaces"),
        ("", "must start with http"),
    ],
)
def test_an_address_that_can_not_be_used_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        access(url=url)
    assert "hunter2" not in str(caught.value)


def test_a_bearer_token_comes_from_the_variable_that_is_named() -> None:
    found = access({"T": " abc\n"}, token_env="T")
    assert found.headers == {"Authorization": "Bearer abc"}
    assert "abc" not in repr(found)


def test_basic_authentication_needs_both_variables() -> None:
    found = access({"U": "me", "P": "p:w"}, username_env="U", password_env="P")
    assert found.headers == {"Authorization": "Basic bWU6cDp3"}
    with pytest.raises(ConfigError, match="belong together"):
        access({"U": "me"}, username_env="U")
    with pytest.raises(ConfigError, match="exclude each other"):
        access({"U": "me"}, username_env="U", password_env="P", token_env="T")


@pytest.mark.parametrize(
    ("settings", "environ", "words"),
    [
        ({"token_env": "T"}, {}, "'T', which is not set"),
        ({"token_env": "T"}, {"T": "a\nInjected: b"}, "printable ASCII"),
        ({"tenant": "a\r\nb"}, {}, "source.tenant must hold printable"),
        ({"ca_file": "/nowhere/ca.pem"}, {}, "is no file"),
        ({"timeout_s": 0.0}, {}, "timeout_s must be above 0"),
    ],
)
def test_settings_that_can_not_work_are_refused_at_the_start(
    settings: dict[str, object], environ: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        access(environ, **settings)
    assert "Injected" not in str(caught.value)


def test_what_is_unwise_is_said_but_allowed() -> None:
    assert "unencrypted" in access({"T": "x"}, url="http://far.example", token_env="T").problems[0]
    assert access({"T": "x"}, url="http://127.0.0.1:9090", token_env="T").problems == ()
    assert "not verified" in access(url="https://far.example", tls_verify=False).problems[0]


def test_certificates_are_verified_unless_that_is_switched_off(tmp_path: Path) -> None:
    assert isinstance(access(url="https://far.example").tls(), ssl.SSLContext)
    assert access(url="https://far.example", tls_verify=False).tls() is False
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(ConfigError, match="no usable certificate"):
        access(url="https://far.example", ca_file=str(tmp_path / "ca.pem"))
