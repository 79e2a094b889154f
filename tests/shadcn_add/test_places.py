"""Each file goes where the project has its place for it, and nowhere else, whatever a registry writes."""

from __future__ import annotations

import posixpath
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shadcn_projects import next_app, put, settings_of, vite, workspace

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed
from openmanager_kit.confined.roots import Roots
from openmanager_shadcn.adding.aliases import Disk
from openmanager_shadcn.adding.places import Layout, place_of, refuse_dangerous
from openmanager_shadcn.items import ItemFile
from openmanager_shadcn.project import Projects


def layout_of(folder: Path, root: Path | None = None) -> Layout:
    roots = Roots.parse([str(root or folder)])
    return Layout(Projects().read(roots.locate(str(folder), "project")), Disk(roots))


def below(layout: Layout, path: str, kind: str = "registry:ui", target: str = "", wanted: str = "") -> str:
    place = place_of(layout, ItemFile(path, kind, target, "x"), path=wanted, first=True)
    return place.left_out or posixpath.relpath(place.path, layout.folder)


def test_types_and_targets_decide_in_a_project_without_src(tmp_path: Path) -> None:
    layout = layout_of(next_app(tmp_path))
    assert below(layout, "registry/x/ui/button.tsx") == "components/ui/button.tsx"
    assert below(layout, "registry/x/ui/deep/a.tsx") == "components/ui/deep/a.tsx"
    assert below(layout, "registry/x/lib/a.ts", "registry:lib") == "lib/a.ts"
    assert below(layout, "registry/x/hooks/use-a.ts", "registry:hook") == "hooks/use-a.ts"
    assert below(layout, "registry/x/block/form.tsx", "registry:component") == "components/form.tsx"
    assert below(layout, "registry/x/form.tsx", "registry:block") == "components/form.tsx"
    assert below(layout, "a/page.tsx", "registry:page", "app/login/page.tsx") == "app/login/page.tsx"
    assert below(layout, "a/b.ts", "registry:lib", "src/data/b.ts") == "data/b.ts"
    assert below(layout, "a/b.md", "registry:file", "~/docs/b.md") == "docs/b.md"
    assert below(layout, "a/b.tsx", "registry:ui", "@hooks/deep/b.tsx") == "hooks/deep/b.tsx"
    assert below(layout, "a/b.tsx", "registry:file", "app/[...slug]/page.tsx") == "app/[...slug]/page.tsx"
    assert below(layout, "a/b.tsx", wanted="parts") == "parts/b.tsx"
    assert below(layout, "a/b.tsx", wanted="parts/c.tsx") == "parts/c.tsx"


def test_src_and_frameworks_decide_where_targets_and_pages_go(tmp_path: Path) -> None:
    layout = layout_of(vite(tmp_path / "vite"))
    assert below(layout, "registry/x/ui/button.tsx") == "src/components/ui/button.tsx"
    assert below(layout, "a/b.ts", "registry:lib", "src/data/b.ts") == "src/data/b.ts"
    assert below(layout, "a/b.ts", "registry:lib", "data/b.ts") == "src/data/b.ts"
    assert "no place for pages" in below(layout, "a/page.tsx", "registry:page", "app/login/page.tsx")
    (tmp_path / "vite" / "react-router.config.ts").touch()
    layout = layout_of(tmp_path / "vite")
    assert below(layout, "a/page.tsx", "registry:page", "app/login/page.tsx") == "src/app/routes/login.tsx"
    pages = put(tmp_path / "pages", {"next.config.js": "", "components.json": settings_of("a.css")})
    assert below(layout_of(pages), "a/page.tsx", "registry:page", "app/login/page.tsx") == "pages/login.tsx"


