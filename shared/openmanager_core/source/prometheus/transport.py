"""One request to the engine: bounded in time and size, retried where that helps, and honest when it fails."""

from __future__ import annotations

import math
import ssl
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING

import anyio

from openmanager_core.errors import FleetError, SourceInvalid, SourceUnavailable
from openmanager_core.resilience import Breaker, Deadline, Retryable, retry
from openmanager_core.source.prometheus.access import Access

if TYPE_CHECKING:
    import httpx2

Form = Sequence[tuple[str, str]]

MAX_BODY_BYTES = 200_000_000
_ERROR_BYTES = 65_536
_AT_ONCE = 8
_RETRIED = (429, 502, 503, 504)
_HINT_UP = "check [source].url and that the engine runs"


class EngineRefused(FleetError):
    """The engine understood the request and said no; carries its own words. Internal to this folder."""

    code = "source_invalid"


class AccessRefused(SourceUnavailable):
    """The engine answered 401 or 403."""


class Transport:
    """Sends requests, a few at once.

    Attributes
    ----------
    bytes_received
        Bytes of answers that came over the wire so far, as sent (compressed ones count compressed).
    requests
        How many answers were received.
    """

    def __init__(self, access: Access, breaker: Breaker, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self.access = access
        self.breaker = breaker
        self.bytes_received = 0
        self.requests = 0
        self._max_body = max_body_bytes
        self._client: httpx2.AsyncClient | None = None
        self._slots = anyio.CapacityLimiter(_AT_ONCE)

    async def get(self, path: str, params: Form = ()) -> bytes:
        """The body of a successful answer to a GET; failures as for `post`."""
        return await self._call("GET", path, params)

    async def post(self, path: str, form: Form) -> bytes:
        """The body of a successful answer to a form.

        Raises
        ------
        SourceUnavailable
            If nothing listens, the time is over, access is refused, or the breaker is open.
        SourceInvalid
            If it answered with a redirect, another content type, or more than the limit.
        EngineRefused
            If the engine refused the request itself (400 and 422).
        """
        return await self._call("POST", path, form)

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True):
                await client.aclose()

    async def _call(self, method: str, path: str, form: Form) -> bytes:
        with anyio.move_on_after(self.access.timeout_s) as waiting:
            await self._slots.acquire()
        if waiting.cancelled_caught:
            raise SourceUnavailable(
                f"the engine at {self.access.shown} is busy with {_AT_ONCE} other requests of ours",
                hint="again in a moment",
            )
        try:
            return await self._admitted(method, path, form)
        finally:
            self._slots.release()

    async def _admitted(self, method: str, path: str, form: Form) -> bytes:
        deadline = Deadline(self.access.timeout_s)
        self.breaker.admit()
        try:
            body = await retry(lambda: self._once(method, path, form, deadline), deadline=deadline)
        except AccessRefused:
            self.breaker.succeeded()  # it is well, it only does not want us
            raise
        except SourceUnavailable:
            self.breaker.failed()
            raise
        except FleetError:
            self.breaker.succeeded()  # it answered, if not what we hoped for
            raise
        except BaseException:
            self.breaker.forgotten()
            raise
        self.breaker.succeeded()
        return body

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            import httpx2

            timeout = httpx2.Timeout(self.access.timeout_s, connect=min(5.0, self.access.timeout_s))
            limits = httpx2.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
            headers = {
                "Accept": "application/json",
                "Accept-Encoding": "identity" if self.access.loopback else "gzip",
                "User-Agent": "openmanager",
                **self.access.headers,
            }
            self._client = httpx2.AsyncClient(
                headers=headers, timeout=timeout, limits=limits, verify=self.access.tls(),
                follow_redirects=False, trust_env=False,
            )  # fmt: skip
        return self._client

    async def _once(self, method: str, path: str, form: Form, deadline: Deadline) -> bytes:
        """One try; the whole of it, dripping bodies included, ends with the deadline."""
        import httpx2

        client = self._opened()
        name = f"the engine at {self.access.shown}"
        url = f"{self.access.base}/api/v1/{path}"
        try:
            with anyio.fail_after(deadline.left_s):
                if method == "POST":
                    request = client.build_request("POST", url, data=_grouped(form))
                else:
                    request = client.build_request("GET", url, params=list(form))
                response = await client.send(request, stream=True)
                try:
                    body = await self._body(response, name)
                finally:
                    self.bytes_received += response.num_bytes_downloaded
                    self.requests += 1
                    await response.aclose()
        except (TimeoutError, httpx2.TimeoutException) as exc:
            failure = SourceUnavailable(
                f"{name} did not answer within {self.access.timeout_s:g} s",
                hint="ask for fewer servers or a shorter window, or raise [source].timeout_s",
            )
            if isinstance(exc, httpx2.ConnectTimeout):
                raise Retryable(failure) from exc
            raise failure from exc
        except httpx2.ConnectError as exc:
            if _is_about_trust(exc):
                raise SourceUnavailable(
                    f"the certificate of {name} is not trusted", hint="name its CA's file in [source].ca_file"
                ) from exc
            raise Retryable(SourceUnavailable(f"{name} can not be reached", hint=_HINT_UP)) from exc
        except httpx2.RemoteProtocolError as exc:
            text = str(exc).lower()
            if "disconnect" in text or "closed" in text:
                raise SourceUnavailable(f"{name} broke off its answer", hint=_HINT_UP) from exc
            raise SourceInvalid(f"{name} does not speak HTTP", hint=_HINT_UP) from exc
        except httpx2.DecodingError as exc:
            raise SourceInvalid(f"{name} answered with damaged compression", hint=_HINT_UP) from exc
        except httpx2.HTTPError as exc:
            raise SourceUnavailable(f"{name} broke off its answer ({type(exc).__name__})", hint=_HINT_UP) from exc
        return body

    async def _body(self, response: httpx2.Response, name: str) -> bytes:
        """Read the answer up to the limit, and turn everything but success into a failure."""
        status = response.status_code
        most = self._max_body if status == 200 else _ERROR_BYTES
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > most:
                if status != 200:
                    break
                raise SourceInvalid(
                    f"{name} answered with more than {most / 1e6:g} MB",
                    hint="ask for fewer servers, a shorter window or a larger step_s",
                )
            parts.append(part)
        body = b"".join(parts)
        if status == 200:
            kind = response.headers.get("content-type", "application/json")
            if "json" not in kind and body[:1] not in (b"{", b"["):
                raise SourceInvalid(
                    f"{name} answered with {_word(kind)}, not JSON",
                    hint="check the path of [source].url: the API is expected below it at /api/v1",
                )
            return body
        raise _failure(status, response.headers, body, name)


