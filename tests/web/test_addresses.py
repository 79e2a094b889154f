"""Addresses: what is not the public Internet is known in every form that it can be written in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openmanager_core.errors import ConfigError, InvalidRequest, NotAllowed
from openmanager_kit.web.addresses import is_within, networks, parsed, special_use
from openmanager_kit.web.policy import WebPolicy, target_of

FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "4000::1", "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:a00:1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_an_address_that_is_not_public_is_named_for_what_it_is(text: str) -> None:
    assert special_use(parsed(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_public(text: str) -> None:
    assert special_use(parsed(text)) == ""


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_passes(address: IPv4Address | IPv6Address) -> None:
    if not special_use(address):
        plain = getattr(address, "ipv4_mapped", None) or address
        assert not (plain.is_private or plain.is_loopback or plain.is_link_local or plain.is_multicast)
        assert not (plain.is_reserved and plain not in networks(("64:ff9b::/96",))[0])


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_ipv6_is_judged_as_itself_or_refused(inner: IPv4Address) -> None:
    number = int(inner)
    assert special_use(IPv6Address((0xFFFF << 32) | number)) == special_use(inner)
    assert special_use(IPv6Address((0x64FF9B << 96) | number)) == special_use(inner)
    assert special_use(IPv6Address((0x2002 << 112) | (number << 80)))
    assert special_use(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)))
    assert special_use(IPv6Address(number))


@given(st.ip_addresses())
@example(IPv6Address("::ffff:0:0"))
def test_a_named_range_holds_mapped_forms_too(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv4Address):
        mapped = ip_address(f"::ffff:{address}")
        assert is_within(mapped, networks((f"{address}/24",)))
    assert is_within(address, networks((str(address),)))


def test_a_range_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError, match="allow_private"):
        WebPolicy(allow_private=("localhost",))


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/",
        "http://017700000001/", "http://1.2.3/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://127.0.0.0x1/",
        "http://①②⑦.⓪.⓪.①.9999/", "http://１２７.１/", "http://[fe80::1%25eth0]/", "http://[::1%lo]/", "http://[::1/",
        "http://user@example.com/", "http://user:pw@example.com/", "http://:@example.com/", "http://example.com@/",
        "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "javascript:alert(1)", "//example.com",
        "example.com", "http://", "http:///x", "http://exa mple.com/", "http://example.com/a b", "http://a\\b/",
        "http://example.com/\r\nx", "http://example.com:0/", "http://example.com:99999/", "http://example.com:x/",
        "http://%31%32%37.0.0.1/", "http://-a.com/", "http://a..b/", "http://" + "a" * 64 + ".com/", "http://\u2488com/",
        "", " ", "http://example.com/" + "a" * 9000,
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_hides_something_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        target_of(url)
    assert "url" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        (" https://example.com./a?b=c#d ", "https://example.com/a?b=c"),
        ("https://example.com:443/x%20y", "https://example.com/x%20y"),
        ("https://example.com/가?q=나", "https://example.com/%EA%B0%80?q=%EB%82%98"),
        ("https://한국.kr/", "https://xn--3e0b707e.kr/"),
        ("http://[2606:4700:0::1111]:8080/", "http://[2606:4700::1111]:8080/"),
        ("http://example.com?q=1", "http://example.com/?q=1"),
    ],
)
def test_an_address_has_one_form(url: str, sent: str) -> None:
    assert target_of(url).url == sent
    assert target_of(sent).url == sent


@given(st.text(max_size=60))
def test_whatever_is_given_is_an_address_or_a_clear_refusal(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            target = target_of(url)
        except InvalidRequest:
            continue
        assert target.url.isascii()
        assert not set(target.url) & set(" \r\n\t\\\x00")
        assert target_of(target.url) == target


def test_only_named_ports_are_allowed() -> None:
    policy = WebPolicy(ports=(8080,))
    for url in ("http://a.example/", "https://a.example/", "http://a.example:443/", "http://a.example:8080/"):
        policy.check(target_of(url))
    for url in ("http://a.example:22/", "http://a.example:25/", "https://a.example:8443/"):
        with pytest.raises(NotAllowed, match="80, 443, 8080"):
            policy.check(target_of(url))
    named = WebPolicy.naming("http://127.0.0.1:8888/search")
    named.check(target_of("http://127.0.0.1:8888/"))
    with pytest.raises(NotAllowed):
        named.check(target_of("http://127.0.0.1:8889/"))
