"""Libraries that make Markdown of HTML, on the saved pages of ``benchmarks/pages`` and on pages of three sizes.

Run: ``python benchmarks/extraction.py [NAME ...]`` in an environment that has the candidates; those that are not
installed are left out. Prints how many of the wanted pieces of Markdown (headings, links, code, table rows, sentences)
came out, how many unwanted ones (menus, advertisements, hidden text), and the milliseconds per page. The choice and
its figures are in docs/decisions/search-extraction.md.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from written_page import page_of

PAGES = Path(__file__).parent / "pages"
URL = "https://site.example/dir/page.html"
ENCODINGS = {"korean_euckr": "euc-kr", "old": "cp1252", "japanese": "cp932"}


def ours(html: str) -> str:
    """What the server does: lxml to prune, html-to-markdown to write."""
    from openmanager_search.reading.extract import extracted

    return str(extracted(html, URL)["text"])


def trafilatura(html: str) -> str:
    """Extraction of articles."""
    from trafilatura import extract

    more = {"include_links": True, "include_tables": True, "include_formatting": True, "favor_recall": True}
    return extract(html, url=URL, output_format="markdown", **more) or ""


def readability_and_markdownify(html: str) -> str:
    """The pair that the reference fetch server's kind uses."""
    from markdownify import markdownify
    from readability import Document

    return str(markdownify(Document(html, url=URL).summary(), heading_style="ATX"))


def resiliparse(html: str) -> str:
    """Plain text of the main content."""
    from resiliparse.extract.html2text import extract_plain_text

    return str(extract_plain_text(html, main_content=True, links=True, preserve_formatting=True, alt_texts=True))


def html2text(html: str) -> str:
    """The whole page as Markdown."""
    from html2text import HTML2Text

    writer = HTML2Text(baseurl=URL)
    writer.body_width = 0
    return str(writer.handle(html))


def markdownify_alone(html: str) -> str:
    """The whole page as Markdown."""
    from markdownify import markdownify

    return str(markdownify(html, heading_style="ATX"))


def html_to_markdown_alone(html: str) -> str:
    """The whole page as Markdown."""
    from html_to_markdown import ConversionOptions, convert

    return convert(html, ConversionOptions(base_url=URL)).content or ""


CANDIDATES: tuple[Callable[[str], str], ...] = (
    ours,
    trafilatura,
    readability_and_markdownify,
    resiliparse,
    html2text,
    markdownify_alone,
    html_to_markdown_alone,
)


def squeezed(text: str) -> str:
    """Runs of spaces as one: tables are padded differently."""
    return re.sub(r"[ \t]+", " ", text)


def quality(convert: Callable[[str], str]) -> tuple[int, int, int, int]:
    """Count what was wanted and came, what was wanted, what was unwanted and came, what was unwanted."""
    came = wanted = leaked = unwanted = 0
    for page in sorted(PAGES.glob("*.html")):
        text = squeezed(convert(page.read_bytes().decode(ENCODINGS.get(page.stem, "utf-8"))))
        said = json.loads(page.with_suffix(".json").read_text("utf-8"))
        wanted, unwanted = wanted + len(said["wants"]), unwanted + len(said["unwanted"])
        came += sum(squeezed(want) in text for want in said["wants"])
        leaked += sum(one in text for one in said["unwanted"])
    return came, wanted, leaked, unwanted


def best_ms(convert: Callable[[str], str], html: str, runs: int) -> float:
    """The shortest of some runs, in milliseconds."""
    found = []
    for _ in range(runs):
        begun_s = time.perf_counter()
        convert(html)
        found.append(time.perf_counter() - begun_s)
    return min(found) * 1e3


def main() -> int:
    """Print a row for each candidate."""
    chance = random.Random(1)
    pages = [page_of(size, chance).decode() for size in (10_000, 200_000, 2_000_000)]
    sys.stdout.write(f"{'':<30}{'wanted':>10}{'unwanted':>10}{'10 kB ms':>10}{'200 kB':>9}{'2 MB':>9}\n")
    for convert in CANDIDATES:
        if sys.argv[1:] and convert.__name__ not in sys.argv[1:]:
            continue
        try:
            came, wanted, leaked, unwanted = quality(convert)
        except ImportError as exc:
            sys.stdout.write(f"{convert.__name__:<30} not installed: {exc.name}\n")
            continue
        times = [best_ms(convert, html, runs) for html, runs in zip(pages, (9, 3, 2), strict=True)]
        row = f"{convert.__name__:<30}{f'{came}/{wanted}':>10}{f'{leaked}/{unwanted}':>10}"
        sys.stdout.write(f"{row}{times[0]:10.1f}{times[1]:9.0f}{times[2]:9.0f}\n")
        if convert is ours:
            assert (came, leaked) == (wanted, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
