"""Write every package format from ``packaging/manifest.toml``: ``python tools/package.py [--check | --bundle FOLDER]``.

With ``--check`` nothing is written and a file that is out of date is a failure. ``--bundle`` puts what an ``.mcpb``
holds into a folder, for ``mcpb pack``.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
SERVER_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
PLUGIN = "packaging/claude-plugin"
IN_BUNDLE = ("pyproject.toml", "README.md", "LICENSE", "configs", "servers", "shared")
_BUTTONS = re.compile(r"(<!-- buttons:start -->)\n.*?(<!-- buttons:end -->)", re.DOTALL)

Json = dict[str, Any]


class Facts:
    """The manifest and what ``pyproject.toml`` says."""

    def __init__(self, root: Path = ROOT) -> None:
        self.manifest: Json = tomllib.loads((root / "packaging/manifest.toml").read_text("utf-8"))
        self.project: Json = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
        self.version: str = self.project["version"]

    def __getitem__(self, key: str) -> Any:
        return self.manifest[key]

    def serve(self, *more: str) -> list[str]:
        """The words that serve the whole bench, after the program."""
        return ["serve", "--config", self["profile"], *more]

    def started(self, *more: str) -> Json:
        """An entry that runs the published package, in the notation that most clients share."""
        return {"command": "uvx", "args": ["--from", self["package"], "openmanager", *self.serve(*more)]}

    @property
    def variables(self) -> list[Json]:
        """The settings that are variables."""
        return [setting for setting in self["settings"] if "variable" in setting]


def registry(facts: Facts) -> str:
    """``server.json`` of the MCP registry."""
    format_of = {"boolean": "boolean", "string": "string"}
    root = {
        "type": "named", "name": "--root", "description": facts["settings"][0]["description"], "format": "filepath",
        "isRequired": True, "isRepeated": True,
    }  # fmt: skip
    words = [
        {"type": "positional", "value": "serve"},
        {"type": "named", "name": "--config", "value": facts["profile"]},
        root,
    ]
    variables = [
        {"name": s["variable"], "description": s["description"], "format": format_of[s["kind"]]}
        | ({"default": s["default"]} if "default" in s else {})
        for s in facts.variables
    ]
    return _json(
        {
            "$schema": SERVER_SCHEMA,
            "name": facts["registry_name"],
            "title": facts["title"],
            "description": facts["description"],
            "version": facts.version,
            "repository": {"url": facts["repository"], "source": "github"},
            "packages": [
                {
                    "registryType": "pypi",
                    "identifier": facts["package"],
                    "version": facts.version,
                    "runtimeHint": "uvx",
                    "transport": {"type": "stdio"},
                    "packageArguments": words,
                    "environmentVariables": variables,
                }
            ],
        }
    )


def bundle(facts: Facts) -> str:
    """``manifest.json`` of the ``.mcpb`` bundle, which runs its own sources with uv."""
    user_config = {
        s["key"]: {"type": s["kind"], "title": s["title"], "description": s["description"]}
        | {"required": s.get("required", False)}
        | ({} if s.get("required") else {"default": s.get("default") == "true" if s["kind"] == "boolean" else ""})
        for s in facts["settings"]
    }
    args = ["run", "--directory", "${__dirname}", "--no-dev", "openmanager"]
    return _json(
        {
            "manifest_version": "0.4",
            "name": facts["package"],
            "display_name": facts["title"],
            "version": facts.version,
            "description": facts["description"],
            "long_description": facts["long_description"],
            "author": {"name": facts["author"], "url": facts["repository"]},
            "repository": {"type": "git", "url": facts["repository"]},
            "documentation": f"{facts['repository']}#readme",
            "server": {
                "type": "uv",
                "entry_point": "shared/openmanager_kit/__main__.py",
                "mcp_config": {
                    "command": "uv",
                    "args": [*args, *facts.serve("--root", "${user_config.folder}")],
                    "env": {s["variable"]: f"${{user_config.{s['key']}}}" for s in facts.variables},
                },
            },
            "tools_generated": True,  # which tools there are depends on what the user sets
            "prompts_generated": True,
            "keywords": facts.project["keywords"],
            "license": facts.project["license"],
            "compatibility": {
                "platforms": ["darwin", "linux"],
                "runtimes": {"python": facts.project["requires-python"]},
            },
            "user_config": user_config,
        }
    )


def marketplace(facts: Facts) -> str:
    """The catalogue that ``claude plugin marketplace add`` reads from the repository's root."""
    plugin = {"name": facts["name"], "source": f"./{PLUGIN}", "description": facts["description"]}
    return _json(
        {
            "name": facts["package"],
            "owner": {"name": facts["author"]},
            "metadata": {"description": facts["description"], "version": facts.version},
            "plugins": [plugin | {"version": facts.version, "license": facts.project["license"]}],
        }
    )


def plugin(facts: Facts) -> str:
    """The Claude Code plugin's own description."""
    return _json(
        {
            "name": facts["name"],
            "version": facts.version,
            "description": facts["description"],
            "author": {"name": facts["author"], "url": facts["repository"]},
            "homepage": facts["repository"],
            "repository": facts["repository"],
            "license": facts.project["license"],
            "keywords": facts.project["keywords"],
        }
    )


def plugin_servers(facts: Facts) -> str:
    """The server that the plugin brings, over the project that Claude Code was started in."""
    return _json({"mcpServers": {facts["name"]: facts.started("--root", "${CLAUDE_PROJECT_DIR:-.}")}})


def gemini(facts: Facts) -> str:
    """The Gemini CLI extension, over its workspace; settings that are empty are not passed on."""
    settings = [
        {"name": s["title"], "description": s["description"], "envVar": s["variable"], "sensitive": False}
        for s in facts.variables
    ]
    return _json(
        {
            "name": facts["name"],
            "version": facts.version,
            "description": facts["description"],
            "mcpServers": {facts["name"]: facts.started("--root", "${workspacePath}")},
            "settings": settings,
        }
    )


