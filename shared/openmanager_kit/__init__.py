"""Everything shared that knows MCP or a process: tools, hosting, profiles, clients, the command line."""

from __future__ import annotations


def version() -> str:
    """Give the version of the distribution; of the checkout, where it is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("openmanager-mcp")
    except PackageNotFoundError:
        import tomllib
        from pathlib import Path

        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])
