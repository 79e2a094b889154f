"""What a person who opens the page would not see is not shown to a model either: that is where orders are hidden.

Judged by the page alone (attributes, inline styles, simple rules of its own style sheets); style sheets under other
addresses are not loaded, so text that only they hide remains.
"""

from __future__ import annotations

import re
from typing import Any

_UNITS = r"(?:px|pt|em|rem|%|ex|ch|vw|vh)?"
_HIDING = re.compile(
    r"(?:^|;)\s*(?:"
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|content-visibility\s*:\s*hidden"
    r"|text-indent\s*:\s*-\s*\d{3,}|(?:margin-left|margin-top|left|top|right|bottom)\s*:\s*-\s*\d{3,}"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\)"
    r"|clip-path\s*:\s*(?:inset\(\s*(?:50|100)%|circle\(\s*0)|transform\s*:[^;]*scale\w*\(\s*0(?:\.0+)?[\s,)]"
    r"|transform\s*:[^;]*translate\w*\(\s*-\s*\d{4,}|color\s*:\s*transparent"
    r")",
    re.IGNORECASE,
)
_OPACITY = re.compile(r"(?:^|[;\s])opacity\s*:\s*(\d*\.?\d+)\s*(%?)", re.IGNORECASE)
_FONT_SIZE = re.compile(r"(?:^|[;\s])font-size\s*:\s*(\d*\.?\d+)\s*([a-z%]*)", re.IGNORECASE)
_SMALLEST = {"px": 3.0, "pt": 2.5, "em": 0.25, "rem": 0.25, "%": 25.0, "ex": 0.5, "ch": 0.5, "vw": 0.2, "vh": 0.2}
_SIZED_AWAY = re.compile(rf"(?:^|;)\s*(?:max-)?(?:height|width)\s*:\s*[01](?:\.0+)?{_UNITS}\s*(?=!|;|$)", re.IGNORECASE)
_OVERFLOW = re.compile(r"overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)", re.IGNORECASE)
_BACKGROUND = re.compile(r"background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
_WHITE = re.compile(
    r"^(?:white|#f[a-f0-9]f[a-f0-9]f[a-f0-9](?:ff)?|#ff[f]f?|rgba?\(\s*25[0-5][\s,]+25[0-5][\s,]+25[0-5].*|snow|ivory"
    r"|rgba\([^)]*,\s*0(?:\.0\d*)?\s*\)|#[0-9a-f]{6}0[0-9a-f]|#[0-9a-f]{3}0)$"
)
_RULE = re.compile(r"([^{}@;]+)\{([^{}]*)\}")
_AT_BLOCK = re.compile(r"@[^{};]*(?:;|\{(?:[^{}]|\{[^{}]*\})*\})")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?((?:[.#][a-zA-Z_][\w-]*){1,3})")
_MOST_CSS, _MOST_SELECTORS = 200_000, 60

INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufe00-\ufe0e\ud800-\udfff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d\ufe0f]|[\u200c\u200d\ufe0f](?=[\u200c\u200d\ufe0f])|\u200c(?![^\x00-\x7f])"
)
"""Characters that show nothing, or turn the reading direction; joiners stay between letters that they join."""

_CONTROLS = bytes(code for code in range(128) if (code < 32 and code not in (9, 10, 13)) or code == 127)
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u205f\u3000\u2028\u2029]")


def without_invisible(text: str) -> str:
    """Take out the characters that a reader would not see."""
    if text.isascii():
        return text.encode("ascii").translate(None, _CONTROLS).decode("ascii")
    return _SPACES.sub(" ", INVISIBLE.sub("", text))


def hides(style: str) -> bool:
    """Tell whether an inline style hides its element, its colours aside."""
    if _HIDING.search(style) or (_SIZED_AWAY.search(style) and _OVERFLOW.search(style)):
        return True
    opacity, font = _OPACITY.search(style), _FONT_SIZE.search(style)
    if opacity is not None and float(opacity[1]) < (10 if opacity[2] else 0.1):
        return True
    return font is not None and float(font[1]) < _SMALLEST.get(font[2].lower(), 0.001)


def drop_hidden(root: Any) -> int:
    """Remove what is hidden from a parsed page; gives how many pieces of text went."""
    doomed = list(root.xpath("//*[@hidden and not(@hidden='until-found')]"))
    for element in root.xpath("//*[@style]"):
        style = element.get("style")
        if hides(style) or _is_unreadable(element, style):
            doomed.append(element)
    doomed += root.xpath("//font[@color and (starts-with(@color, '#fff') or starts-with(@color, '#FFF')"
                         " or @color='white')][not(ancestor::*[@bgcolor or @background])]")  # fmt: skip
    for selector in _hiding_selectors(root):
        doomed += root.xpath(selector)
    gone = 0
    for element in doomed:
        if element.getparent() is not None and element.tag not in ("html", "body"):
            gone += bool("".join(element.itertext()).strip())
            element.drop_tree()
    return gone


def _is_unreadable(element: Any, style: str) -> bool:
    """Tell whether text has the colour of what is behind it, as far as the page itself says."""
    found = _COLOUR.search(style)
    if found is None:
        return False
    colour = found[1].strip().lower()
    behind = _BACKGROUND.search(style)
    if behind is not None:
        ground = behind[1].strip().lower()
        return colour == ground or (bool(_WHITE.match(colour)) and bool(_WHITE.match(ground)))
    if not _WHITE.match(colour):
        return False
    # White text without a ground of its own: on paper unless something around it says otherwise.
    around = element.iterancestors()
    return not any("background" in (up.get("style") or "") or up.get("bgcolor") for up in around)


def _hiding_selectors(root: Any) -> list[str]:
    """Find the simple selectors (tag, classes, id) that the page's own style sheets hide, as XPath."""
    css = "".join(str(text) for text in root.xpath("//style/text()"))[:_MOST_CSS]
    if "{" not in css:
        return []
    found: list[str] = []
    for selectors, body in _RULE.findall(_AT_BLOCK.sub("", _COMMENT.sub("", css))):
        if not hides(body):
            continue
        for selector in selectors.split(","):
            match = _SELECTOR.fullmatch(selector.strip())
            if match is None or len(found) >= _MOST_SELECTORS:
                continue
            tests = "".join(_test(part) for part in re.findall(r"[.#][\w-]+", match[2]))
            found.append(f"//{match[1] or '*'}{tests}")
    return found


def _test(part: str) -> str:
    if part[0] == "#":
        return f"[@id='{part[1:]}']"
    return f"[contains(concat(' ', normalize-space(@class), ' '), ' {part[1:]} ')]"
