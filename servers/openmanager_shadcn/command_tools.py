"""The tools around an add: the command for a shell, and what to check afterwards."""

from __future__ import annotations

import shlex
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from openmanager_core.errors import FleetError
from openmanager_kit.answers import Answer
from openmanager_shadcn.addresses import item_address
from openmanager_shadcn.desk import ProjectFolder, TheDesk
from openmanager_shadcn.items import Item
from openmanager_shadcn.packages import Packages, package_name
from openmanager_shadcn.parameters import Items
from openmanager_shadcn.project import Project
from openmanager_shadcn.showing import named, short

_LINTS = ("lint", "lint:fix", "eslint", "biome", "check")
_TYPES = ("typecheck", "type-check", "types", "tsc")
_TESTS = ("test", "test:unit", "vitest")
_MOST_CHECKS = 60


class AddCommand(Answer):
    """A command line that adds items."""

    command: str
    items: list[str]
    package_manager: str
    decided_by: str
    note: str

    def as_text(self) -> str:
        """The command, then what decided it."""
        return f"{self.command}\n[{self.note}]"


class Check(TypedDict):
    """One thing to check; `state` is ``done``, ``missing`` or ``to do``."""

    check: str
    state: str


class Checklist(Answer):
    """What to check after an add."""

    checks: list[Check]
    note: str

    def as_text(self) -> str:
        """A list to tick off."""
        boxes = {"done": "[x]", "missing": "[ ] MISSING:", "to do": "[ ]"}
        return "\n".join([self.note, *(f"- {boxes[check['state']]} {check['check']}" for check in self.checks)])


async def get_add_command_for_items(desk: TheDesk, items: Items, project: ProjectFolder = "") -> AddCommand:
    """Give the shadcn command that adds items, quoted for a POSIX shell. It is not run."""
    addresses = [str(item_address(name)) for name in dict.fromkeys(items)]
    found = await desk.project(project)
    manager = await desk.packages(found)
    command = f"{manager.runner} shadcn@latest add {' '.join(map(shlex.quote, addresses))}"
    why = f"{manager.manager}, as {manager.why} says" if manager.why else "npm is assumed: no lock file was found"
    note = why if found.present else f"{why}; there is no components.json here: `{manager.runner} shadcn@latest init`"
    return AddCommand(
        command=command, items=addresses, package_manager=manager.manager, decided_by=manager.why, note=note
    )


async def get_audit_checklist(
    desk: TheDesk,
    items: Annotated[
        list[str], Field(description="Items that were added: their needs are checked too", max_length=50)
    ] = [],  # noqa: B006 - never changed
    project: ProjectFolder = "",
) -> Checklist:
    """Give a checklist for after components were added: what this project already shows, and what is left to do."""
    found = await desk.project(project)
    packages = await desk.packages(found)
    added: list[Item] = []
    checks: list[Check] = []
    if items:
        try:
            added = await desk.shelf(found).resolve(items)
        except FleetError as exc:
            checks.append(_check(f"the items could not be looked up: {short(exc.message)}", "to do"))
    checks += _project_checks(found, packages)
    checks += _item_checks(added, packages)
    checks += _usual_checks(found, packages)
    return Checklist(checks=checks[:_MOST_CHECKS], note="After adding components, check:")


def _project_checks(project: Project, packages: Packages) -> list[Check]:
    init = f"{packages.runner} shadcn@latest init"
    checks = [
        _check("components.json is there", "done") if project.present else _check(f"components.json: {init}", "missing")
    ]
    if not packages.present:
        checks.append(_check("package.json in the project's folder", "missing"))
    if project.present:
        if project.tailwind.css:
            checks.append(_check(f"{named(project.tailwind.css)} is imported by the app", "to do"))
        shown = ", ".join(f"{named(name)} {named(path)}" for name, path in list(project.aliases.items())[:8])
        if shown:
            checks.append(_check(f"the import aliases resolve (tsconfig, bundler): {shown}", "to do"))
    return checks


def _item_checks(items: list[Item], packages: Packages) -> list[Check]:
    wanted = {
        package_name(spec): spec for item in items for spec in (*item.dependencies, *item.dev_dependencies) if spec
    }
    missing = sorted(name for name in wanted if name not in packages.installed)
    checks = []
    if missing:
        listed = ", ".join(map(named, missing[:30]))
        checks.append(
            _check(f"npm packages that package.json does not name ({packages.adder} ...): {listed}", "missing")
        )
    elif wanted:
        checks.append(_check(f"package.json names all {len(wanted)} npm packages", "done"))
    variables = sorted({name for item in items for name in item.env_vars})
    if variables:
        checks.append(_check(f"environment variables are set: {', '.join(map(named, variables[:30]))}", "to do"))
    styled = [item.address for item in items if item.css or item.css_vars.theme or item.css_vars.light]
    if styled:
        checks.append(_check(f"CSS of {', '.join(map(named, styled[:20]))} is in the stylesheet", "to do"))
    notes = [f"{named(item.address)}: {short(item.docs)}" for item in items if item.docs]
    return checks + [_check(f"the registry's notes on {note}", "to do") for note in notes[:10]]


def _usual_checks(project: Project, packages: Packages) -> list[Check]:
    checks = [_check("imports are right: named or default, and from the project's aliases", "to do")]
    if "next" in packages.installed:
        checks.append(_check("hosts of next/image are in images.remotePatterns of the Next configuration", "to do"))
    if project.rsc:
        checks.append(_check('components with state or effects begin with "use client"', "to do"))
    for names, words in ((_TYPES, "no type errors"), (_LINTS, "no lint errors"), (_TESTS, "tests pass")):
        script = next((name for name in names if name in packages.scripts), "")
        if script:
            checks.append(_check(f"{words}: {packages.script_runner} {script}", "to do"))
        elif words == "no type errors" and project.tsx:
            checks.append(_check("no type errors: tsc --noEmit", "to do"))
    checks.append(_check("seen in a browser, light and dark, by keyboard, on a narrow screen", "to do"))
    return checks


def _check(text: str, state: str) -> Check:
    return Check(check=text, state=state)