def test_aliases_of_package_imports_and_workspaces_are_followed(tmp_path: Path) -> None:
    aliases = {"components": "#components", "ui": "#components/ui", "utils": "#lib/utils", "lib": "#lib"}
    one = put(
        tmp_path / "imports",
        {
            "package.json": {"imports": {"#*": {"types": "./source/*.d.ts", "default": "./source/*"}}},
            "components.json": settings_of("a.css", aliases=aliases),
        },
    )
    assert below(layout_of(one), "x/ui/button.tsx") == "source/components/ui/button.tsx"
    root = workspace(tmp_path / "space")
    layout = layout_of(root / "apps/web", root)
    assert below(layout, "x/ui/button.tsx") == "../../packages/ui/src/components/button.tsx"
    assert layout.owner("ui").folder == str(root / "packages/ui")
    (root / "apps/web/tsconfig.json").write_text('{"compilerOptions": {"paths": {"@/*": ["./*"]}}}')
    layout = layout_of(root / "apps/web", root)
    assert below(layout, "x/ui/button.tsx") == "../../packages/ui/src/components/button.tsx"


def test_paths_are_inherited_and_an_alias_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    folder = put(next_app(tmp_path), {"tsconfig.json": {"extends": "./base"}, "base.json": {"extends": "./deep.json"}})
    with pytest.raises(InvalidRequest, match=r"alias ui is .@/components/ui., and neither tsconfig"):
        below(layout_of(folder), "x/button.tsx")
    put(folder, {"deep.json": {"compilerOptions": {"baseUrl": "./code", "paths": {"@/*": ["*"]}}}})
    assert below(layout_of(folder), "x/button.tsx") == "code/components/ui/button.tsx"


HOSTILE = [
    "../x.ts", "a/../../x.ts", "/etc/passwd", "~/../x", "~/a/../../x", "..\\x", "a\\..\\x", "C:/x", "a/%2e%2e/x",
    "%2e%2e%2fx", "a/\x00b", "a\nb", "@ui/../../x", "@lib/..", "./x", "a//b", "a/", "", "~/", "a/./b", "%252e%252e/x",
    "a" * 300,
]  # fmt: skip


@pytest.mark.parametrize("target", HOSTILE)
def test_targets_that_are_no_plain_relative_path_are_refused(tmp_path: Path, target: str) -> None:
    layout = layout_of(next_app(tmp_path))
    if target:
        with pytest.raises(NotAllowed, match="no plain relative path"):
            below(layout, "a/b.tsx", "registry:file", target)
    with pytest.raises(NotAllowed, match="no plain relative path"):
        below(layout, target, "registry:file")


NEVER = [
    ".git/hooks/pre-commit", ".GIT/config", "a/.git/config", "node_modules/react/index.js", "package.json",
    "sub/package.json", "pnpm-lock.yaml", "components.json", ".ssh/authorized_keys", "Package.JSON", ".git./config",
]  # fmt: skip
ASKED = [
    ".npmrc", ".github/workflows/ci.yml", ".husky/pre-commit", ".vscode/tasks.json", "vite.config.ts", "tsconfig.json",
    "Makefile", "scripts/run.sh", ".eslintrc.js", "postcss.config.mjs", ".yarnrc.yml", "a/.hidden/b.ts",
]  # fmt: skip


@pytest.mark.parametrize("name", NEVER + ASKED)
def test_places_that_change_what_programs_do_are_refused(tmp_path: Path, name: str) -> None:
    layout = layout_of(next_app(tmp_path))
    path = f"{layout.folder}/{name}"
    with pytest.raises(NotAllowed):
        refuse_dangerous(path, layout, sensitive=False)
    if name in ASKED:
        refuse_dangerous(path, layout, sensitive=True)
    else:
        with pytest.raises(NotAllowed, match="no registry item may write"):
            refuse_dangerous(path, layout, sensitive=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(alphabet="ab./~@\\%2eE\x00:ui", max_size=20),
    st.sampled_from(["registry:ui", "registry:file", "registry:page", "registry:lib", "registry:hook"]),
    st.booleans(),
)
def test_no_target_leads_out_of_the_project(tmp_path: Path, text: str, kind: str, as_target: bool) -> None:
    if not (tmp_path / "components.json").exists():
        next_app(tmp_path)
    layout = layout_of(tmp_path)
    file = ItemFile("a/b.tsx" if as_target else text, kind, text if as_target else "", "x")
    try:
        place = place_of(layout, file)
        refuse_dangerous(place.path, layout, sensitive=True)
    except FleetError:
        return
    if not place.left_out:
        assert posixpath.normpath(place.path) == place.path
        assert place.path.startswith(f"{tmp_path}/")
