"""The scanner finds the same module names as a whole parser, in the sources of real packages."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from conformance import node_tools

from openmanager_shadcn.adding.specifiers import specifiers

pytestmark = [pytest.mark.node, pytest.mark.timeout(300)]

FILES = 400
LARGEST = 100_000
PARSE = """
const { createRequire } = require("module");
const { parse } = createRequire(require("fs").realpathSync(process.argv[1] + "/shadcn/package.json"))("@babel/parser");
const out = {};
for (const file of require("fs").readFileSync(0, "utf8").split("\\n")) {
  const found = [];
  const name = (node) => {
    const value = node.type === "TemplateLiteral" ? node.quasis[0].value.raw : node.value;
    if (typeof value === "string" && !(node.expressions || []).length) found.push([node.start + 1, value]);
  };
  const walk = (node) => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (!node || typeof node !== "object") return;
    if (/^(Import|ExportAll|ExportNamed)Declaration$/.test(node.type) && node.source) name(node.source);
    const callee = node.type === "CallExpression" && node.callee;
    const loads = callee && (callee.type === "Import" || (callee.type === "Identifier" && callee.name === "require"));
    if (loads && node.arguments[0]) name(node.arguments[0]);
    if (node.type === "TSImportType") name(node.argument);
    if (node.type === "TSExternalModuleReference") name(node.expression);
    for (const key in node) if (key !== "loc" && key !== "extra") walk(node[key]);
  };
  try {
    const plugins = /\\.tsx?$/.test(file) ? ["typescript"] : [];
    if (!/\\.ts$/.test(file)) plugins.push("jsx");
    walk(parse(require("fs").readFileSync(file, "utf8"), { sourceType: "unambiguous", plugins }).program);
  } catch {
    continue;
  }
  out[file] = found.sort((a, b) => a[0] - b[0]);
}
console.log(JSON.stringify(out));
"""


def sources(modules: Path) -> list[Path]:
    """Source files of the packages, the same ones each time."""
    found = []
    for path in sorted(modules.resolve().rglob("*")):
        fits = path.suffix in (".js", ".mjs", ".ts", ".tsx", ".jsx") and not path.name.endswith(".d.ts")
        if fits and path.is_file() and path.stat().st_size < LARGEST:
            found.append(path)
    return found[:: max(1, len(found) // FILES)]


def test_the_scanner_finds_what_a_parser_finds() -> None:
    modules = node_tools.folder() / "node_modules"
    chosen = sources((modules / "shadcn").resolve().parent)
    done = subprocess.run(
        [str(modules / ".bin" / "node"), "-e", PARSE, str(modules)],
        input="\n".join(map(str, chosen)),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    found = {Path(name): [tuple(one) for one in names] for name, names in json.loads(done.stdout).items()}
    assert len(found) > FILES // 2
    seen = 0
    for path, wanted in found.items():
        source = path.read_text(encoding="utf-8")
        if any(char > "\uffff" for char in source):  # the parser counts these twice
            continue
        names = [(one.start, one.value) for one in specifiers(source, jsx=path.suffix != ".ts")]
        assert names == [one for one in wanted if "\\" not in source[one[0] : one[0] + len(one[1])]], path
        seen += len(names)
    assert seen > 100
