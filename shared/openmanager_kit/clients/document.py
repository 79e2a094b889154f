"""A client's file as a table of servers that can be changed one by one, whatever its notation.

Everything outside of the changed entries keeps its bytes: order, indentation, comments, trailing commas, byte order
mark and line ends.
"""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

from openmanager_core.errors import InvalidRequest
from openmanager_kit.clients import jsonc, jsonc_edit, toml_edit
from openmanager_kit.clients.formats import Client

INPUTS = "inputs"


class Document:
    """The text of one file and how to change it; nothing is written here.

    Parameters
    ----------
    content
        Bytes of the file; None or blank for a file that is to be made.

    Raises
    ------
    InvalidRequest
        If it cannot be read as what it should be; names the file, line and column.
    """

    def __init__(self, file: Path, client: Client, content: bytes | None) -> None:
        self.file = file
        self.client = client
        self._mark = codecs.BOM_UTF8 if content and content.startswith(codecs.BOM_UTF8) else b""
        try:
            self.text = (content or b"")[len(self._mark) :].decode("utf-8")
        except UnicodeDecodeError as exc:
            raise InvalidRequest(
                f"{file}: is not UTF-8 (byte {exc.start + len(self._mark)})", hint="save it as UTF-8"
            ) from None
        if not self.text.strip() and not client.toml:
            self.text = "{}\n"
        self.whole: dict[str, Any] = {}
        self._read()

    @property
    def content(self) -> bytes:
        """The bytes as changed."""
        return self._mark + self.text.encode("utf-8")

    @property
    def servers(self) -> dict[str, Any]:
        """Every entry, ours and foreign."""
        found = self.whole.get(self.client.root, {})
        assert isinstance(found, dict)
        return found

    @property
    def inputs(self) -> list[Any]:
        """The questions for secrets that are there."""
        found = self.whole.get(INPUTS, []) if self.client.asks else []
        assert isinstance(found, list)
        return found

    def put(self, name: str, values: dict[str, Any], gone: tuple[str, ...] = ()) -> None:
        """Set keys of an entry, or make it."""
        root = self.client.root
        if self.client.toml:
            self._change(lambda: toml_edit.put(self.text, root, name, values, gone))
        elif name not in self.servers:
            self._change(lambda: jsonc_edit.put(self.text, (root, name), values))
        else:
            for key in gone:
                self._change(lambda key=key: jsonc_edit.remove(self.text, (root, name, key)))
            for key, value in values.items():
                if self.servers[name].get(key) != value:
                    self._change(lambda k=key, v=value: jsonc_edit.put(self.text, (root, name, k), v))

    def remove(self, name: str) -> None:
        """Take an entry out."""
        if self.client.toml:
            self._change(lambda: toml_edit.remove(self.text, self.client.root, name))
        else:
            self._change(lambda: jsonc_edit.remove(self.text, (self.client.root, name)))

    def add_input(self, asked: dict[str, Any]) -> None:
        """Add a question for a secret."""
        if INPUTS in self.whole:
            self._change(lambda: jsonc_edit.append(self.text, (INPUTS,), asked))
        else:
            self._change(lambda: jsonc_edit.put(self.text, (INPUTS,), [asked]))

    def remove_input(self, index: int) -> None:
        """Take a question out."""
        self._change(lambda: jsonc_edit.remove(self.text, (INPUTS, index)))

    def drop_if_empty(self, key: str) -> None:
        """Take a key of the whole out if nothing is left below it."""
        if not self.client.toml and key in self.whole and self.whole[key] in ({}, []):
            self._change(lambda: jsonc_edit.remove(self.text, (key,)))

    def essence(self) -> str:
        """Give values and comments, without white space: what a person would miss."""
        if self.client.toml:
            return "\n".join(line.strip() for line in self.text.splitlines() if line.strip())
        return json.dumps(self.whole) + "\n".join(jsonc.comments(self.text))

    def _change(self, edit: Any) -> None:
        try:
            self.text = edit()
        except jsonc.Unreadable as exc:
            raise self._unreadable(exc) from None
        self._read()

    def _read(self) -> None:
        try:
            whole = toml_edit.parse(self.text) if self.client.toml else jsonc.root(self.text).value
        except jsonc.Unreadable as exc:
            raise self._unreadable(exc) from None
        if not isinstance(whole, dict):
            raise InvalidRequest(f"{self.file}: must hold one object, {{...}}", hint="repair it, or move it away")
        found = whole.get(self.client.root, {})
        if not isinstance(found, dict):
            raise self._wrong(self.client.root, "an object of servers")
        for name, entry in found.items():
            if not isinstance(entry, dict):
                raise self._wrong(f"{self.client.root}.{name}", "an object")
        if self.client.asks and not isinstance(whole.get(INPUTS, []), list):
            raise self._wrong(INPUTS, "a list")
        self.whole = whole

    def _wrong(self, key: str, kind: str) -> InvalidRequest:
        return InvalidRequest(f"{key}, {self.file}: must be {kind}", hint="repair it; nothing was written")

    def _unreadable(self, exc: jsonc.Unreadable) -> InvalidRequest:
        notation = "TOML" if self.client.toml else "JSON"
        return InvalidRequest(f"{self.file}, {exc}", hint=f"repair it (it must be {notation}); nothing was written")
