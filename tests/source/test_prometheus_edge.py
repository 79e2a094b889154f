"""Engines that are slow, broken, hostile or closed: each yields the right failure within the deadline."""

from __future__ import annotations

import gzip
import re
import socket
from dataclasses import replace

import anyio
import hostile_engine as hostile
import pytest

from openmanager_core.errors import FleetError, SourceInvalid, SourceUnavailable
from openmanager_core.panel import Window
from openmanager_core.resilience import Breaker
from openmanager_core.source.prometheus import PrometheusSource
from openmanager_core.source.prometheus.access import Access
from openmanager_core.source.prometheus.engine import Engine
from openmanager_core.source.prometheus.transport import Transport
from openmanager_core.source.settings import SourceSettings

pytestmark = pytest.mark.anyio

VECTOR = '{"status":"success","data":{"resultType":"vector","result":[%s]}}'
ONE = VECTOR % '{"metric":{"server":"a"},"value":[1,"0.5"]}'


def engine_at(url: str, *, timeout_s: float = 2.0, breaker: Breaker | None = None, max_body: int = 1_000_000) -> Engine:
    access = replace(Access.from_settings(SourceSettings(kind="prometheus", url=url), {}), timeout_s=timeout_s)
    return Engine(Transport(access, breaker or Breaker("the engine"), max_body_bytes=max_body))


async def asked(*replies: hostile.Reply, **kwargs: object) -> tuple[object, hostile.Hostile, Engine]:
    """What a query yields, value or failure, from an engine that answers so."""
    async with hostile.engine(*replies) as fake:
        engine = engine_at(fake.url, **kwargs)  # type: ignore[arg-type]
        try:
            with anyio.fail_after(20):
                outcome: object = await engine.query("up", 1.0)
        except FleetError as exc:
            outcome = exc
        finally:
            await engine.transport.aclose()
        return outcome, fake, engine


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (hostile.silent, SourceUnavailable, "did not answer within 0.5 s"),
        (hostile.dripping, SourceUnavailable, "did not answer within 0.5 s"),
        (hostile.reset, SourceUnavailable, "broke off its answer"),
        (hostile.raw(b""), SourceUnavailable, "broke off its answer"),
        (hostile.answer(ONE, length=10_000), SourceUnavailable, "broke off its answer"),
        (hostile.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), SourceInvalid, "does not speak HTTP"),
        (hostile.answer("<html>hello</html>", kind="text/html"), SourceInvalid, "answered with text/html, not JSON"),
        (hostile.answer("{nonsense"), SourceInvalid, "not JSON"),
        (hostile.answer("[1, 2]"), SourceInvalid, "did not answer with success and data"),
        (hostile.answer('{"status":"error","error":"no"}'), SourceInvalid, "'no'"),
        (hostile.answer(VECTOR.replace("vector", "scalar") % ""), SourceInvalid, "'scalar'"),
        (hostile.answer(VECTOR % '{"metric":{},"value":[1,"half"]}'), SourceInvalid, "not a number"),
        (hostile.answer(VECTOR % '{"metric":{"a":1},"value":[1,"1"]}'), SourceInvalid, "labels that are no text"),
        (hostile.answer(VECTOR % "3"), SourceInvalid, "rows that are no series"),
        (hostile.answer("", status="302 Found", headers="Location: http://x/?token=s\r\n"), SourceInvalid, "redirect"),
        (hostile.answer("", status="401 Unauthorized"), SourceUnavailable, "refuses access (401)"),
        (hostile.answer("", status="404 Not Found"), SourceInvalid, "no Prometheus API"),
        (hostile.answer('{"error":"bad \\u001b[31m"}', status="422 X"), SourceInvalid, "'bad \\x1b[31m'"),
        (hostile.answer("boom", status="500 Oops"), SourceUnavailable, "failed (500)"),
        (hostile.answer("", status="503 Busy"), SourceUnavailable, "not available (503)"),
        (hostile.answer("", status="429 X", headers="Retry-After: 3600\r\n"), SourceUnavailable, "again in 3600 s"),
        (hostile.answer("", status="204 No Content"), SourceInvalid, "status 204"),
        (hostile.endless, SourceInvalid, "more than 1 MB"),
        (hostile.answer(gzip.compress(b" " * 9_000_000), headers="Content-Encoding: gzip\r\n"), SourceInvalid, "1 MB"),
        (hostile.answer(b"\x1f\x8bnot", headers="Content-Encoding: gzip\r\n"), SourceInvalid, "damaged compression"),
    ],
)  # fmt: skip
async def test_an_engine_that_misbehaves_is_reported_for_what_it_does(
    reply: hostile.Reply, kind: type[FleetError], words: str
) -> None:
    slow = reply in (hostile.silent, hostile.dripping)
    outcome, _, _ = await asked(reply, timeout_s=0.5 if slow else 5.0)
    assert isinstance(outcome, kind)
    assert words in str(outcome)
    assert "token=s" not in str(outcome)


async def test_an_engine_that_is_not_there_is_retried_and_then_reported() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    engine = engine_at(url)
    with pytest.raises(SourceUnavailable, match="can not be reached"):
        await engine.query("up", 1.0)
    await engine.transport.aclose()