def dockerfile(facts: Facts) -> str:
    """The image: what was verified by hash and nothing else, a user without rights, the service by default."""
    docker = facts["docker"]
    command = ["up", "--config", facts["profile"], "--host", "0.0.0.0"]  # noqa: S104  (not without a token)
    url = f"http://127.0.0.1:{docker['port']}"
    health = ["openmanager", "status", "--url", url, "--token-env", docker["token_variable"]]
    times = "--interval=60s --timeout=15s --start-period=30s --retries=3"
    return f"""\
# Written by `make package`; change packaging/manifest.toml or tools/package.py. How to run it: packaging/README.md.
FROM {docker["base"]} AS build
WORKDIR /src
COPY requirements.lock ./
RUN pip download --quiet --no-cache-dir --require-hashes --requirement requirements.lock --dest /wheels
COPY {" ".join(name for name in IN_BUNDLE if "." in name or name.isupper())} ./
COPY configs ./configs
COPY servers ./servers
COPY shared ./shared
RUN python -m venv /opt/openmanager \\
    && /opt/openmanager/bin/pip install --quiet --no-cache-dir --no-index --find-links /wheels . \\
    && /opt/openmanager/bin/python -m compileall -q /opt/openmanager/lib

FROM {docker["base"]}
LABEL io.modelcontextprotocol.server.name="{facts["registry_name"]}" \\
    org.opencontainers.image.title="{facts["title"]}" \\
    org.opencontainers.image.description="{facts["description"]}" \\
    org.opencontainers.image.version="{facts.version}" \\
    org.opencontainers.image.source="{facts["repository"]}" \\
    org.opencontainers.image.licenses="{facts.project["license"]}"
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends git \\
    && rm -rf /var/lib/apt/lists/* \\
    && useradd --create-home --uid 10001 openmanager \\
    && install -d -o openmanager -g openmanager -m 0700 /data \\
    && install -d -o openmanager -g openmanager /work
COPY --from=build /opt/openmanager /opt/openmanager
ENV PATH=/opt/openmanager/bin:$PATH \\
    PYTHONUNBUFFERED=1 \\
    OPENMANAGER_HOME=/data \\
    OPENMANAGER_ROOTS=/work \\
    OPENMANAGER_HTTP_TOKEN_ENV={docker["token_variable"]} \\
    OPENMANAGER_ALLOWED_HOSTS=localhost,127.0.0.1
USER openmanager
WORKDIR /work
VOLUME ["/data"]
EXPOSE {docker["port"]}
STOPSIGNAL SIGTERM
HEALTHCHECK {times} CMD {json.dumps(health)}
ENTRYPOINT ["openmanager"]
CMD {json.dumps(command)}
"""


def dockerignore(facts: Facts) -> str:
    """Lets only what the image is made of into the build."""
    return "*\n" + "".join(f"!{name}\n" for name in (*IN_BUNDLE, "requirements.lock")) + "**/__pycache__\n"


def buttons(facts: Facts) -> str:
    """Links that add the server to a client; a client that expands no variables gets it without a folder."""
    name, rooted = facts["name"], facts.started("--root", "${workspaceFolder}")
    bare = facts.started()
    cursor = f"https://cursor.com/en/install-mcp?name={name}&config={_base64(rooted)}"
    vscode = "https://insiders.vscode.dev/redirect/mcp/install?name={}&config={}".format(
        name, quote(json.dumps({"type": "stdio", **rooted}, separators=(",", ":")), safe="")
    )
    studio = f"https://lmstudio.ai/install-mcp?name={name}&config={_base64(bare)}"
    badge = "https://img.shields.io/badge/{}-add_{}-{}"
    links = (("Cursor", cursor, "black"), ("VS Code", vscode, "0098FF"), ("LM Studio", studio, "4338CA"))
    return "\n".join(
        f"[![Add to {title}]({badge.format(quote(title), facts['title'], colour)})]({link})"
        for title, link, colour in links
    )


def _base64(value: Json) -> str:
    return quote(base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode(), safe="")


def _json(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[Facts], str]] = {
    "server.json": registry,
    "packaging/mcpb/manifest.json": bundle,
    ".claude-plugin/marketplace.json": marketplace,
    f"{PLUGIN}/.claude-plugin/plugin.json": plugin,
    f"{PLUGIN}/.mcp.json": plugin_servers,
    "gemini-extension.json": gemini,
    "Dockerfile": dockerfile,
    ".dockerignore": dockerignore,
}
"""File, and what writes it. Those in the root are where the tools that read them look."""


def render(root: Path = ROOT) -> dict[Path, str]:
    """Give every file with what should stand in it."""
    facts = Facts(root)
    texts = {root / name: write(facts) for name, write in FILES.items()}
    for name in ("README.md", "README.ko.md"):
        readme = root / name
        texts[readme] = _BUTTONS.sub(rf"\g<1>\n{buttons(facts)}\n\g<2>", readme.read_text("utf-8"))
    return texts


def stage(folder: Path, root: Path = ROOT) -> None:
    """Put what the bundle holds into a folder that does not exist yet."""
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in IN_BUNDLE:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    (folder / "manifest.json").write_text(bundle(Facts(root)), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Bring the files up to date, or check that they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="put what an .mcpb holds there")
    args = parser.parse_args(argv)
    if args.bundle is not None:
        stage(args.bundle)
        return 0
    stale = {path: text for path, text in render().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if args.check:
            sys.stderr.write(f"package: {path.relative_to(ROOT)} is out of date; run make package\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if args.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
