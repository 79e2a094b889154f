"""Which programs a repository itself names, which of them an operation would run, and how it is run without them.

In a repository that the user does not trust nothing of it runs: every run of git there gets settings that put the
user's own value, or a harmless one, before the repository's, and no hooks but the user's. What an operation would
have run is found out first, and told: it is neither run nor silently left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.errors import NotAllowed
from openmanager_core.job import offload
from openmanager_core.text import quoted
from openmanager_git.configured import Setting, Settings
from openmanager_kit.confined.names import shown_path
from openmanager_kit.confined.roots import parts_of

NO_HOOKS = "/dev/null"
FILTER = ("clean", "smudge", "process")
_THREE_WAY = "git merge-file --marker-size=%L %A %O %B"
_WEB = (
    "proxy",
    "sslverify",
    "sslcainfo",
    "sslcapath",
    "proxyauthmethod",
    "curloptresolve",
    "cookiefile",
    "savecookies",
)
_WEB_NEUTRAL = {"sslverify": "true", "savecookies": "false"}

_FIXED: dict[str, str] = {
    "core.fsmonitor": "false",
    "core.alternateRefsCommand": ":",
    "core.askPass": "",
    "core.editor": ":",
    "sequence.editor": ":",
    "core.pager": "cat",
    "diff.external": "",
    "gpg.x509.program": "gpgsm",
    "gpg.ssh.program": "ssh-keygen",
    "gpg.ssh.defaultKeyCommand": "false",
}
"""Programs under one name each: put before the repository's setting always, so that none can appear meanwhile."""
_GPG = ("gpg.program", "gpg.openpgp.program")
_SIGNING = (*_GPG, "gpg.x509.program", "gpg.ssh.program", "gpg.ssh.defaultkeycommand")


@dataclass(frozen=True, slots=True)
class Use:
    """What an operation makes git run, if it is there.

    Attributes
    ----------
    what
        The operation, as the subject of a sentence.
    hooks
        Names of the hooks.
    filters
        Whether contents go through ``filter`` programs on their way to or from the work tree.
    merges
        Whether files are merged, perhaps by a merge driver.
    signs
        The settings that ask for a signature here, such as ``commit.gpgsign``.
    remote
        Name of the remote that is spoken to.
    transport
        ``https``, ``ssh`` or ``file`` for an operation that speaks to one.
    """

    what: str
    hooks: tuple[str, ...] = ()
    filters: bool = False
    merges: bool = False
    signs: tuple[str, ...] = ()
    remote: str = ""
    transport: str = ""


def overrides(
    settings: Settings, place_root: str, remote: str = "", submodules: Iterable[str] = ()
) -> list[tuple[str, str]]:
    """Give the settings that keep every program of the repository from running; the user's own stay as they are."""
    pairs = [(key, _own(settings, key, harmless)) for key, harmless in _FIXED.items()]
    pgp = settings.last(*_GPG, own=True)
    pairs += [(key, pgp.value if pgp is not None else "gpg") for key in _GPG]
    pairs.append(("core.hooksPath", own_hooks(settings, place_root) or NO_HOOKS))
    pairs.append(("credential.helper", ""))  # forgets those named so far, whoever did
    pairs += [(line.key, line.value) for line in settings.lines if line.own and _is_helper(line)]
    for line in settings.under("filter", *FILTER):
        if not line.own:
            pairs.append((line.key, _own(settings, line.key, "")))
    for name in dict.fromkeys(line.middle for line in settings.under("filter", "required") if not line.own):
        pairs.append((f"filter.{name}.required", _own(settings, f"filter.{name}.required", "false")))
    for line in settings.under("merge", "driver"):
        if not line.own:
            pairs.append((line.key, _own(settings, line.key, _THREE_WAY)))
    for line in settings.under("hook", "command"):
        if not line.own:
            pairs.append((line.key, _own(settings, line.key, ":")))
    for line in settings.lines:
        if not line.own and line.section == "http" and line.name in _WEB:
            pairs.append((line.key, _own(settings, line.key, _WEB_NEUTRAL.get(line.name, ""))))
    if remote:
        pairs += [
            (f"remote.{remote}.uploadpack", _own(settings, f"remote.{remote}.uploadpack", "git-upload-pack")),
            (f"remote.{remote}.receivepack", _own(settings, f"remote.{remote}.receivepack", "git-receive-pack")),
            (f"remote.{remote}.proxy", _own(settings, f"remote.{remote}.proxy", "")),
        ]
    pairs += [(f"submodule.{name}.ignore", "dirty") for name in submodules]
    return pairs


def own_hooks(settings: Settings, place_root: str) -> str:
    """Give the user's own hooks directory; nothing if there is none, or it lies in the repository."""
    found = settings.last("core.hookspath", own=True)
    if found is None or not found.value:
        return ""
    path = os.path.expanduser(found.value)  # noqa: PTH111 - the text is wanted
    if not path.startswith("/"):
        return ""
    parts, top = parts_of(os.path.realpath(path)), parts_of(os.path.realpath(place_root))
    return "" if parts[: len(top)] == top else path


