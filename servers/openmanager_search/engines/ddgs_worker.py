"""A program of its own that asks DuckDuckGo through ddgs: one JSON request a line in, one JSON answer a line out.

Apart from the server because ddgs blocks without a way to stop it, reads bodies of any length, and brings native
code; here its memory is limited and ending the process ends the request. It stays for the next request, with its
connections open, and leaves when none comes for a while. It imports nothing of ours: it is started by its path.
"""

from __future__ import annotations

import json
import select
import sys
from typing import Any, ClassVar

_IDLE_S = 90.0
_MEMORY_BYTES = 640 * 1024**2
_BODY_BYTES = 8 * 1024**2
_SAFE = {"strict": "on", "moderate": "moderate", "off": "off"}
_FORM_SAFE = {"strict": "1", "moderate": "-1", "off": "-2"}
_PUZZLES = ("anomaly-modal", "anomaly.js", "anomalyDetectionBlock")
_FIELDS = {
    "text": {"title": "title", "url": "address", "snippet": "body"},
    "news": {
        "title": "title",
        "url": "address",
        "snippet": "body",
        "date": "date",
        "source": "source",
        "image": "picture",
    },
    "images": {"title": "title", "url": "address", "image": "picture", "source": "source"},
    "videos": {
        "title": "title",
        "url": "content",
        "snippet": "description",
        "date": "published",
        "source": "publisher",
        "duration": "duration",
    },
}


class Listener:
    """Stands in for an engine's HTTP client: passes requests on, and remembers how they were answered."""

    def __init__(self, client: Any) -> None:
        self._inner = client
        self.client = client.client
        self.forget()

    def forget(self) -> None:
        """Start over with the next search."""
        self.status, self.retry_after, self.puzzle, self.nothing, self.size = 0, "", False, False, 0

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Make a request."""
        response = self._inner.request(*args, **kwargs)
        self.status = response.status_code
        headers = getattr(response._resp, "headers", {}) or {}
        self.retry_after = str(headers.get("retry-after", ""))
        self.size = len(response.content)
        start = response.text if self.size <= _BODY_BYTES else ""
        self.puzzle = any(sign in start for sign in _PUZZLES)
        self.nothing = 'class="no-results' in start or "No results." in start or '"results":[]' in start
        return response


def engine_for(kind: str, proxy: str, ca_file: str, timeout_s: int) -> Any:
    """Make ddgs's engine for DuckDuckGo, with what ddgs leaves out or spoils.

    Its form for text leaves safe search out; and it decodes the percent signs of addresses, after which an address
    inside of a redirect cannot be told from what follows it. Ours are taken from the page as they are.
    """
    from ddgs.engines import ENGINES

    base = ENGINES[kind]["duckduckgo"]

    class Asked(base):  # type: ignore[misc, valid-type]
        """The engine, with the fields that the page's own form sends, and addresses as they are."""

        if kind == "text":
            elements_xpath: ClassVar[dict[str, str]] = {**base.elements_xpath, "address": "(.//h2//a/@href)[1]"}

        def extract_results(self, html_text: str) -> list[Any]:
            results: list[Any] = super().extract_results(html_text)
            if kind != "text":
                for result, row in zip(results, json.loads(html_text).get("results", []), strict=False):
                    result.address, result.picture = row.get("url"), row.get("image")
            return results

        def build_payload(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
            payload = dict(super().build_payload(*args, **kwargs))
            if kind == "text":
                payload |= {"kl": payload["l"], "kp": _FORM_SAFE[kwargs["safesearch_name"]]}
            return payload

        def request(self, *args: Any, **kwargs: Any) -> Any:
            response = self.http_client.request(*args, **kwargs)
            usable = response.status_code in (200, 202) and self.http_client.size <= _BODY_BYTES
            return response.text if usable and not self.http_client.puzzle else None

    engine = Asked(proxy=proxy or None, timeout=timeout_s, verify=ca_file or True)
    engine.http_client = Listener(engine.http_client)
    return engine


def answer(engine: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Make one search: its results, or how it failed."""
    from ddgs.exceptions import TimeoutException

    heard: Listener = engine.http_client
    heard.forget()
    found: list[Any] | None = None
    failure = ""
    try:
        found = engine.search(
            asked["text"],
            region=asked["region"],
            safesearch=_SAFE[asked["safe"]],
            timelimit=asked["time"] or None,
            page=asked["page"],
            safesearch_name=asked["safe"],
        )
    except TimeoutException:
        failure = "timeout"
    except Exception as exc:
        failure = f"{type(exc).__name__}: {exc}"[:400]
    hits = [_hit(result, _FIELDS[asked["kind"]]) for result in found or () if result is not None]
    return {
        "hits": [hit for hit in hits if hit["url"]],
        "failure": failure,
        "status": heard.status,
        "retry_after": heard.retry_after,
        "puzzle": heard.puzzle,
        "nothing": heard.nothing,
        "too_long": heard.size > _BODY_BYTES,
    }


def _hit(result: Any, fields: dict[str, str]) -> dict[str, str]:
    values = {ours: getattr(result, theirs, "") for ours, theirs in fields.items()}
    return {name: value if isinstance(value, str) else "" for name, value in values.items()}


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))


def main() -> None:
    """Answer until the input ends or nobody asks for a while."""
    _limit_memory()
    engines: dict[str, Any] = {}
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    while True:
        if sys.platform != "win32" and not select.select([incoming], [], [], _IDLE_S)[0]:
            return
        line = incoming.readline()
        if not line:
            return
        asked = json.loads(line)
        kind = asked["kind"]
        try:
            if kind not in engines:
                engines[kind] = engine_for(kind, asked["proxy"], asked["ca_file"], asked["timeout_s"])
            said = answer(engines[kind], asked)
        except Exception as exc:
            said = {"hits": [], "failure": f"{type(exc).__name__}: {exc}"[:400], "status": 0}
        outgoing.write(json.dumps(said).encode("ascii") + b"\n")
        outgoing.flush()


if __name__ == "__main__":
    main()
