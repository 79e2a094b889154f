"""One GET of a JSON interface: bounded in time and size, no redirects, and every failure in words."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import anyio

from openmanager_core.errors import SourceInvalid, SourceUnavailable
from openmanager_core.job import offload
from openmanager_search.engines.base import RateLimited, TimedOut

if TYPE_CHECKING:
    import httpx2

TIMEOUT_S = 8.0
_BODY_BYTES = 4 * 1024**2
_CHUNK = 64 * 1024
_LONG = 128 * 1024


class Refused(Exception):
    """The service answered with a status that says no; the engine knows what that means there."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Asker:
    """Asks one service.

    Parameters
    ----------
    name
        Whom, for messages.
    proxy, ca_file
        Empty for none and for the usual authorities; proxy variables of the environment are not heard.
    advice
        What to try when it is not there.
    """

    def __init__(
        self, name: str, *, proxy: str = "", ca_file: str = "", timeout_s: float = TIMEOUT_S, advice: str = ""
    ) -> None:
        self._name = name
        self._proxy = proxy
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._advice = advice or "again later, or another engine"
        self._client: httpx2.AsyncClient | None = None

    async def get(self, url: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
        """Give the JSON of an answer with status 200.

        Raises
        ------
        Refused
            For a status from 400 to 499 other than 429.
        SourceUnavailable
            If it is not there or not well; `RateLimited` for 429, `TimedOut` when the time is over.
        SourceInvalid
            If the answer is a redirect, too long, or no JSON.
        """
        import httpx2

        try:
            with anyio.fail_after(self._timeout_s):
                client = await self._opened()
                async with client.stream("GET", url, params=dict(params), headers=dict(headers or {})) as response:
                    body = bytearray()
                    async for chunk in response.aiter_bytes(_CHUNK):
                        body += chunk
                        if len(body) > _BODY_BYTES:
                            raise SourceInvalid(f"{self._name} sent more than {_BODY_BYTES} bytes", hint=self._advice)
        except TimeoutError:
            raise self._late() from None
        except httpx2.TimeoutException as exc:
            raise self._late() from exc
        except httpx2.ConnectError as exc:
            why = "its certificate is not trusted" if "CERTIFICATE_VERIFY" in str(exc) else "no connection"
            raise SourceUnavailable(f"{self._name} was not reached ({why})", hint=self._advice) from exc
        except httpx2.DecodingError as exc:
            raise SourceInvalid(f"{self._name} sent a damaged answer", hint=self._advice) from exc
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as exc:
            raise SourceUnavailable(f"{self._name} broke off ({type(exc).__name__})", hint=self._advice) from exc
        self._check(response.status_code, response.headers, bytes(body))
        try:
            # The standard parser: one damaged character in one summary must not cost the whole answer.
            return await offload(json.loads, bytes(body)) if len(body) > _LONG else json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise SourceInvalid(f"{self._name} answered with something that is no JSON", hint=self._advice) from exc

    def _check(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if status == 429:
            wait_s = wait_of(headers)
            when = f"again in {wait_s:.0f} s" if wait_s else "again in a few minutes"
            raise RateLimited(
                f"{self._name} answered 429, too many requests", hint=f"{when}, or another engine", wait_s=wait_s
            )
        if 400 <= status < 500:
            raise Refused(status, body)
        if status >= 500:
            raise SourceUnavailable(f"{self._name} answered with status {status}", hint=self._advice)
        if status != 200:
            raise SourceInvalid(f"{self._name} answered with status {status} instead of results", hint=self._advice)

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True):
                await client.aclose()

    async def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            import httpx2

            def context() -> ssl.SSLContext:
                return ssl.create_default_context(cafile=self._ca_file or None)

            verify = await anyio.to_thread.run_sync(context)
            self._client = httpx2.AsyncClient(
                proxy=self._proxy or None,
                verify=verify,
                trust_env=False,
                follow_redirects=False,
                timeout=self._timeout_s,
                headers={"Accept": "application/json", "User-Agent": "openmanager"},
            )
        return self._client

    def _late(self) -> TimedOut:
        return TimedOut(f"{self._name} gave no complete answer within {self._timeout_s:g} s", hint=self._advice)


def wait_of(headers: Mapping[str, str]) -> float:
    """Read how long a 429 asks us to wait: Retry-After, else the longest used-up window of X-RateLimit-Reset."""
    after = headers.get("retry-after", "").strip()
    if after.isdigit() and len(after) < 9:
        return float(after)
    resets = [part.strip() for part in headers.get("x-ratelimit-reset", "").split(",")]
    lefts = [part.strip() for part in headers.get("x-ratelimit-remaining", "").split(",")]
    used_up = [
        float(reset)
        for number, reset in enumerate(resets)
        if reset.isdigit() and len(reset) < 9 and (number >= len(lefts) or lefts[number] in ("0", ""))
    ]
    return max(used_up, default=0.0)
