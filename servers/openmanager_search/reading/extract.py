"""From an HTML page to Markdown: hidden text and clutter go, the main part stays with its links, code and tables.

The tree is made and pruned with lxml, the Markdown written by html-to-markdown; why these two is in
docs/decisions/search-extraction.md. Runs in a worker process only.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import lxml.html
from html_to_markdown import ConversionOptions, convert

from openmanager_search.reading.hidden import drop_hidden, without_invisible

Mode = Literal["markdown", "main", "text"]

_NEVER = (
    "script", "style", "template", "svg", "math", "iframe", "frame", "object", "embed", "applet", "canvas", "audio",
    "video", "map", "head", "link", "meta", "base", "input", "select", "textarea", "button", "dialog", "datalist",
)  # fmt: skip
_FURNITURE = ("nav", "footer", "aside", "noscript", "form", "menu")
_ROLES = ("navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog", "menu", "menubar")
_CLUTTER = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|advert(?:isement)?s?|ads?|adbox|banner-ad|sponsor(?:ed)?|promo|"
    r"newsletter|subscribe|signup|share|sharing|social|related|recommend(?:ed|ations)?|breadcrumbs?|sidebar|"
    r"nav(?:bar|igation)?|menu|masthead|footer|pagination|pager|popup|modal|skip-?link|widget|outbrain|taboola|"
    r"site-header|toc-toggle|headerlink|edit-?section|mw-editsection|print-only|sr-only|visually-hidden)(?:$|[\s_-])",
    re.IGNORECASE,
)
_BLOCKS = ("div", "section", "ul", "ol", "p", "header", "table", "span", "h2", "h3", "h4", "a")
_MAIN = (
    "//main", "//*[@role='main']", "//*[@itemprop='articleBody']", "//article",
    "//*[@id='content' or @id='main' or @id='main-content' or @id='mainbar' or @id='bodyContent' or @id='article']",
    "//*[contains(concat(' ', @class, ' '), ' post-content ') or contains(concat(' ', @class, ' '), ' entry-content ')"
    " or contains(concat(' ', @class, ' '), ' markdown-body ')"
    " or contains(concat(' ', @class, ' '), ' article-body ')]",
)  # fmt: skip
_LINK = re.compile(r"^\s*(?:https?:|/|\?|\.|[^:/?#]+(?:$|[/?#])|mailto:)", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{4,}")
_MARKS = ("", "¶", "#", "§", "🔗", "↑", "^")
"""What a heading's link to itself, or a note's way back, shows."""

_ENOUGH_SHARE, _FEW_CHARS = 0.25, 200
_NEEDS_BROWSER = "there is little text: this page may need a browser to show its content"


def extracted(html: str, url: str, mode: Mode = "markdown") -> dict[str, Any]:
    """Give ``text``, ``title`` and ``notes`` of a page.

    Parameters
    ----------
    mode
        ``markdown``: the main part as Markdown; ``main``: the same as plain text; ``text``: the whole page as plain
        text.
    """
    root = _tree(html)
    if root is None:
        return {"text": "", "title": "", "notes": ["the page is empty"]}
    title = without_invisible(" ".join("".join(root.xpath("(//head/title|//title)[1]//text()")).split()))[:300]
    base = "".join(root.xpath("(//base/@href)[1]"))
    gone = drop_hidden(root)
    _drop(root, _NEVER)
    _clean_links(root)
    _open_layout_tables(root)
    part = root
    if mode != "text":
        part = _main_part(root)
    text = _written(part, url, base, plain=mode != "markdown")
    if not text:
        # A page of nothing but a menu; or what an application's shell shows where no script runs.
        for element in root.iter(*_FURNITURE):
            element.tag = "div"
        text = _written(root, url, base, plain=mode != "markdown")
    notes = [f"{gone} hidden piece{'s' if gone > 1 else ''} of text removed"] if gone else []
    if len(text) < _FEW_CHARS and html.count("<script") > 0 and len(html) > 20 * len(text):
        notes.append(_NEEDS_BROWSER)
    return {"text": text, "title": title, "notes": notes}


def _tree(html: str) -> Any:
    text = html.replace("\0", "")
    if not text.strip():
        return None
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return None


def _drop(root: Any, tags: tuple[str, ...]) -> None:
    for element in list(root.iter(*tags)):
        if element.getparent() is not None:
            element.drop_tree()


def _open_layout_tables(root: Any) -> None:
    """Make blocks of tables that only place things: the cells of Markdown hold no headings or paragraphs."""
    inner = "descendant::h1 or descendant::h2 or descendant::h3 or descendant::table or descendant::pre"
    for table in root.xpath(f"//table[not(descendant::th) and ({inner} or count(descendant::p) > 1)]"):
        for part in table.iter("table", "tbody", "tr", "td"):
            part.tag = "div"


def _clean_links(root: Any) -> None:
    """Leave links that can be followed; what they say stays."""
    for element in root.xpath("//a[@href]"):
        href = element.get("href")
        if href.startswith("#") and "".join(element.itertext()).strip() in _MARKS:
            element.drop_tree()
        elif not _LINK.match(href) or len(href) > 2000:
            element.drop_tag()
    for element in root.xpath("//img"):
        source, words = element.get("src") or "", (element.get("alt") or "").strip()
        if not words:
            element.drop_tree()
        elif not _LINK.match(source) or len(source) > 2000:
            element.tag = "span"
            element.text = words


def _main_part(root: Any) -> Any:
    """Prune what surrounds the main part, and find it; the whole page if nothing would be left."""
    bodies = root.xpath("//body")
    body = bodies[0] if bodies else root
    whole = _size(body)
    best = _best(body, whole)
    kept = best if best is not None else body
    # Pruned on a copy of the chosen part: if the clutter was the page, the page is given as it is.
    from copy import deepcopy

    pruned = deepcopy(kept)
    _prune(pruned)
    left, had = _size(pruned), _size(kept)
    return pruned if left >= _FEW_CHARS or left >= had * _ENOUGH_SHARE or had == 0 else kept


def _best(body: Any, whole: float) -> Any:
    for query in _MAIN:
        found = body.xpath(query.replace("//", ".//"))
        if not found:
            continue
        largest = max(found[:50], key=_size)
        if len(found) > 1 and _size(largest) < 0.6 * sum(_size(one) for one in found[:50]):
            return None if query == "//article" else _common(found)
        if _size(largest) >= min(whole * _ENOUGH_SHARE, _FEW_CHARS * 5):
            return largest
    return None


def _common(found: list[Any]) -> Any:
    ancestors = [set(one.iterancestors()) for one in found]
    shared = set.intersection(*ancestors)
    return next((up for up in found[0].iterancestors() if up in shared), None)


def _prune(part: Any) -> None:
    for element in list(part.iter(*_FURNITURE)):
        # A form that wraps the page is the page.
        if element is not part and (element.tag != "form" or _size(element) < _FEW_CHARS * 2):
            element.drop_tree()
    for element in part.xpath(".//*[@role]"):
        if element.get("role") in _ROLES and element.getparent() is not None:
            element.drop_tree()
    total = _size(part)
    known: dict[str, bool] = {}
    for element in list(part.iter(*_BLOCKS)):
        attributes = element.attrib
        if not attributes or element is part:
            continue
        names = f"{attributes.get('class', '')} {attributes.get('id', '')}"
        if names not in known:
            known[names] = bool(_CLUTTER.search(names))
        if known[names] and element.getparent() is not None and _size(element) <= total * 0.5:
            element.drop_tree()


def _size(element: Any) -> float:
    return float(element.xpath("string-length(normalize-space(string(.)))"))


def _written(part: Any, url: str, base: str, *, plain: bool) -> str:
    from urllib.parse import urljoin

    html = lxml.html.tostring(part, encoding="unicode", with_tail=False)
    options = ConversionOptions(
        base_url=urljoin(url, base) if base else url,
        bullets="-",
        compact_tables=True,
        extract_metadata=False,
        include_document_structure=False,
        output_format="plain" if plain else "markdown",
    )
    text = convert(html, options).content or ""
    text = without_invisible(text).strip()
    return _BLANK_LINES.sub("\n\n\n", text) if "\n\n\n\n" in text else text