@pytest.mark.parametrize("status", ["429 Slow Down", "502 X", "503 X", "504 X"])
async def test_an_engine_that_is_busy_for_a_moment_is_asked_again_after_the_time_it_names(status: str) -> None:
    busy = hostile.answer("", status=status, headers="Retry-After: 0.05\r\n")
    outcome, fake, _ = await asked(busy, busy, hostile.answer(ONE))
    assert outcome == [({"server": "a"}, 0.5)]
    assert len(fake.asked) == 3


async def test_a_failure_of_ours_is_not_repeated() -> None:
    outcome, fake, _ = await asked(hostile.answer('{"status":"error","error":"parse"}', status="400 Bad"))
    assert "'parse'" in str(outcome)
    assert len(fake.asked) == 1


async def test_nan_and_infinities_are_numbers_and_warnings_are_kept() -> None:
    rows = ",".join(f'{{"metric":{{"server":"a"}},"value":[1,"{v}"]}}' for v in ("NaN", "+Inf", "-Inf", "1e-5"))
    body = (VECTOR % rows)[:-1] + ',"warnings":["a store is gone"],"isPartial":true}'
    outcome, _, engine = await asked(hostile.answer(body))
    assert [repr(value) for _, value in outcome] == ["nan", "inf", "-inf", "1e-05"]  # type: ignore[attr-defined]
    assert engine.problems == ("a store is gone", "the engine says that its answer is partial")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_breaker_opens_after_failures_in_a_row_and_closes_with_one_good_answer() -> None:
    clock = Clock()
    breaker = Breaker("the engine", failures=3, rest_s=10.0, clock=clock)
    async with hostile.engine(*[hostile.answer("", status="500 X")] * 4, hostile.answer(ONE)) as fake:
        engine = engine_at(fake.url, breaker=breaker)
        for _ in range(3):
            with pytest.raises(SourceUnavailable, match="failed \\(500\\)"):
                await engine.query("up", 1.0)
        with pytest.raises(SourceUnavailable, match=r"failed 3 times in a row.*again in"):
            await engine.query("up", 1.0)
        assert len(fake.asked) == 3
        clock.now = 10.0
        assert breaker.state == "half_open"
        with pytest.raises(SourceUnavailable, match="500"):
            await engine.query("up", 1.0)
        assert breaker.state == "open"
        clock.now = 20.0
        assert await engine.query("up", 1.0) == [({"server": "a"}, 0.5)]
        assert breaker.state == "closed"
        await engine.transport.aclose()


async def test_refused_access_and_refused_queries_do_not_open_the_breaker() -> None:
    breaker = Breaker("the engine", failures=1)
    await asked(hostile.answer("", status="401 X"), breaker=breaker)
    await asked(hostile.answer("{}", status="400 X"), breaker=breaker)
    assert breaker.state == "closed"


async def test_a_caller_that_gives_up_leaves_no_mark_on_the_breaker() -> None:
    breaker = Breaker("the engine", failures=1)
    async with hostile.engine(hostile.silent) as fake:
        engine = engine_at(fake.url, timeout_s=30.0, breaker=breaker)
        with anyio.move_on_after(0.1) as scope:
            await engine.query("up", 1.0)
        assert scope.cancelled_caught
        assert breaker.state == "closed"
        await engine.transport.aclose()


async def test_a_request_that_finds_no_free_slot_in_time_says_so() -> None:
    async with hostile.engine(hostile.silent) as fake:
        engine = engine_at(fake.url, timeout_s=0.5)
        outcomes: list[str] = []

        async def one() -> None:
            try:
                await engine.query("up", 1.0)
            except SourceUnavailable as exc:
                outcomes.append(str(exc))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(one)
        await engine.transport.aclose()
    assert len(outcomes) == 10
    assert sum("did not answer" in o for o in outcomes) >= 8


async def test_credentials_and_the_tenant_are_sent_and_never_told() -> None:
    async with hostile.engine(hostile.answer("", status="403 X")) as fake:
        settings = SourceSettings(kind="prometheus", url=f"{fake.url}/prefix/", token_env="TOKEN", tenant="team-1")
        source = PrometheusSource.from_settings(settings, {"TOKEN": "s3cret"})
        status = await source.status()
        await source.aclose()
    line, headers, _ = fake.asked[0]
    assert line.startswith("GET /prefix/api/v1/status/buildinfo ")
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["x-scope-orgid"] == "team-1"
    assert status.state == "down"
    assert "s3cret" not in repr(status) + repr(source.__dict__)


async def test_status_never_raises_whatever_the_engine_says() -> None:
    for reply in (hostile.answer("<html>", kind="text/html"), hostile.answer("{}"), hostile.reset):
        async with hostile.engine(reply) as fake:
            source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=fake.url), {})
            status = await source.status()
            await source.aclose()
        assert status.state in ("down", "degraded")
        assert status.newest_s is None


async def test_a_read_from_an_engine_without_our_metrics_says_so() -> None:
    async with hostile.engine(hostile.answer('{"status":"success","data":[]}')) as fake:
        source = PrometheusSource.from_settings(SourceSettings(kind="prometheus", url=fake.url), {})
        with pytest.raises(FleetError, match=re.escape("the engine has no metric we know")):
            await source.read("cpu_busy_ratio", Window(0, 60, 15))
        await source.aclose()