def ssh_command(settings: Settings, *, tame: bool) -> str | None:
    """Give the value for ``GIT_SSH_COMMAND``; None where a setting that may be used says it already."""
    found = settings.last("core.sshcommand", own=tame)
    if found is None or not found.value:
        return "ssh -oBatchMode=yes"
    return found.value if tame else None


def found_settings(use: Use, settings: Settings, attributes: str) -> list[str]:
    """Name the repository's settings that `use` would make git run or obey.

    Parameters
    ----------
    attributes
        The names of filters and merge drivers that attributes give to the paths of this operation, one a line,
        as ``filter=name`` and ``merge=name``.
    """
    wanted = set(attributes.split("\n"))
    found = []
    if use.filters:
        found += [
            line.key for line in settings.under("filter", *FILTER) if f"filter={line.middle}" in wanted and line.value
        ]
    if use.merges:
        default = settings.value("merge.default")
        for line in settings.under("merge", "driver"):
            if f"merge={line.middle}" in wanted or line.middle == default:
                found.append(line.key)
    if any(settings.truth(key) for key in use.signs):
        found += [line.key for line in settings.lines if line.key in _SIGNING]
    if use.transport == "ssh":
        found.append("core.sshcommand")
    if use.transport == "https":
        found += [line.key for line in settings.lines if _is_helper(line)]
        found += [line.key for line in settings.lines if line.section == "http" and line.name in _WEB]
    if use.remote:
        found += [f"remote.{use.remote}.{name}" for name in ("uploadpack", "receivepack", "vcs", "proxy")]
    return [key for key in dict.fromkeys(found) if _of_the_repository(settings, key)]


def found_hooks(use: Use, settings: Settings, common_dir: str, top: str) -> list[str]:
    """Name the repository's hooks that `use` would make git run; looks at the disk."""
    named = [
        f"hook.{line.middle} ({event.value})"
        for line in settings.under("hook", "command")
        for event in settings.under("hook", "event")
        if not line.own and event.middle == line.middle and event.value in use.hooks
    ]
    effective = settings.last("core.hookspath")
    if effective is not None and effective.value:
        if effective.own and own_hooks(settings, top):
            return named
        folder = Path(top, os.path.expanduser(effective.value))  # noqa: PTH111
    else:
        folder = Path(common_dir, "hooks")
    return named + [name for name in use.hooks if os.access(folder / name, os.X_OK)]


_EXEC = re.compile(rb"^\s*(?:exec|x)\s", re.MULTILINE)


def planned_commands(git_dir: str) -> bool:
    """Tell whether the list of an interrupted rebase holds commands to run."""
    try:
        return _EXEC.search(Path(git_dir, "rebase-merge", "git-rebase-todo").read_bytes()) is not None
    except OSError:
        return False


async def refuse_programs(
    use: Use, settings: Settings, attributes: str, *, common_dir: str, top: str, shown: str
) -> None:
    """Refuse an operation that would run what an untrusted repository names.

    Raises
    ------
    NotAllowed
        Names each hook and setting, and the two ways on.
    """
    hooks = await offload(found_hooks, use, settings, common_dir, top)
    keys = found_settings(use, settings, attributes)
    if hooks or keys:
        raise refusal(use.what, hooks, keys, shown)


def refusal(what: str, hooks: Sequence[str], keys: Sequence[str], shown: str) -> NotAllowed:
    """Make the refusal that names what would run, and the two ways on."""
    parts = []
    if hooks:
        parts.append(f"the hook{'s' if len(hooks) > 1 else ''} {', '.join(hooks[:10])}")
    if keys:
        names = ", ".join(quoted(shown_path(key), 80) for key in keys[:10])
        parts.append(f"what its configuration names in {names}")
    return NotAllowed(
        f"{what} would run {' and '.join(parts)} of a repository that the user does not trust; nothing was done",
        hint=f"skip_hooks=true to do it without any program that the repository names; or the user trusts it, by "
        f"--trust {shown} when the server starts",
    )


def _own(settings: Settings, key: str, harmless: str) -> str:
    found = settings.last(_as_printed(key), own=True)
    return harmless if found is None else found.value


def _of_the_repository(settings: Settings, key: str) -> bool:
    """Tell whether the repository decides a setting, and otherwise than the user does."""
    found, own = settings.last(key), settings.last(key, own=True)
    return found is not None and not found.own and found.value != "" and (own is None or own.value != found.value)


def _as_printed(key: str) -> str:
    section, _, rest = key.partition(".")
    middle, point, name = rest.rpartition(".")
    return f"{section.lower()}.{middle}{point}{name.lower()}"


def _is_helper(line: Setting) -> bool:
    return line.section == "credential" and line.name == "helper"