def _failure(status: int, headers: Mapping[str, str], body: bytes, name: str) -> Exception:
    """What a status other than 200 means."""
    if 300 <= status < 400:
        return SourceInvalid(
            f"{name} answered with a redirect ({status}), which is not followed",
            hint="put the final address into [source].url",
        )
    if status in (401, 403):
        return AccessRefused(
            f"{name} refuses access ({status})",
            hint="check [source].token_env, username_env and password_env, and the tenant",
        )
    if status in (400, 422):
        return EngineRefused(f"{name} refused the request ({status}): {_words(body)}")
    if status == 404:
        return SourceInvalid(
            f"{name} has no Prometheus API there (404)",
            hint="check the path of [source].url: the API is expected below it at /api/v1",
        )
    if status in _RETRIED:
        wait_s = _retry_after_s(headers.get("retry-after", ""))
        if status == 429:
            hint = f"again in {wait_s:.0f} s" if wait_s is not None else "again in a minute"
            return Retryable(SourceUnavailable(f"{name} asks for fewer requests (429)", hint=hint), wait_s=wait_s)
        said = f": {_words(body)}" if body[:1] == b"{" else ""
        return Retryable(SourceUnavailable(f"{name} is not available ({status}){said}", hint=_HINT_UP), wait_s=wait_s)
    if status >= 500:
        return SourceUnavailable(f"{name} failed ({status})", hint=_HINT_UP)
    return SourceInvalid(f"{name} answered with status {status}", hint=_HINT_UP)


def _grouped(form: Form) -> dict[str, str | list[str]]:
    """A form in which a name may come several times."""
    out: dict[str, str | list[str]] = {}
    for name, value in form:
        if name in out:
            before = out[name]
            out[name] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            out[name] = value
    return out


def _retry_after_s(text: str) -> float | None:
    """Seconds the header asks to wait, as a number or a date; None if it does not."""
    text = text.strip()
    if not text:
        return None
    try:
        wait_s = float(text)
    except ValueError:
        try:
            wait_s = parsedate_to_datetime(text).timestamp() - time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, wait_s) if math.isfinite(wait_s) else None


def _is_about_trust(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _words(body: bytes) -> str:
    """The engine's own explanation, as one printable line; it is data from outside."""
    import orjson

    try:
        answer = orjson.loads(body)
        text = str(answer.get("error", "")) if isinstance(answer, dict) else ""
    except orjson.JSONDecodeError:
        text = ""
    return repr(text[:300]) if text else "it gave no reason"


def _word(kind: str) -> str:
    """The bare content type, if it looks like one."""
    bare = kind.split(";")[0].strip().lower()[:60]
    return (
        bare if bare.replace("/", "").replace("-", "").replace("+", "").replace(".", "").isalnum() else "another type"
    )
