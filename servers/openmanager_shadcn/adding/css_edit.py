"""Small changes of a stylesheet's tree in the style that the file has: its indentation and its line ends."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from openmanager_core.errors import SourceInvalid
from openmanager_core.job import checkpoint
from openmanager_core.text import quoted
from openmanager_shadcn.adding.css_tree import CssProblem, Node, parse, plain

_PROPERTY = re.compile(r"-{0,2}[A-Za-z_][\w-]*|--[\w-]+")
_AT = re.compile(r"@([A-Za-z-]+)\s*(.*)", re.DOTALL)
_LONGEST = 20_000


@dataclass(slots=True)
class Sheet:
    """A stylesheet that is being changed.

    Attributes
    ----------
    kept
        What has another value than wanted and was left: selector, property, value there, value wanted.
    overwrite
        Whether such values are replaced instead.
    """

    root: Node
    line_end: str = "\n"
    indent: str = "  "
    overwrite: bool = False
    kept: list[tuple[str, str, str, str]] = field(default_factory=list)
    _depths: dict[int, int] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, *, overwrite: bool = False) -> Sheet:
        """Read a stylesheet.

        Raises
        ------
        CssProblem
            If it cannot be changed safely.
        """
        root = parse(text)
        if str(root) != text:
            raise CssProblem("it does not come back as it is written")
        windows = 2 * text.count("\r\n") > text.count("\n") > 0
        return cls(root, "\r\n" if windows else "\n", _indent(root), overwrite)

    def find(self, parent: Node, head: str) -> Node | None:
        """Find the block in `parent` with this head."""
        wanted = plain(head)
        return next((node for node in parent.children if node.closed and plain(node.text) == wanted), None)

    def block(self, parent: Node, head: str) -> Node:
        """Give the block with this head, made at the end of `parent` if there is none."""
        found = self.find(parent, head)
        if found is None:
            found = Node("at" if head.startswith("@") else "rule", text=f"{head} ", closed=True)
            self._append(parent, found)
            depth = self._depth(parent) + 1
            self._depths[id(found)] = depth
            found.after = self.line_end + self.indent * (depth - 1)
        return found

    def declare(self, block: Node, name: str, value: str, *, overwrite: bool | None = None) -> None:
        """Give a property its value; one that is there already stays unless `overwrite`."""
        checkpoint()
        wanted = plain(value)
        for node in block.children:
            if node.kind == "decl" and node.name == name:
                if node.value == wanted:
                    return
                if not (self.overwrite if overwrite is None else overwrite):
                    self.kept.append((plain(block.text), name, node.value, wanted))
                    return
                head = node.text[: node.text.index(":") + 1]
                space = re.match(r"\s*", node.text[len(head) :])
                node.text = f"{head}{space.group() if space else ' '}{value}"
                return
        self._append(block, Node("decl", text=f"{name}: {value}", end=";"))

    def state(self, parent: Node, name: str, params: str, *, after: tuple[str, ...] = ()) -> None:
        """See to it that the at-rule without a body is there: behind the last of `after`, else at the end."""
        wanted = _unquoted(params)
        same = [node for node in parent.children if node.kind == "at" and not node.closed and node.name == name]
        if any(_unquoted(node.value) == wanted for node in same):
            return
        node = Node("at", text=plain(f"@{name} {params}"), end=";")
        if not after:
            self._append(parent, node)
            return
        places = [i for i, one in enumerate(parent.children) if not one.closed and one.name in after]
        kind_before = parent.children[places[-1]].name if places else ""
        place = places[-1] + 1 if places else 0
        self.insert(parent, place, node, blank=bool(place) and kind_before != name)

    def insert(self, parent: Node, place: int, node: Node, *, blank: bool) -> None:
        """Put a node between others of the root."""
        if place >= len(parent.children):
            self._append(parent, node)
            return
        if place:
            self._end(parent.children[place - 1])
            node.before = self.line_end * (2 if blank else 1)
            follower = parent.children[place]
            if blank and follower.before.count("\n") == 1:
                follower.before = self.line_end + follower.before
        else:
            follower = parent.children[0]
            mark = "\ufeff" if follower.before.startswith("\ufeff") else ""
            node.before = follower.before
            follower.before = self.line_end * (1 if follower.name == node.name else 2)
            node.before = mark + node.before.removeprefix(mark)
        parent.children.insert(place, node)

    def _append(self, parent: Node, node: Node) -> None:
        if parent.kind == "root":
            if parent.children:
                same = not node.closed and parent.children[-1].name == node.name and not parent.children[-1].closed
                node.before = self.line_end * (1 if same else 2)
                self._end(parent.children[-1])
                if not parent.after:
                    parent.after = ""
            else:
                node.before, parent.after = parent.after.rstrip(" \t"), self.line_end
        else:
            inner = [child.before for child in parent.children if child.kind != "comment" and "\n" in child.before]
            depth = self._depth(parent)
            pad = inner[-1].rpartition("\n")[2] if inner else self.indent * depth
            one_line = bool(parent.children) and not inner
            node.before = " " if one_line else self.line_end + pad
            if parent.children:
                self._end(parent.children[-1])
                if parent.children[-1].kind == "comment" and one_line:
                    node.before = self.line_end + pad
            elif "\n" not in parent.after:
                parent.after = self.line_end + self.indent * (depth - 1)
        parent.children.append(node)

    def _end(self, node: Node) -> None:
        if not node.closed and node.kind in ("decl", "at") and not node.end:
            node.end = ";"

    def _depth(self, node: Node) -> int:
        """How many blocks are around what stands in `node`."""
        if not self._depths:
            self._learn(self.root, 0)
        return self._depths.get(id(node), 1)

    def _learn(self, node: Node, depth: int) -> None:
        self._depths[id(node)] = depth
        for child in node.children:
            if child.closed:
                self._learn(child, depth + 1)


def _indent(root: Node) -> str:
    for node in root.children:
        if node.closed:
            for child in node.children:
                if "\n" in child.before and (pad := child.before.rpartition("\n")[2]):
                    return pad
    return "  "


def _unquoted(params: str) -> str:
    text = plain(params)
    return text[1:-1] if len(text) > 1 and text[0] in "\"'" and text[0] == text[-1] else text.replace("'", '"')


# -- what comes from a registry has to be what it says it is ------------------------------------------------------


def property_name(name: str) -> str:
    """Take a property's name from outside.

    Raises
    ------
    SourceInvalid
        If it is none.
    """
    if not _PROPERTY.fullmatch(name) or len(name) > 200:
        raise SourceInvalid(f"the registry's CSS has a property named {quoted(name, 60)}, which is no name")
    return name


def value_of(name: str, value: object) -> str:
    """Take a value from outside: one value, which cannot end its declaration or block.

    Raises
    ------
    SourceInvalid
        If it can.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value:g}"
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise SourceInvalid(f"the registry's CSS: {quoted(name, 60)} has no text as its value")
    _exactly(f"--x:{value};", "decl", f"the value {quoted(value, 80)} of {quoted(name, 60)}")
    if not value.strip():
        raise SourceInvalid(f"the registry's CSS: {quoted(name, 60)} has an empty value")
    return value.strip() if '"' in value or "'" in value else plain(value)


def selector_of(selector: str) -> str:
    """Take a selector or keyframe's place from outside.

    Raises
    ------
    SourceInvalid
        If more than that is in it.
    """
    _exactly(f"{selector}{{}}", "rule", f"the selector {quoted(selector, 80)}")
    return plain(selector)


def at_rule_of(key: str) -> tuple[str, str]:
    """Take an at-rule's name and parameters from outside.

    Raises
    ------
    SourceInvalid
        If more than that is in it.
    """
    match = _AT.fullmatch(key.strip())
    if match is None:
        raise SourceInvalid(f"the registry's CSS has {quoted(key, 80)}, which is no at-rule")
    _exactly(f"{key.strip()};", "at", f"the at-rule {quoted(key, 80)}")
    return match.group(1), plain(match.group(2))


def _exactly(text: str, kind: str, what: str) -> None:
    try:
        if len(text) > _LONGEST:
            raise CssProblem("too long")
        found = parse(text).children
    except CssProblem as exc:
        raise SourceInvalid(f"the registry's CSS: {what} cannot be used: {exc}") from None
    if len(found) != 1 or found[0].kind != kind or found[0].children or "/*" in text or "<!--" in text:
        raise SourceInvalid(f"the registry's CSS: {what} holds more than that")
