"""What the commands say to people, in English or Korean. Answers of tools are protocol and stay as they are.

The English text is the key: it stands in the code where it is said, and `ko.py` has each of them in Korean.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Literal, get_args

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
VARIABLE = "OPENMANAGER_LANG"
_WHERE = (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")

_spoken: ContextVar[Language] = ContextVar("language", default="en")


def language_of(environ: Mapping[str, str]) -> Language:
    """Take the language from the first variable that says one; whatever is not Korean is answered in English."""
    for name in _WHERE:
        if environ.get(name, ""):
            return "ko" if environ[name].lower().replace("-", "_").split("_")[0].split(".")[0] == "ko" else "en"
    return "en"


def speak(language: Language) -> None:
    """Choose the language of this command."""
    _spoken.set(language)


def spoken() -> Language:
    """Give the language of this command."""
    return _spoken.get()


def said(text: str, /, **values: Any) -> str:
    """Say it in the language of this command; `values` stand where ``{name}`` stands."""
    return translated(text).format(**values) if values else translated(text)


def translated(text: str) -> str:
    """Give a text in the language of this command; one that nobody translated is given as it is."""
    if _spoken.get() == "en":
        return text
    from openmanager_kit.wording.ko import KOREAN

    return KOREAN.get(text, text)
