"""Encodings, PDF, passages and sections: the small parts of reading, each against what it promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_search.reading.charset import decoded
from openmanager_search.reading.passages import headings_of, pieces, relevant, section_of, terms
from openmanager_search.reading.pdf import Unreadable, pdf_text

KOREAN = "한글로 쓴 문서입니다. 인코딩을 알아내야 합니다."


@pytest.mark.parametrize(
    ("body", "content_type", "text", "encoding"),
    [
        (KOREAN.encode("euc-kr"), "text/html; charset=EUC-KR", KOREAN, "cp949"),
        (KOREAN.encode("cp949"), "text/html; charset=ks_c_5601-1987", KOREAN, "cp949"),
        (b'<meta charset="euc-kr">' + KOREAN.encode("euc-kr"), "text/html", None, "cp949"),
        (b"<META content='text/html; charset=euc-kr' http-equiv=x>" + KOREAN.encode("euc-kr"), "", None, "cp949"),
        (KOREAN.encode("euc-kr"), "text/html", KOREAN, "cp949"),
        (KOREAN.encode("utf-8"), "text/html", KOREAN, "utf-8"),
        (KOREAN.encode("utf-8"), "text/html; charset=euc-kr", KOREAN, "utf-8"),
        (KOREAN.encode("utf-8-sig"), "text/html; charset=euc-kr", KOREAN, "utf-8"),
        (b"\xff\xfe" + KOREAN.encode("utf-16-le"), "", KOREAN, "utf-16-le"),
        (b"\xfe\xff" + KOREAN.encode("utf-16-be"), "", KOREAN, "utf-16-be"),
        (
            "これは日本語の文章です。".encode("shift_jis"),
            "text/html; charset=Shift_JIS",
            "これは日本語の文章です。",
            "cp932",
        ),
        ("これは日本語の文章です。".encode("shift_jis"), "", "これは日本語の文章です。", "cp932"),
        ("这是一个中文的网页，我们在这里。".encode("gbk"), "text/html; charset=gb2312", None, "gb18030"),
        ("café “quoted”".encode("cp1252"), "text/html", "café “quoted”", "cp1252"),
        ("café “quoted”".encode("cp1252"), "text/html; charset=iso-8859-1", "café “quoted”", "cp1252"),
        (b"plain", "text/plain; charset=nonsense", "plain", "utf-8"),
        (b"plain", "text/plain; charset=rot13", "plain", "utf-8"),
        (b"plain", "text/plain; charset=utf-7", "plain", "utf-8"),
        (b"<meta charset=utf-16>plain", "text/html", "<meta charset=utf-16>plain", "utf-8"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "", None, "cp1252"),
        (b"", "", "", "utf-8"),
    ],
)
def test_the_encoding_is_found(body: bytes, content_type: str, text: str | None, encoding: str) -> None:
    read, name = decoded(body, content_type)
    assert name == encoding
    assert text is None or read == text
    assert "\ufffd" not in read


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_become_text(body: bytes, content_type: str) -> None:
    for header in (content_type, f"text/html; charset={content_type}"):
        text, _ = decoded(body, header)
        text.encode("utf-8", "replace")


def pdf(*pages: str) -> bytes:
    """Write the least PDF with a line of text on each page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, words in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({words}) Tj ET" if words else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Size {size} /Root 1 0 R >>\n"
    tail += f"startxref\n{len(out)}\n%%EOF"
    return out + tail.encode()


def test_the_text_of_a_pdf_is_read_page_by_page() -> None:
    assert (
        pdf_text(pdf("First words", "Second words"))["text"] == "## Page 1\n\nFirst words\n\n## Page 2\n\nSecond words"
    )


@pytest.mark.parametrize("body", [b"%PDF-1.4\nrubbish", pdf("x")[:60], b"%PDF-", pdf("")])
def test_a_pdf_without_text_says_why(body: bytes) -> None:
    with pytest.raises(Unreadable):
        pdf_text(body)


TEXT = """# Guide

Some opening words about everything.

## Install

Run the installer and wait for the light.

```bash
# not a heading
pip install thing
```

### Windows

Use the setup program.

## 데이터베이스 점검

매주 금요일에 데이터베이스를 점검합니다. 점검 중에는 접속할 수 없습니다.

## Remove

Deleting the folder removes everything that was installed.
"""


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("how to install with pip", "pip install thing"),
        ("setup on windows", "Use the setup program."),
        ("removing", "Deleting the folder"),
        ("데이터베이스가 언제", "매주 금요일에"),
        ("점검을", "접속할 수 없습니다"),
    ],
)
def test_the_passage_that_answers_comes(query: str, holds: str) -> None:
    found, matching = relevant(TEXT, query, 400)
    assert matching >= 1
    assert any(holds in words for _, _, words in found)
    best = max(found, key=lambda one: one[1])
    assert holds in best[2]


def test_passages_tell_where_they_stand() -> None:
    found, _ = relevant(TEXT, "setup program", 300)
    start, _, words = found[-1]
    assert words.startswith("[Guide > Install > Windows]\n")
    assert TEXT[start:].lstrip("\n").startswith(words.split("\n", 1)[1])


@given(st.text(max_size=2000), st.text(max_size=60), st.integers(1, 500))
def test_passages_never_exceed_what_was_asked_for(text: str, query: str, most: int) -> None:
    found, _ = relevant(text, query, most)
    assert sum(len(words) + 2 for _, _, words in found) <= most + 2


@given(st.text(alphabet="ab #`~\n한", max_size=3000))
def test_pieces_cover_the_text_in_order(text: str) -> None:
    at = 0
    for piece in pieces(text):
        assert piece.start >= at
        at = piece.end
        assert piece.text.strip()
    assert all(text[start:].startswith("#" * level) for level, _, start in headings_of(text))


def test_terms_are_compared_without_case_and_endings_and_hangul_in_pairs() -> None:
    assert terms("Installing INSTALLED installs") == ["install"] * 3
    assert terms("서버를") == ["서버", "버를"]


@pytest.mark.parametrize(
    ("wanted", "begins", "ends"),
    [
        ("Install", "## Install", "Use the setup program."),
        ("## install", "## Install", "Use the setup program."),
        ("windows", "### Windows", "Use the setup program."),
        ("점검", "## 데이터베이스 점검", "접속할 수 없습니다."),
        ("guide", "# Guide", "was installed."),
        ("remo", "## Remove", "was installed."),
    ],
)
def test_a_section_goes_to_the_next_heading_of_its_level(wanted: str, begins: str, ends: str) -> None:
    span = section_of(TEXT, wanted)
    assert isinstance(span, tuple)
    part = TEXT[slice(*span)].strip()
    assert part.startswith(begins)
    assert part.endswith(ends)


def test_a_section_that_is_not_there_names_those_that_are() -> None:
    assert section_of(TEXT, "nowhere") == ["Guide", "Install", "Windows", "데이터베이스 점검", "Remove"]
    assert section_of(TEXT, "not a heading") == section_of(TEXT, "") == section_of(TEXT, "nowhere")
