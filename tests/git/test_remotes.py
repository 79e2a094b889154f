"""Remotes: repositories inside the roots, no helper programs, no prompt, no secrets shown."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from git_made import Home, calling, self_signed

pytestmark = pytest.mark.anyio


def _bare(home: Home, name: str = "hub.git") -> Path:
    home.git(home.root, "init", "-q", "--bare", "-b", "main", name)
    return home.root / name


async def test_push_fetch_and_pull_between_repositories_in_the_roots(home: Home) -> None:
    repo, hub = home.repo(), _bare(home)
    async with calling(home.root) as call:
        here, there = {"repo_path": str(repo)}, {"repo_path": str(home.root / "copy")}
        await call.ok("git_remote", **here, action="add", name="origin", url=str(hub))
        pushed = await call.ok("git_push", **here, set_upstream=True)
        assert pushed["rows"][0]["name"] == "refs/heads/main" and pushed["rows"][0]["about"].startswith("new")
        assert (await call.ok("git_push", **here))["status"] == "unchanged"
        cloned = await call.ok("git_clone", url=str(hub), path="copy")
        assert (cloned["head"], cloned["branch"]) == (home.git(repo, "rev-parse", "HEAD"), "main")
        home.commit(repo, "Second", {"g.txt": "g"})
        await call.ok("git_push", **here, tags=True)
        fetched = await call.ok("git_fetch", **there)
        assert fetched["rows"][0]["name"] == "refs/remotes/origin/main"
        assert (await call.ok("git_fetch", **there))["status"] == "unchanged"
        pulled = await call.ok("git_pull", **there, ff_only=True)
        assert pulled["text"].startswith("Fast-forwarded")
        assert (home.root / "copy/g.txt").exists()


async def test_a_push_that_would_lose_commits_is_refused_and_a_lease_is_kept(home: Home) -> None:
    repo, hub = home.repo(), _bare(home)
    home.git(repo, "remote", "add", "origin", str(hub))
    home.git(repo, "push", "-q", "origin", "main")
    home.git(home.root, "clone", "-q", str(hub), "other")
    home.commit(home.root / "other", "Theirs", {"o.txt": "o"})
    home.git(home.root / "other", "push", "-q", "origin", "main")
    home.git(repo, "commit", "-q", "--amend", "-m", "Mine")
    async with calling(home.root) as call:
        here = {"repo_path": str(repo)}
        text = await call.no("git_push", **here)
        assert text.startswith("conflict") and "git_pull" in text
        assert (await call.no("git_push", **here, force_with_lease=True)).startswith("conflict")
        await call.ok("git_fetch", **here)
        assert "forced" in (await call.ok("git_push", **here, force_with_lease=True))["text"]


async def test_a_pull_reports_conflicts_as_data_and_rebases_when_asked(home: Home) -> None:
    repo, hub = home.repo(), _bare(home)
    home.git(repo, "remote", "add", "origin", str(hub))
    home.git(repo, "push", "-q", "-u", "origin", "main")
    home.git(home.root, "clone", "-q", str(hub), "other")
    home.commit(home.root / "other", "Theirs", {"f.txt": "THEIRS\n"})
    home.git(home.root / "other", "push", "-q", "origin", "main")
    home.commit(repo, "Mine", {"f.txt": "MINE\n"})
    async with calling(home.root) as call:
        here = {"repo_path": str(repo)}
        assert "conflict" in await call.no("git_pull", **here, ff_only=True)
        done = await call.ok("git_pull", **here)
        assert (done["status"], done["operation"]) == ("conflicts", "merge")
        await call.ok("git_merge", **here, action="abort")
        done = await call.ok("git_pull", **here, rebase_local=True)
        assert (done["status"], done["operation"]) == ("conflicts", "rebase")


async def test_receiving_hooks_of_an_untrusted_repository_do_not_run(home: Home) -> None:
    repo, hub = home.repo(), _bare(home)
    (hub / "hooks/post-receive").write_text(f"#!/bin/sh\n{home.marker('m')}\n")
    (hub / "hooks/post-receive").chmod(0o755)
    home.git(repo, "remote", "add", "origin", str(hub))
    async with calling(home.root) as call:
        text = await call.no("git_push", repo_path=str(repo))
        assert "post-receive" in text and f"--trust {hub}" in text
        await call.ok("git_push", repo_path=str(repo), skip_hooks=True)
        assert not home.marked("m")
    home.commit(repo, "Second", {"x": "x"})
    async with calling(home.root, trust=(home.root,)) as call:
        await call.ok("git_push", repo_path=str(repo))
    assert home.marked("m")


@pytest.mark.parametrize(
    "setting", ["remote.origin.uploadpack", "remote.origin.receivepack", "core.sshCommand", "credential.helper"]
)
async def test_programs_that_a_remote_would_run_are_refused_or_skipped(home: Home, setting: str) -> None:
    repo, hub = home.repo(), _bare(home)
    urls = {"core.sshCommand": "ssh://127.0.0.1:1/x", "credential.helper": "https://127.0.0.1:1/x"}
    home.git(repo, "remote", "add", "origin", urls.get(setting, str(hub)))
    home.git(repo, "push", "-q", str(hub), "main")
    home.git(repo, "config", setting, f"!{home.marker('m')}" if "helper" in setting else home.marker("m", "false"))
    tool = "git_push" if "receive" in setting else "git_fetch"
    async with calling(home.root) as call:
        text = await call.no(tool, repo_path=str(repo))
        assert text.startswith("not_allowed") and setting.lower() in text and "--trust" in text
        skipped = await call.raw(tool, repo_path=str(repo), skip_hooks=True)
        assert bool(skipped.is_error) == (setting in urls)
    assert not home.marked("m")
    if setting != "credential.helper":
        async with calling(home.root, trust=(home.root,)) as call:
            await call.no(tool, repo_path=str(repo))
        assert home.marked("m")


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c true",
        "fd::3",
        "http://a.example/x",
        "git://a.example/x",
        "ftp://a.example/x",
        "file://host/x",
        "/etc",
    ],
)
async def test_other_transports_and_places_outside_are_refused(home: Home, url: str, tmp_path: Path) -> None:
    repo = home.repo()
    async with calling(home.root) as call:
        assert "not_allowed" in await call.no("git_remote", repo_path=str(repo), action="add", name="x", url=url)
        assert "not_allowed" in await call.no("git_clone", url=url, path="c")
        home.git(repo, "remote", "add", "origin", url)
        assert "not_allowed" in await call.no("git_fetch", repo_path=str(repo))
        assert "not_allowed" in await call.no("git_push", repo_path=str(repo))
    assert not (home.root / "c").exists()


async def test_an_address_that_the_repository_rewrites_is_judged_as_it_is_used(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "remote", "add", "origin", "https://a.example/x")
    home.git(repo, "config", f"url.ext::sh -c '{home.marker('m')}' .insteadOf", "https://")
    home.git(repo, "config", "protocol.ext.allow", "always")
    async with calling(home.root) as call:
        assert "not_allowed" in await call.no("git_fetch", repo_path=str(repo))
        assert "not_allowed" in await call.no("git_fetch", repo_path=str(repo), skip_hooks=True)
    assert not home.marked("m")


async def test_a_remote_outside_of_the_roots_is_refused_even_through_a_link(home: Home, tmp_path: Path) -> None:
    repo = home.repo()
    home.git(tmp_path, "init", "-q", "--bare", "outside.git")
    (home.root / "link.git").symlink_to(tmp_path / "outside.git")
    async with calling(home.root) as call:
        for url in (str(tmp_path / "outside.git"), str(home.root / "link.git"), "../../outside.git"):
            home.git(repo, "remote", "add", "origin", url)
            assert "not_allowed" in await call.no("git_push", repo_path=str(repo)), url
            assert "not_allowed" in await call.no("git_clone", url=url, path="c")
            home.git(repo, "remote", "remove", "origin")
    assert home.git(tmp_path / "outside.git", "for-each-ref") == ""


async def test_credentials_in_addresses_are_masked_and_not_accepted(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "remote", "add", "origin", "https://me:s3cret@127.0.0.1:1/x.git")
    home.git(repo, "remote", "add", "token", "https://t0ken@127.0.0.1:1/x.git")
    async with calling(home.root) as call:
        here = {"repo_path": str(repo)}
        texts = [(await call.ok("git_remote", **here))["text"], await call.no("git_fetch", **here)]
        texts.append(
            await call.no("git_remote", **here, action="set_url", name="origin", url="https://a:s3cret@b.example/c")
        )
        texts.append(await call.no("git_clone", url="https://a:s3cret@b.example/c", path="c"))
    assert not any("s3cret" in text or "t0ken" in text for text in texts)
    assert "holds a password" in texts[2] and "origin" in texts[0]


class _Unauthorized(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(
                b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
            )


@pytest.fixture
def locked_door(home: Home) -> Iterator[int]:
    """The port of an https server, known to the user, that wants a password for everything."""
    pytest.importorskip("cryptography")
    certificate, key = self_signed(home.folder)
    home.git(home.root, "config", "--global", "http.sslCAInfo", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Unauthorized) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


async def test_a_remote_that_wants_a_password_fails_at_once_and_says_so(home: Home, locked_door: int) -> None:
    repo = home.repo()
    home.git(repo, "remote", "add", "origin", f"https://127.0.0.1:{locked_door}/x.git")
    async with calling(home.root) as call:
        for tool, arguments in (
            ("git_clone", {"url": f"https://127.0.0.1:{locked_door}/x.git", "path": "c"}),
            ("git_fetch", {"repo_path": str(repo)}),
            ("git_push", {"repo_path": str(repo)}),
        ):
            text = await call.no(tool, **arguments)
            assert text.startswith("not_allowed") and "without a prompt" in text, text


async def test_the_users_credential_helper_is_asked_and_the_repositorys_is_not(home: Home, locked_door: int) -> None:
    repo = home.repo()
    address = f"https://127.0.0.1:{locked_door}"
    home.git(repo, "remote", "add", "origin", f"{address}/x.git")
    home.git(
        repo, "config", "--global", "credential.helper", f"!{home.marker('own', 'echo username=a; echo password=b')} #"
    )
    home.git(repo, "config", f"credential.{address}.helper", f"!{home.marker('theirs')} #")
    async with calling(home.root) as call:
        assert "helper" in await call.no("git_fetch", repo_path=str(repo))
        assert not home.marked("own")
        assert "not_allowed" in await call.no("git_fetch", repo_path=str(repo), skip_hooks=True)
    assert home.marked("own") and not home.marked("theirs")


async def test_a_push_into_a_checked_out_branch_says_what_to_do(home: Home) -> None:
    repo, other = home.repo(), home.repo("other", files={"x": "x"})
    home.git(repo, "remote", "add", "origin", str(other))
    home.git(repo, "fetch", "-q", "origin")
    home.git(repo, "reset", "-q", "--hard", "origin/main")
    home.commit(repo, "More", {"y": "y"})
    async with calling(home.root) as call:
        assert "bare repository" in await call.no("git_push", repo_path=str(repo))


async def test_nothing_is_pushed_to_where_one_may_only_read(home: Home) -> None:
    repo, hub = home.repo(), _bare(home)
    home.git(repo, "remote", "add", "origin", str(hub))
    async with calling(home.root, f"{hub}:ro") as call:
        assert "may only" in await call.no("git_push", repo_path=str(repo))
        assert "not_found" in await call.no("git_clone", url=str(hub), path="c", branch="none")


async def test_a_failed_clone_leaves_nothing_behind(home: Home) -> None:
    hub = _bare(home)
    async with calling(home.root) as call:
        assert "not_found" in await call.no("git_clone", url=str(hub), path="new/deep", branch="x")
        (home.root / "full").mkdir()
        (home.root / "full/x").write_text("x")
        assert "conflict" in await call.no("git_clone", url=str(hub), path="full")
        assert "not_found" in await call.no("git_clone", url=str(hub), path="c", branch="nope")
    assert sorted(path.name for path in home.root.iterdir()) == ["full", "hub.git"]


async def test_a_shallow_clone_has_so_many_commits(home: Home) -> None:
    repo = home.repo()
    home.commit(repo, "Second", {"x": "x"})
    async with calling(home.root) as call:
        await call.ok("git_clone", url=f"file://{repo}", path="c", depth=1)
    assert home.git(home.root / "c", "rev-list", "--count", "HEAD") == "1"


async def test_an_unknown_remote_is_told_with_the_known_ones(home: Home) -> None:
    repo = home.repo()
    home.git(repo, "remote", "add", "origin", "https://a.example/x")
    async with calling(home.root) as call:
        text = await call.no("git_fetch", repo_path=str(repo), remote="orgin")
    assert text.startswith("not_found") and "origin" in text
