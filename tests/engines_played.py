"""Plays search engines on loopback: a proxy that answers for their real addresses, so that the real clients run.

A client that is told to use this proxy and to trust its certificate speaks TLS with ``html.duckduckgo.com`` and
``api.search.brave.com`` as always, and gets what a test has put there. A SearXNG instance is played the same way.
"""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

DDG_TEXT, DDG, BRAVE, SEARXNG = "html.duckduckgo.com", "duckduckgo.com", "api.search.brave.com", "searx.example"
HOSTS = (DDG_TEXT, DDG, BRAVE, SEARXNG)


@dataclass(frozen=True)
class Request:
    """What a client asked; `fields` are those of the address and of the form."""

    host: str
    path: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Response:
    """What is answered; `send` writes the rest of the connection by itself, for servers that misbehave."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    send: Callable[[socket.socket, threading.Event], None] | None = None


Play = Callable[[Request], Response]


def json_of(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(json.dumps(value), status, {"Content-Type": "application/json", **named})


class Played:
    """The engines: what each host answers, and what was asked."""

    def __init__(self, context: ssl.SSLContext, ca_file: Path) -> None:
        self.ca_file = str(ca_file)
        self.hosts: dict[str, Play] = {}
        self.asked: list[Request] = []
        self.over = threading.Event()
        self._context = context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.proxy = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def requests(self, host: str) -> list[Request]:
        """What one host was asked."""
        return [request for request in self.asked if request.host == host]

    def close(self) -> None:
        """End it."""
        self.over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            connection.settimeout(30)
            head = _head(connection)
            method, target, _ = head.split("\r\n")[0].split(" ", 2)
            if method != "CONNECT":
                self._answer(connection, head)
                return
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._context.wrap_socket(connection, server_side=True) as inside:
                while self._answer(inside, _head(inside), target.partition(":")[0]):
                    pass

    def _answer(self, connection: socket.socket, head: str, host: str = "") -> bool:
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        form = b""
        while len(form) < int(headers.get("content-length", "0")):
            form += connection.recv(65536)
        parts = urlsplit(target)
        host = host or parts.hostname or headers.get("host", "").partition(":")[0]
        fields = dict(parse_qsl(parts.query, keep_blank_values=True))
        if method == "POST":
            fields |= dict(parse_qsl(form.decode(), keep_blank_values=True))
        request = Request(host, parts.path, fields, headers)
        self.asked.append(request)
        play = self.hosts.get(host)
        response = play(request) if play else Response("nobody here", 502)
        if response.send is not None:
            response.send(connection, self.over)
            return False
        body = response.body.encode() if isinstance(response.body, str) else response.body
        said = {"Content-Type": "text/html; charset=utf-8", **response.headers, "Content-Length": str(len(body))}
        written = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        connection.sendall(f"HTTP/1.1 {response.status} Said\r\n{written}\r\n".encode() + body)
        return True


def _head(connection: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError
        data += byte
    return data.decode("latin-1").strip("\r\n")


def hang(connection: socket.socket, over: threading.Event) -> None:
    """Take the request and never answer."""
    over.wait(30)


def drip(connection: socket.socket, over: threading.Event) -> None:
    """Answer a byte at a time, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b"x")


def endless(connection: socket.socket, over: threading.Event) -> None:
    """Answer without an end, as fast as it is read."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not over.is_set():
        connection.sendall(b" " * 65536)


def misbehaving(send: Callable[[socket.socket, threading.Event], None]) -> Play:
    """A host that answers everything so."""
    return lambda request: Response(send=send)


@contextmanager
def played(folder: Path) -> Iterator[Played]:
    """Play until the block ends; certificates go into the folder."""
    context, ca_file = _certificates(folder)
    engines = Played(context, ca_file)
    try:
        yield engines
    finally:
        engines.close()


def _certificates(folder: Path) -> tuple[ssl.SSLContext, Path]:
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)]) for name in ("Players", "Engines")]

    def certificate(number: int, *extensions: Any) -> bytes:
        made = (
            x509.CertificateBuilder()
            .subject_name(names[number])
            .issuer_name(names[0])
            .public_key(keys[number].public_key())
            .serial_number(number + 1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=7))
        )
        for extension in extensions:
            made = made.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        pem: bytes = made.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return pem

    (folder / "ca.pem").write_bytes(certificate(0, x509.BasicConstraints(ca=True, path_length=None)))
    (folder / "engines.pem").write_bytes(
        certificate(
            1,
            x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]),
            x509.BasicConstraints(ca=False, path_length=None),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()),
        )
        + keys[1].private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "engines.pem")
    return context, folder / "ca.pem"
