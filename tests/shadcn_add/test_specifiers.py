"""Only module names are renamed, whatever the source around them looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import Unsupported
from openmanager_shadcn.adding.imports import full_aliases, is_code, mapped, rewritten, without_client
from openmanager_shadcn.adding.specifiers import Lost, specifiers

ALIASES = full_aliases({"components": "~/parts", "utils": "~/lib/utils", "ui": "~/ui"})

NAMED = st.sampled_from(
    [
        'import a from "NAME"\n',
        "import * as b from 'NAME';\n",
        'import c, { d as e, type F } from "NAME"\n',
        'import type { G } from "NAME"\n',
        "import {\n  h, // import x from 'y'\n  i,\n} from 'NAME'\n",
        'import "NAME"\n',
        'export * from "NAME"\n',
        'export { j as k } from "NAME"\n',
        'const l = import("NAME")\n',
        "const m = import(`NAME`)\n",
        'type N = import("NAME").O\n',
        'const p = require("NAME")\n',
        'import q = require("NAME")\n',
        'const r = <div a={import("NAME")}>{require("NAME2")}</div>\n',
        'const s = `${import("NAME")} and ${`${require("NAME2")}`}`\n',
        'const t = <A x={<B y={() => import("NAME")} />} />\n',
    ]
)
PLAIN = st.sampled_from(
    [
        '// import a from "OTHER"\n',
        '/* import a from "OTHER" */\n',
        'const u = `import a from "OTHER"`\n',
        "const v = 'import a from \"OTHER\"'\n",
        'const w = <p>Don\'t import a from "OTHER" ` // /* here</p>\n',
        "const x = <p title=\"it's\" data-x='a \"b\"'>a &lt; b {/* import 'OTHER' */}</p>\n",
        'const y = /import a from "OTHER"[/"`]/g.test(z) ? 1 / 2 : 3 / 4\n',
        "const aa = a < b && c > d ? `${{ a: 1 }.a}` : '\\''\n",
        "function ab<T,>(x: T) { return x as Array<T> }\n",
        "const ac = <T extends object>(x: T) => <>{x}</>\n",
        'Array.from("OTHER"); foo.import("OTHER"); foo.require("OTHER")\n',
        'const from = "OTHER"; const ad = { from: "OTHER", import: "OTHER" }\n',
        "const ae = import.meta.url\n",
        "const af = useState<Map<string, 'OTHER'>>(new Map())\n",
        "const ag = <Foo<string> a='OTHER' b>{'}'}</Foo>\n",
        "if (a) { b } else { /* } */ }\n",
        "class C { static #x = 'OTHER'; m() { return <i /> } }\n",
        "const ah = x++ / y--\n",
    ]
)


@given(st.lists(st.one_of(NAMED, PLAIN), max_size=12))
def test_exactly_the_module_names_are_found(parts: list[str]) -> None:
    source = "".join(parts)
    found = specifiers(source)
    assert [one.value for one in found] == [
        name for part in parts for name in ("NAME", "NAME2") if f"{name}" in _split(part)
    ]
    assert all(source[one.start : one.end] == one.value for one in found)


def _split(part: str) -> list[str]:
    return [word for word in ("NAME", "NAME2") if any(f"{quote}{word}{quote}" in part for quote in "\"'`")]


@given(st.lists(st.one_of(NAMED, PLAIN), max_size=12))
def test_renaming_changes_nothing_else_and_can_be_undone(parts: list[str]) -> None:
    source = "".join(parts)
    there = rewritten(source, "a.tsx", lambda name: {"NAME": "@/new", "NAME2": "@/new2"}.get(name, name))
    assert "NAME" not in there
    assert rewritten(there, "a.tsx", lambda name: {"@/new": "NAME", "@/new2": "NAME2"}[name]) == source


@given(st.text(alphabet="import from\"'`<>{}/()$\\\n*=a,;", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = specifiers(text)
    except Lost:
        return
    assert all(text[one.start : one.end] == one.value for one in found)


@pytest.mark.parametrize("text", ["{" * 5000, "`${" * 5000, "<a>" * 5000, "<a b={" * 5000, "<a b=<c " * 5000])
def test_what_is_nested_too_deep_is_refused(text: str) -> None:
    with pytest.raises(Unsupported, match="with certainty"):
        rewritten(text, "a.tsx", str)


def test_names_of_a_registry_become_the_projects() -> None:
    wanted = {
        "@/registry/new-york/ui/button": "~/ui/button",
        "@/registry/new-york/lib/utils": "~/lib/utils",
        "@/registry/bases/radix/lib/utils": "~/lib/utils",
        "@/registry/new-york/blocks/x/components/form": "~/parts/form",
        "@/registry/new-york/blocks/x/components/ui-kit": "~/parts/ui-kit",
        "@/registry/new-york/hooks/use-x": "~/hooks/use-x",
        "@/registry/new-york/lib/x": "~/lib/x",
        "@/registry/new-york/other": "~/parts/other",
        "@/registry": "~/parts",
        "@/components/ui/card": "~/ui/card",
        "@/components/x": "~/parts/x",
        "@/lib/utils": "~/lib/utils",
        "@/hooks/x": "~/hooks/x",
        "@/app/x": "~/app/x",
        "#registry/new-york/ui/x": "~/ui/x",
        "react": "react",
        "@radix-ui/react-slot": "@radix-ui/react-slot",
        "./x": "./x",
    }
    assert {name: mapped(name, ALIASES) for name in wanted} == wanted


def test_aliases_that_are_left_out_follow_from_the_others() -> None:
    found = full_aliases({"components": "@/components", "utils": "@/lib/utils"})
    assert found == {
        "components": "@/components",
        "utils": "@/lib/utils",
        "ui": "@/components/ui",
        "lib": "@/lib",
        "hooks": "@/hooks",
    }


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('"use client"\n\nimport a from "a"\n', 'import a from "a"\n'),
        ("'use client';\r\n\r\nimport a\r\n", "import a\r\n"),
        ('// note\n"use client"\nconst a = 1\n', "// note\nconst a = 1\n"),
        ('const a = "use client"\n', 'const a = "use client"\n'),
        ('"use strict"\n"use client"\nx()\n', '"use strict"\nx()\n'),
        ('"use client".length\n', '"use client".length\n'),
        ('"use client"', ""),
    ],
)
def test_use_client_is_taken_away_only_where_it_is_a_directive(source: str, wanted: str) -> None:
    assert without_client(source, "a.tsx") == wanted


def test_declarations_and_other_files_are_no_code() -> None:
    assert [is_code(name) for name in ("a.tsx", "a.ts", "a.d.ts", "a.css", "a.js")] == [True, True, False, False, True]
