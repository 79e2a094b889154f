"""`openmanager index DIR`: makes a folder's files findable without a network, or brings that up to date."""

from __future__ import annotations

import argparse
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.text import visible
from openmanager_kit.cli import options
from openmanager_kit.profile import load_profile
from openmanager_search.engines import local_index
from openmanager_search.engines.local_index import Skip, Source, Summary, Update
from openmanager_search.engines.texts import READERS

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 100_000
_DEEPEST = 64
_SECRETS = re.compile(
    r"(id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|kdbx|jks)|.*(secret|password|passwd|credential).*"
    r"|service[-_]account.*|client_secret.*|auth\.json)(\..*)?",
    re.IGNORECASE,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, the index's name, and what else can be done with indexes."""
    parser.add_argument("folder", metavar="DIR", nargs="?", help="its .md .txt .rst .html .json .pdf files")
    parser.add_argument("--name", default="", help="the index's name (default: the folder's)")
    parser.add_argument("--list", action="store_true", dest="listed", help="list the indexes there are")
    parser.add_argument("--remove", metavar="NAME", default="", help="delete an index; the files stay")
    options.add_config(parser)
    options.add_settings(parser, only=("state.home",))


def run(args: argparse.Namespace) -> int:
    """Index, list or remove."""
    home = load_profile(args.config or "", options.flags_of(args), os.environ).home.resolve()
    if args.listed:
        for name, folder, count in local_index.described(home, local_index.names(home)):
            sys.stdout.write(f"{name}\t{count} files\t{visible(folder)}\n")
        return 0
    if args.remove:
        _remove(home, args.remove)
        return 0
    if not args.folder:
        raise InvalidRequest("DIR is missing", hint="openmanager index DIR, or --list")
    root = Path(args.folder).resolve()
    if not root.is_dir():
        raise InvalidRequest(f"DIR is no folder: {visible(args.folder)}")
    name = args.name or re.sub(r"[^a-z0-9_-]+", "-", root.name.lower()).strip("-_")[:63] or "index"
    summary = index(home, root, name)
    left_out = ", ".join(f"{count} {why}" for why, count in sorted(summary.skipped.items()))
    sys.stdout.write(
        f"{name}: {summary.files} files ({summary.new} new, {summary.changed} changed, {summary.gone} gone)"
        f"{f'; {summary.cut} cut at {local_index.MOST_CHARS} characters' if summary.cut else ''}"
        f"{f'; left out: {left_out}' if left_out else ''}\n"
    )
    return 0


def index(home: Path, root: Path, name: str) -> Summary:
    """Bring an index to the state of a folder; killed at any moment, it is as before or as after."""
    with local_index.written(local_index.path_of(home, name)) as connection:
        update = Update(connection, str(root))
        for source in _files(root, update.summary):
            try:
                if not update.unchanged(source):
                    _take(update, root, source)
            except Skip as exc:
                update.summary.skip(str(exc))
            except OSError as exc:
                update.summary.skip(f"not readable ({exc.strerror})")
        update.forget_vanished()
    return update.summary


def _take(update: Update, root: Path, source: Source) -> None:
    data = _read(root / source.path)
    if update.same_content(source, data):
        return
    reader = READERS[_ending(source.path)]
    title, text = reader(data, source.path)
    if not text.strip():
        raise Skip("without text")
    update.take(source, data, title, text)


def _read(path: Path) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Skip("no regular file")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Skip(f"longer than {MOST_BYTES} bytes")
    return data


def _files(root: Path, summary: Summary) -> Iterator[Source]:
    """Walk the folder in the order of names; links are not followed, hidden names are not looked at."""
    waiting = [(root, "", 0)]
    count = 0
    while waiting:
        folder, below, depth = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as exc:
            summary.skip(f"folders not readable ({exc.strerror})")
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            path = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST:
                    folders.append((folder / entry.name, f"{path}/", depth + 1))
                continue
            if _ending(entry.name) not in READERS or not entry.is_file(follow_symlinks=False):
                continue
            if _SECRETS.fullmatch(entry.name):
                summary.skip("named like a secret")
                continue
            if not _encodes(path):
                summary.skip("with a name that is no text")
                continue
            found = entry.stat(follow_symlinks=False)
            if found.st_size > MOST_BYTES:
                summary.skip(f"longer than {MOST_BYTES} bytes")
                continue
            count += 1
            if count > MOST_FILES:
                summary.skip(f"beyond the first {MOST_FILES}")
                continue
            yield Source(path, found.st_mtime_ns, found.st_size)
        waiting.extend(reversed(folders))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - names are text here, not paths


def _encodes(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _remove(home: Path, name: str) -> None:
    path = local_index.path_of(home, name)
    if not path.exists():
        raise NotFound.named("index", name, local_index.names(home), hint="openmanager index --list")
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    sys.stdout.write(f"{name}: removed\n")
