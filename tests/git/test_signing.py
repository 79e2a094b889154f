"""The user's signing policy: signed with the user's key, or not recorded at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
from git_made import Home, calling

pytestmark = pytest.mark.anyio

needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None and not os.environ.get("CI"), reason="needs gpg")
needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None and not os.environ.get("CI"), reason="needs ssh")


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key of A B in a GNUPGHOME of its own (its socket needs a short path)."""
    folder = tempfile.mkdtemp(prefix="gpg")
    monkeypatch.setenv("GNUPGHOME", folder)
    words = [
        "gpg",
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-generate-key",
        "A B <a@b.example>",
        "ed25519",
        "sign",
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=50)
    yield folder
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True, env=os.environ)
    shutil.rmtree(folder, ignore_errors=True)


@needs_gpg
async def test_a_commit_is_signed_where_the_user_asks_for_it(home: Home, keyring: str) -> None:
    repo = home.diverged()
    home.git(repo, "config", "--global", "commit.gpgsign", "true")
    home.git(repo, "config", "--global", "tag.gpgsign", "true")
    async with calling(home.root) as call:
        await call.ok("git_commit", repo_path=str(repo), message="Signed", allow_empty=True)
        await call.ok("git_commit", repo_path=str(repo), message="Also", allow_empty=True, skip_hooks=True)
        await call.ok("git_tag", repo_path=str(repo), action="create", name="v1", message="Signed too")
    assert home.git(repo, "log", "-2", "--format=%G?").split() == ["G", "G"]
    assert "BEGIN PGP SIGNATURE" in home.git(repo, "cat-file", "tag", "v1")


@needs_gpg
async def test_a_signature_that_fails_leaves_no_commit(home: Home, keyring: str) -> None:
    repo = home.diverged()
    before = home.git(repo, "rev-parse", "HEAD")
    home.git(repo, "config", "--global", "commit.gpgsign", "true")
    home.git(repo, "config", "--global", "user.signingKey", "nobody@nowhere.example")
    async with calling(home.root) as call:
        for tool, arguments in (
            ("git_commit", {"message": "x", "allow_empty": True}),
            ("git_revert", {"revisions": ["HEAD"]}),
        ):
            for skip in (False, True):
                text = await call.no(tool, repo_path=str(repo), skip_hooks=skip, **arguments)
                assert text.startswith("not_allowed") and "signing failed" in text, text
                assert keyring not in text
                home.git(repo, "reset", "-q", "--hard")
    assert home.git(repo, "rev-parse", "HEAD") == before


@needs_gpg
async def test_a_repository_cannot_put_its_own_program_in_the_place_of_the_users(home: Home, keyring: str) -> None:
    repo = home.repo()
    home.git(repo, "config", "--global", "commit.gpgsign", "true")
    program = home.marks / "gpg.sh"
    program.write_text(f"#!/bin/sh\n{home.marker('m')}\nexit 1\n")
    program.chmod(0o755)
    home.git(repo, "config", "gpg.openpgp.program", str(program))
    async with calling(home.root) as call:
        assert "gpg.openpgp.program" in await call.no("git_commit", repo_path=str(repo), message="x", allow_empty=True)
        await call.ok("git_commit", repo_path=str(repo), message="x", allow_empty=True, skip_hooks=True)
    assert "gpgsig" in home.git(repo, "cat-file", "commit", "HEAD") and not home.marked("m")


@needs_ssh
async def test_an_ssh_key_signs_too(home: Home) -> None:
    repo = home.repo()
    key = home.folder / "key"
    subprocess.run(  # noqa: ASYNC221
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=50
    )
    for name, value in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("commit.gpgsign", "true")):
        home.git(repo, "config", "--global", name, value)
    async with calling(home.root) as call:
        await call.ok("git_commit", repo_path=str(repo), message="x", allow_empty=True)
    assert "BEGIN SSH SIGNATURE" in home.git(repo, "cat-file", "commit", "HEAD")
