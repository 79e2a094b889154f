"""Whatever is added to whatever project: afterwards there is nothing to do, and nothing was touched outside of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from shadcn_projects import next_app, put, settings_of, snapshot, vite

from openmanager_core.errors import FleetError
from openmanager_kit.confined.roots import Roots
from openmanager_shadcn.adding import plan as planning
from openmanager_shadcn.adding.aliases import Disk
from openmanager_shadcn.adding.places import Layout
from openmanager_shadcn.adding.plan import EVERYTHING, Plan, Wishes
from openmanager_shadcn.adding.system import System
from openmanager_shadcn.adding.writing import Writer
from openmanager_shadcn.items import Item, parse_item
from openmanager_shadcn.project import Projects

NAMES = st.sampled_from(["a", "b", "ui", "utils", "page", "x-y"])
TYPES = st.sampled_from([f"registry:{kind}" for kind in ("ui", "lib", "hook", "component", "page", "file", "block")])
CONTENTS = st.sampled_from(
    [
        "export const a = 1\n",
        '"use client"\n\nimport { cn } from "@/registry/x/lib/utils"\nimport b from "@/registry/x/ui/b"\n',
        'import { a } from "@/components/a"\r\nexport const c = <p>it\'s {a}</p>\r\n',
        "# no code ü\n",
        "export const d = <p>never closed\n",
        "\ufeffexport {}\n",
    ]
)
TARGETS = st.sampled_from(
    [
        *[""] * 12,
        "~/docs/a.md",
        "@ui/b.tsx",
        "@lib/deep/c.ts",
        "src/d.ts",
        "app/x/page.tsx",
        ".npmrc",
        "../e",
        ".env.local",
    ]
)
CSS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"cssVars": {"light": {"a": "red", "radius": "1px"}, "dark": {"a": "blue"}, "theme": {"b": "1px"}}},
        {"css": {"@layer base": {"h1": {"color": "red"}}, ".x": {"&:hover": {"@apply a b": {}}}}},
        {"css": {'@import "x"': {}, '@plugin "y"': {}, "@keyframes z": {"from": {"top": "0"}}}},
        {"tailwind": {"config": {"plugins": ["require('p')"], "theme": {"extend": {"animation": {"q": "r 1s"}}}}}},
    ]
)


@st.composite
def items(draw: st.DrawFn) -> list[Item]:
    found = []
    for number in range(draw(st.integers(1, 3))):
        files: list[dict[str, Any]] = []
        for _ in range(draw(st.integers(0, 3))):
            kind = draw(TYPES)
            ending = draw(st.sampled_from([".tsx", ".ts", ".md"]))
            path = f"registry/x/{kind.removeprefix('registry:')}/{draw(NAMES)}{ending}"
            files.append({"path": path, "type": kind, "content": draw(CONTENTS), "target": draw(TARGETS)})
        item = {"name": f"item{number}", "type": draw(TYPES), "files": files, **draw(CSS), "envVars": {"A": "b c"}}
        found.append(parse_item(item, "item"))
    return found


def made(folder: Path, wanted: list[Item], wishes: Wishes) -> Plan:
    roots = Roots.parse([str(folder)])
    project = Projects().read(roots.locate(".", "project"))
    return planning.make(Layout(project, Disk(roots)), wanted, {""}, wishes)


@settings(max_examples=80)
@given(
    items(),
    st.sampled_from([next_app, vite]),
    st.lists(st.sampled_from(["components/ui/a.tsx", "lib/b.ts", "src/components/a.tsx", "hooks/a.ts"]), max_size=2),
    st.frozensets(st.sampled_from(["env", "sensitive", "as_is", "typescript"])),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "parts", "parts/one.tsx"]),
)
def test_an_add_leaves_nothing_to_do_and_a_refused_one_changes_nothing(
    wanted: list[Item], project: Any, there: list[str], allow: frozenset[str], all_of_it: bool, rsc: bool, path: str
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        around = Path(scratch)
        folder = project(around / "p")
        css = "app/globals.css" if project is next_app else "src/index.css"
        put(folder, dict.fromkeys(there, "export const mine = 1\n"))
        put(folder, {"components.json": settings_of(css, rsc=rsc)})
        before = snapshot(around)
        overwrite = frozenset({EVERYTHING} if all_of_it else ())
        wishes = Wishes(path, overwrite, allow)
        writer = Writer(Roots.parse([str(folder)]), str(folder), around / "home", System())
        try:
            plan = made(folder, wanted, wishes)
            assert plan.id == made(folder, wanted, wishes).id
            assert snapshot(around) == before
            writer.write(plan.writes(overwrite))
        except FleetError:
            assert snapshot(around) == before
            event("refused")
            return
        event("added")
        after = snapshot(around)
        changed = {name for name in after if after[name] != before.get(name)} - {"home", "home/adds"}
        assert all(name.startswith("p/") for name in changed)
        assert not [name for name in before if name not in after]
        again = made(folder, wanted, wishes)
        assert {change.status for change in again.changes} <= {"identical"}
        assert again.writes(overwrite) == []
