"""The process that parses: hostile pages can stop or crash it, and nothing else.

Reads jobs from standard input and answers on standard output, each a line of JSON followed by as many bytes as the
line says. Ends when its input ends, and by an alarm when a job takes too long even if its owner is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

MOST_MEMORY_BYTES = 2 * 1024**3


def handle(job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
    """Do one job: the facts for the header, and the text.

    Jobs are ``parse`` (with ``kind``, ``url``, ``content_type``, ``mode``), ``passages`` (with ``query`` and
    ``max_chars``, the body being a text) and ``section`` (with ``wanted``).
    """
    match job["do"]:
        case "parse":
            return _parse(job, body)
        case "passages":
            from openmanager_search.reading.passages import relevant

            found, matching = relevant(body.decode("utf-8"), job["query"], job["max_chars"])
            return {"starts": [start for start, _, _ in found], "matching": matching}, json.dumps(
                [[start, round(score, 3), passage] for start, score, passage in found], ensure_ascii=False
            )
        case "section":
            from openmanager_search.reading.passages import section_of

            span = section_of(body.decode("utf-8"), job["wanted"])
            return ({"span": span}, "") if isinstance(span, tuple) else ({"headings": span[:60]}, "")
    raise ValueError(job["do"])


def _parse(job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
    if job["kind"] == "pdf":
        from openmanager_search.reading.pdf import Unreadable, pdf_text

        try:
            made = pdf_text(body)
        except Unreadable as exc:
            return {"unreadable": str(exc)}, ""
        return made, str(made.pop("text"))
    from openmanager_search.reading.charset import decoded
    from openmanager_search.reading.hidden import without_invisible

    text, encoding = decoded(body, job["content_type"], markup=job["kind"] == "html")
    if job["kind"] != "html" or job["mode"] == "raw":
        return {"encoding": encoding, "title": "", "notes": []}, without_invisible(text)
    from openmanager_search.reading.extract import extracted

    made = extracted(text, job["url"], job["mode"])
    made["encoding"] = encoding
    return made, str(made.pop("text"))


def serve(given: BinaryIO, said: BinaryIO) -> None:
    """Answer jobs until the input ends."""
    while line := given.readline():
        job = json.loads(line)
        body = given.read(job["size"])
        _alarm(int(job["deadline_s"]) + 2)
        try:
            facts, text = handle(job, body)
        except (MemoryError, RecursionError):
            facts, text = {"unreadable": "the page is too deep or too large to be parsed"}, ""
        except Exception as exc:  # the next page may be fine: this one's failure is its answer
            facts, text = {"failed": type(exc).__name__}, ""
        _alarm(0)
        data = text.encode("utf-8", "replace")
        facts |= {"size": len(data), "peak_kib": _peak_kib()}
        said.write(json.dumps(facts).encode() + b"\n" + data)
        said.flush()


def _alarm(after_s: int) -> None:
    if hasattr(signal, "alarm"):  # not on Windows: there the owner's deadline is all there is
        signal.alarm(after_s)


def _peak_kib() -> int:
    """Give the most memory that this process has had, as far as the system tells."""
    try:
        # Not getrusage: on Linux that starts with what the process that started us has had.
        told = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return next((int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM:")), 0)
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def main() -> None:
    """Run as a process: libraries are loaded before the first job comes."""
    import openmanager_search.reading.extract  # noqa: F401

    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What a library prints must not get between the answers.
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, said)


if __name__ == "__main__":
    main()
