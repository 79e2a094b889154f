"""Real repositories for tests, made by the git program with a home of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_WHEN = 1_750_000_000


class GitRepo:
    """A repository on disk and the git program to work on it, deaf to the machine's own configuration."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path = path
        self.home = home
        self.clock = _WHEN

    @classmethod
    def make(cls, tmp: Path, name: str = "repo", *words: str) -> GitRepo:
        """Initialise an empty repository with branch main."""
        home = tmp / "home"
        home.mkdir(exist_ok=True)
        (home / ".gitconfig").write_text('[protocol "file"]\n\tallow = always\n[init]\n\tdefaultBranch = main\n')
        repo = cls(tmp / name, home)
        repo.path.mkdir(parents=True)
        repo.git("init", "-q", *words)
        return repo

    def environment(self) -> dict[str, str]:
        """What the git program runs with."""
        date = f"{self.clock} +0200"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada Example",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada Example",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *words: str | bytes, given: bytes | None = None, check: bool = True) -> bytes:
        """Run git in the repository; gives the bytes that it wrote."""
        done = subprocess.run(
            ["git", *words], cwd=self.path, env=self.environment(), input=given, capture_output=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"git {words}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def git(self, *words: str | bytes, given: bytes | None = None, check: bool = True) -> str:
        """Run git in the repository; gives what it wrote, without the last line break."""
        return self.run(*words, given=given, check=check).decode(errors="surrogateescape").removesuffix("\n")

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the work tree."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, message: str = "change", **files: str | bytes) -> str:
        """Write files (``__`` in a keyword is ``/``, ``_`` a dot), stage everything, commit; gives the hash."""
        for name, content in files.items():
            self.write(name.replace("__", "/").replace("_", "."), content)
        self.clock += 60
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")
