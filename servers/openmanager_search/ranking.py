"""Results made fit to show: addresses unwrapped and compared, doubles dropped, text cleaned."""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from openmanager_core.text import visible
from openmanager_search.engines.base import Hit

LONGEST_URL = 2000
_TITLE, _SNIPPET, _FACT = 300, 600, 120
_TRACKING = re.compile(
    r"(utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|ttclid|igshid|mc_[ce]id|_hs(enc|mi)"
    r"|vero_(id|conv)|oly_(anon|enc)_id|ref_(src|url)|srsltid|wt\.mc_id|cmpid|_ga|_gl)",
    re.IGNORECASE,
)
_WRAPPERS: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = (
    (re.compile(r"(.+\.)?duckduckgo\.com"), re.compile(r"/l/?"), "uddg"),
    (re.compile(r"(www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url"), "q"),
    (re.compile(r"(www\.)?google\.[a-z.]{2,6}"), re.compile(r"/url"), "url"),
    (re.compile(r"(www\.)?bing\.com"), re.compile(r"/ck/a"), "u"),
    (re.compile(r"lm?\.facebook\.com"), re.compile(r"/l\.php"), "u"),
    (re.compile(r"out\.reddit\.com"), re.compile(r"/.*"), "url"),
)
_MARKUP = re.compile(r"</?(?:strong|b|em|i|mark|br|span)\b[^<>]{0,100}>", re.IGNORECASE)
_HOST = re.compile(r"[^\s/?#@\\]+")
_DEFAULT_PORT = {"http": 80, "https": 443}
_DEEPEST = 3


def unwrapped(url: str) -> str:
    """Take an address out of the redirects that search engines and networks put around it."""
    for _ in range(_DEEPEST):
        inner = _inside(url)
        if not inner:
            break
        url = inner
    return url


def _inside(url: str) -> str:
    try:
        parts = urlsplit(f"https:{url}" if url.startswith("//") else url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    for hosts, paths, name in _WRAPPERS:
        if not hosts.fullmatch(host) or not paths.fullmatch(parts.path):
            continue
        try:
            given = parse_qs(parts.query, max_num_fields=50).get(name, [""])[0]
        except ValueError:
            return ""
        if name == "u" and given.startswith("a1"):
            given = _from_base64(given[2:])
        if given.startswith(("http://", "https://")):
            return given
    return ""


def _from_base64(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def cleaned(url: str) -> str:
    """Give the address as it is shown: unwrapped, without tracking, printable; empty if it is none we would give on.

    Only http, https and file addresses are given on, and none with a password in it.
    """
    url = unwrapped(url.strip())
    if url.startswith("//"):
        url = f"https:{url}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "file") or "@" in parts.netloc or not host or not _HOST.fullmatch(host):
        return ""
    fragment = "" if ":~:" in parts.fragment else parts.fragment
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORT.get(parts.scheme):
        netloc = f"{netloc}:{port}"
    whole = urlunsplit((parts.scheme, netloc, parts.path, _untracked(parts.query), fragment))
    whole = _printable(whole)
    return whole if len(whole) <= LONGEST_URL else ""


def _untracked(query: str) -> str:
    """Drop tracking parameters; everything else stays byte for byte."""
    if not query:
        return ""
    return "&".join(part for part in query.split("&") if not _TRACKING.fullmatch(unquote(part.partition("=")[0])))


def _printable(url: str) -> str:
    if url.isascii() and url.isprintable() and " " not in url:
        return url
    return "".join(
        char if char > " " and visible(char) == char else quote(char.encode("utf-8", "replace")) for char in url
    )


def canonical(url: str) -> str:
    """Give a key that is equal for addresses of the same page: no scheme, www, port, fragment, tracking, slash."""
    shown = cleaned(url) or url
    try:
        parts = urlsplit(shown)
        host = (parts.hostname or "").lower().rstrip(".")
        port = parts.port
    except ValueError:
        return shown
    try:
        query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=200)))
    except ValueError:
        query = parts.query
    host = host.removeprefix("www.")
    path = quote(unquote(parts.path), safe="/~!$&'()*+,;=:@-._").rstrip("/")
    where = host if port is None or port == _DEFAULT_PORT.get(parts.scheme) else f"{host}:{port}"
    if parts.scheme == "file":
        where = f"file:{where}"
    return f"{where}{path}?{query}" if query else f"{where}{path}"


def on_site(url: str, site: str) -> bool:
    """Tell whether an address belongs to a host or to one below it."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return False
    return host == site or host.endswith(f".{site}")


def plain(text: str, limit: int) -> str:
    """Give text from a page as one line of visible characters, without the markup that engines put into it."""
    words = html.unescape(_MARKUP.sub("", text[: limit * 8])).split()
    line = visible(" ".join(words))
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def ranked(hits: Iterable[Hit], *, site: str = "") -> list[Hit]:
    """Clean the hits and drop doubles and foreign sites; the order is the engine's.

    Of doubles the first place is kept, with the longest snippet.
    """
    kept: dict[str, Hit] = {}
    for hit in hits:
        url = cleaned(hit.url)
        if not url or (site and not on_site(url, site)):
            continue
        clean = Hit(
            title=plain(hit.title, _TITLE) or url[:_TITLE],
            url=url,
            snippet=plain(hit.snippet, _SNIPPET),
            date=plain(hit.date, _FACT),
            source=plain(hit.source, _FACT),
            image=cleaned(hit.image) if hit.image else "",
            duration=plain(hit.duration, _FACT),
        )
        # A page with many pictures is many results, one for each picture.
        key = canonical(clean.image or url) if hit.image and hit.image != hit.url else canonical(url)
        first = kept.get(key)
        if first is None:
            kept[key] = clean
        elif len(clean.snippet) > len(first.snippet):
            kept[key] = replace(first, snippet=clean.snippet)
    return list(kept.values())
