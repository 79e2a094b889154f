"""Where each file of a registry item goes in a project, and which places no item may ever write to."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

from openmanager_core.errors import InvalidRequest, NotAllowed
from openmanager_core.text import quoted
from openmanager_shadcn.adding.aliases import Disk, Modules
from openmanager_shadcn.adding.imports import full_aliases
from openmanager_shadcn.items import ItemFile
from openmanager_shadcn.project import FILE, Project, parse_project

KEYS = ("components", "ui", "lib", "hooks")
_BY_TYPE = {"registry:ui": "ui", "registry:lib": "lib", "registry:hook": "hooks"}
_FRAMEWORKS = (
    ("next", r"next\.config\."),
    ("astro", r"astro\.config\."),
    ("gatsby", r"gatsby-config\."),
    ("laravel", r"composer\.json$"),
)
_LATER = (("react-router", r"react-router\.config\."), ("vite", r"vite\.config\."))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENDING = re.compile(r"(\.d)?\.[jt]sx?$")
_SPREAD = re.compile(r"\[\.\.\.[^/\]]*\]")
CLOSED = frozenset((".git", "node_modules", ".hg", ".svn", ".ssh"))
"""Folders that no item may write into, whatever is allowed."""
_MANIFESTS = frozenset(
    (
        "package.json",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "pnpm-workspace.yaml",
        "bun.lock",
        "bun.lockb",
        "deno.lock",
        "deno.json",
        "deno.jsonc",
        "components.json",
    )
)
_SETTINGS = re.compile(
    r".+\.config\.[cm]?[jt]s|.*\.config\.json|[tj]sconfig(\..+)?\.json|turbo\.json|nx\.json|vercel\.json|makefile|"
    r"dockerfile|docker-compose.*|.+\.(sh|bash|zsh|ps1|bat|cmd|exe)|gruntfile.*|gulpfile.*"
)
ENV = re.compile(r"\.env(\..+)?")


@dataclass
class Layout:
    """One project as an add sees it."""

    project: Project
    disk: Disk
    _owners: dict[str, Layout] = field(default_factory=dict)

    @cached_property
    def folder(self) -> str:
        """The project's folder, absolute."""
        return self.project.folder.path

    @cached_property
    def modules(self) -> Modules:
        """Its module names."""
        return Modules(self.disk, self.folder)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """All five aliases."""
        return full_aliases(self.project.aliases)

    @cached_property
    def has_src(self) -> bool:
        """Whether its sources lie in ``src``."""
        return self.disk.is_directory(f"{self.folder}/src")

    @cached_property
    def framework(self) -> str:
        """Name of the framework, as far as it decides where pages go; empty if it is none of those known."""
        names = self.disk.names(self.folder)
        for name, pattern in _FRAMEWORKS:
            if any(re.match(pattern, one) for one in names):
                if name != "next":
                    return name
                app = f"{self.folder}/{'src/' if self.has_src else ''}app"
                return "next-app" if self.disk.is_directory(app) else "next-pages"
        package = self.disk.json(f"{self.folder}/package.json")
        known = {**_object(package.get("devDependencies")), **_object(package.get("dependencies"))}
        if any(one.startswith("@remix-run/") for one in known):
            return "remix"
        if any(one.startswith("@tanstack/react-start") for one in known):
            return "tanstack-start"
        return next((name for name, pattern in _LATER if any(re.match(pattern, one) for one in names)), "")

    def directory(self, key: str) -> str:
        """Give the absolute directory of an alias.

        Raises
        ------
        InvalidRequest
            If nothing in the project says where it leads.
        """
        alias = self.aliases[key]
        found = self.modules.resolve(alias)
        if found is None:
            raise InvalidRequest(
                f"components.json: the alias {key} is {quoted(alias, 80)}, and neither tsconfig.json (paths), "
                "package.json (imports) nor a package of the workspace says where that is",
                hint="add it to compilerOptions.paths of tsconfig.json",
            )
        return _ENDING.sub("", found)

    def owner(self, key: str) -> Layout:
        """Give the package of the workspace that an alias leads into, if it has a components.json of its own."""
        if key not in self._owners:
            home = self.home(key)
            body = self.disk.bytes_of(f"{home}/{FILE}") if home != self.folder else None
            other = None if body is None else Layout(parse_project(body, self.disk.spot(home)), self.disk)
            self._owners[key] = other or self
        return self._owners[key]

    def home(self, key: str) -> str:
        """Give the folder of the package that an alias leads into, the project's own in most cases."""
        at = self.directory(key)
        while at.startswith("/") and at != "/":
            if at == self.folder:
                return at
            if self.disk.exists(f"{at}/package.json"):
                return at
            at = posixpath.dirname(at)
        return self.folder


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes: an absolute path, or why it is left out."""

    path: str = ""
    key: str = "components"
    left_out: str = ""


def place_of(layout: Layout, file: ItemFile, *, path: str = "", first: bool = False) -> Place:
    """Say where a file goes.

    Parameters
    ----------
    path
        A directory, or a file's name for the first file, that the caller wants instead.

    Raises
    ------
    NotAllowed
        If the registry names a place outside of the project's folders.
    """
    key = _alias_key(file.target) or _BY_TYPE.get(file.type, "components")
    name = _safe(file.path).rpartition("/")[2]
    if path:
        wanted = posixpath.normpath(path if path.startswith("/") else f"{layout.folder}/{path}")
        if "." not in wanted.rpartition("/")[2][:-1]:
            return Place(f"{wanted}/{name}", key)
        if first:
            return Place(wanted, key)
    if not file.target:
        directory = layout.directory(key)
        return Place(f"{directory}/{_nested(_safe(file.path), directory)}", key)
    target = _safe(file.target)
    if target.startswith("~/"):
        return Place(f"{layout.folder}/{target[2:]}", key)
    if target.startswith("@") and "/" in target:
        alias, _, rest = target[1:].partition("/")
        if alias in KEYS:
            return Place(f"{layout.directory(alias)}/{rest}", key)
        target = f"{alias}/{rest}" if alias else target
    if file.type == "registry:page":
        page = _page(target, layout.framework)
        if page is None:
            return Place(left_out="it is a page, and this project's framework has no place for pages")
        target = page
    below = target.removeprefix("src/")
    return Place(f"{layout.folder}/src/{below}" if layout.has_src else f"{layout.folder}/{below}", key)


def refuse_dangerous(path: str, layout: Layout, *, sensitive: bool) -> None:
    """Refuse places that hold settings, programs or what others made.

    Raises
    ------
    NotAllowed
        If it is one; those that `sensitive` opens say so.
    """
    base = layout.modules.workspace
    if not path.startswith(f"{base}/"):
        shown = layout.disk.spot(path, "the place of a file").shown  # refuses what is outside of the roots
        raise NotAllowed(
            f"a file would go to {quoted(shown)}, which is outside the project",
            hint="path: a folder of the project",
        )
    parts = path[len(base) + 1 :].split("/")
    shown = quoted("/".join(parts), 120)
    folded = [part.casefold().rstrip(" .") for part in parts]
    if any(part in CLOSED for part in folded) or folded[-1] in _MANIFESTS:
        raise NotAllowed(
            f"the registry wants to write {shown}, which no registry item may write here",
            hint="look at the item before you trust it, and write that file yourself",
        )
    hidden = any(part.startswith(".") for part in folded)
    if (hidden or _SETTINGS.fullmatch(folded[-1])) and not sensitive:
        raise NotAllowed(
            f"the registry wants to write {shown}, which may change what programs do on this machine",
            hint='allow ["sensitive"] if the user agrees to this very file',
        )


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _alias_key(target: str) -> str:
    key = target[1:].partition("/")[0] if target.startswith("@") else ""
    return key if key in KEYS else ""


def _safe(path: str) -> str:
    """Take a path from a registry: relative, downwards only, whatever way it is written."""
    plain = path
    for _ in range(4):
        again = unquote(plain)
        if again == plain:
            break
        plain = again
    stripped = _SPREAD.sub("", plain)
    bad = (
        not path.strip("/")
        or "\\" in plain
        or _CONTROL.search(plain)
        or ".." in stripped
        or path.startswith("/")
        or re.match(r"[A-Za-z]:", plain)
        or any(len(part.encode("utf-8", "replace")) > 200 for part in path.split("/"))
        or any(part in ("", ".") for part in path.rstrip("/").split("/"))
        or path.endswith("/")
    )
    if bad or plain != path:
        raise NotAllowed(
            f"the registry names the file {quoted(path, 120)}, which is no plain relative path",
            hint="look at the item before you trust it",
        )
    return path


def _nested(path: str, directory: str) -> str:
    """Keep the folders of a registry's path below one that has the directory's name."""
    parts, last = PurePosixPath(path).parts, posixpath.basename(directory)
    if last in parts[:-1]:
        return "/".join(parts[parts.index(last) + 1 :])
    return parts[-1]


def _page(target: str, framework: str) -> str | None:
    """Give the place of a page that is written as one of Next.js's app directory."""
    if framework == "next-app":
        return target
    folders = {"next-pages": "pages/", "react-router": "app/routes/", "laravel": "resources/js/pages/"}
    if framework not in folders:
        return None
    moved = folders[framework] + target[4:] if target.startswith("app/") else target
    return re.sub(r"/page(\.[jt]sx?)$", r"\1", moved)
