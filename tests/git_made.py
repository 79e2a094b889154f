"""Repositories, and a user of their own, for the tests of what changes them: real git, isolated from this machine's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from openmanager_git.server import build
from openmanager_kit.registry import ServerSettings


class Home:
    """A user with a home, a global configuration and a directory of repositories, which is the root."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.marks = folder / "marks"
        self.config = folder / "home" / ".gitconfig"
        for path in (self.root, self.marks, self.config.parent):
            path.mkdir()
        for name in [name for name in os.environ if name.startswith("GIT_") or name in ("GNUPGHOME", "SSH_AUTH_SOCK")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(self.config.parent))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(self.config.parent / ".config"))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        self.config.write_text("[user]\n\tname = A B\n\temail = a@b.example\n[init]\n\tdefaultBranch = main\n")

    def git(self, repo: Path, *words: str, given: str | None = None, check: bool = True) -> str:
        """Run git as the user would."""
        done = subprocess.run(["git", "-C", str(repo), *words], input=given, capture_output=True, text=True)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def repo(self, name: str = "repo", files: Mapping[str, str] | None = None) -> Path:
        """Make a repository with one commit."""
        repo = self.root / name
        repo.mkdir()
        self.git(repo, "init", "-q", "-b", "main")
        self.commit(repo, "First", {"f.txt": "one\ntwo\nthree\n"} if files is None else files)
        return repo

    def commit(self, repo: Path, message: str, files: Mapping[str, str]) -> str:
        """Write files and commit them."""
        for name, text in files.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_text(text)
        self.git(repo, "add", "-A")
        self.git(repo, "commit", "-q", "--no-verify", "--allow-empty", "-m", message)
        return self.git(repo, "rev-parse", "HEAD")

    def marker(self, name: str, then: str = "") -> str:
        """Give a shell line that leaves a mark when it runs."""
        return f"touch {self.marks / name}{'; ' + then if then else ''}"

    def marked(self, name: str) -> bool:
        """Tell whether that line ran."""
        return (self.marks / name).exists()

    def hook(self, repo: Path, name: str, body: str) -> None:
        """Install a hook."""
        path = repo / ".git" / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def diverged(self, name: str = "repo") -> Path:
        """Make a repository whose branches main and topic changed one line differently."""
        repo = self.repo(name)
        self.git(repo, "checkout", "-q", "-b", "topic")
        self.commit(repo, "Theirs", {"f.txt": "one\nTHEIRS\nthree\n", "t.txt": "t\n"})
        self.git(repo, "checkout", "-q", "main")
        self.commit(repo, "Ours", {"f.txt": "one\nOURS\nthree\n"})
        return repo


class Caller:
    """A client's call, short to write."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def raw(self, tool: str, **arguments: Any) -> CallToolResult:
        """Call a tool."""
        result = await self.client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        return result

    async def ok(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed; gives its fields, with the text as ``text``."""
        result = await self.raw(tool, **arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return {**result.structured_content, "text": text_of(result)}

    async def no(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must refuse; gives what it says."""
        result = await self.raw(tool, **arguments)
        assert result.is_error, text_of(result)
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    """The text of an answer."""
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and its key."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "door")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    return certificate, private


@asynccontextmanager
async def calling(*roots: Path | str, trust: tuple[Path, ...] = (), read_only: bool = False) -> AsyncIterator[Caller]:
    """Serve these roots in memory."""
    settings = ServerSettings("git", roots=tuple(map(str, roots)), trust=tuple(map(str, trust)), read_only=read_only)
    async with Client(build(settings)) as client:
        yield Caller(client)
