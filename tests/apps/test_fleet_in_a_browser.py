"""The overview of a fleet, drawn by a real browser from a real server: what it shows, how it follows, hostile names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from app_host import AppHost, shown
from browser import chromium
from fleet_client import ask, fleet_client
from mcp.client import Client

from openmanager_core.source import SourceSettings

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
INCIDENT = SourceSettings(scenario="incident")
HOSTILE = "web-1 <img src=x onerror=\"parent.postMessage({jsonrpc:'2.0',method:'hacked'},'*')\"><script>1</script>"


@asynccontextmanager
async def drawn(
    client: Client, folder: Path, arguments: dict[str, Any] | None = None, **context: Any
) -> AsyncIterator[AppHost]:
    """The page of the overview in a browser, when something is on it."""
    async with chromium(folder / "browser") as browser:
        host = await shown(browser, client, "fleet_overview", arguments or {}, context)
        await host.view.until("!document.querySelector('#state').hidden")
        yield host
        assert host.tab.complaints == []


def texts(selector: str) -> str:
    """Script for the texts of all elements that match."""
    return f"[...document.querySelectorAll({selector!r})].map(e => e.textContent)"


async def test_the_page_shows_what_the_answer_says(tmp_path: Path) -> None:
    async with fleet_client(INCIDENT, tmp_path / "home") as client:
        told = await ask(client, "fleet_overview")
        async with drawn(client, tmp_path) as host:
            view = host.view
            assert await view.run("document.querySelector('#state').textContent") == told["status"]
            assert await view.run("document.querySelector('#health').textContent") == f"{told['health']:.0f}"
            facts = await view.run("document.querySelector('#facts').textContent")
            assert told["window"] in facts and told["source"] in facts
            assert f"{told['open_incidents']} open incidents" in facts
            counts = await view.run(texts("#counts span"))
            wanted = [f"{status} {count}" for status, count in told["servers_by_status"].items()]
            assert counts[: 1 + len(wanted)] == [f"{told['servers']} servers", *wanted]
            widths = await view.run("[...document.querySelectorAll('#shares span')].map(e => e.offsetWidth)")
            assert len(widths) == len(wanted) and widths == sorted(widths, reverse=True)
            names = await view.run(texts("#clusters .name"))
            assert names == [cluster["id"] for cluster in told["worst_clusters"]]
            kind_and_place = [f"{cause['kind'].replace('_', ' ')} · {cause['node']}" for cause in told["causes"]]
            assert await view.run(texts("#causes .name")) == kind_and_place
            sentences = await view.run(texts("#anomalies .sentence"))
            assert sentences == [anomaly["summary"] for anomaly in told["anomalies"]]
            more = told["anomalies_total"] - len(told["anomalies"])
            assert await view.run("document.querySelector('#anomalies p').textContent") == f"and {more} more"
            assert await view.run(texts("#causes .entry:first-child li")) == [
                *told["causes"][0]["evidence"],
                f"explains: {', '.join(told['causes'][0]['explains'])}",
            ]
            sure = await view.run("document.querySelector('#causes [role=meter]').ariaValueNow")
            assert sure == f"{100 * told['causes'][0]['confidence']:.0f}"
            assert await view.run(texts("#steps li")) == told["next_steps"]
            assert await view.run("document.querySelector('#problems').hidden") is (told["problems"] == [])


async def test_what_goes_wrong_while_the_page_is_open_appears_and_what_was_opened_stays_open(tmp_path: Path) -> None:
    async with fleet_client(home=tmp_path / "home") as client, drawn(client, tmp_path) as host:
        view = host.view
        assert await view.run("document.querySelector('#state').textContent") == "healthy"
        place = "database-production-us-east-1"
        fault = {"kind": "slow_dependency", "target": place, "severity": 1.0, "started": "now-20m"}
        await ask(client, "inject_fault", **fault)
        await host.tab.click(view, "#refresh")
        first = "document.querySelector('#causes .entry')"
        await view.until(f"{first}?.dataset.key === 'cause {place} slow_dependency'")
        assert await view.run("document.querySelector('#state').textContent") != "healthy"
        news = await view.run("document.querySelector('#news').textContent")
        assert news.startswith("The fleet is ") and "healthy" not in news
        trend = await view.run("document.querySelector('#trend path').getAttribute('d')")
        before, after = (float(point.split(",")[1]) for point in trend.removeprefix("M").split("L"))
        assert after > before, "worse health is drawn lower"
        await host.tab.click(view, "#causes summary")
        await view.until(f"{first}.open")
        asked = len(host.calls)
        await host.tab.click(view, "#refresh")
        await host.until_calls(asked + 1)
        await view.until("!document.querySelector('#refresh').disabled")
        assert await view.run(f"{first}.open")


async def test_a_window_that_ends_now_is_followed_and_one_that_ended_is_not(tmp_path: Path) -> None:
    pressed = "document.querySelector('#follow').ariaPressed"
    async with fleet_client(home=tmp_path / "home") as client:
        async with drawn(client, tmp_path / "live") as host:
            await host.view.until(f"{pressed} === 'true'")
            await host.until_calls(1)
            assert host.calls[0] == ("fleet_overview", {})
            await host.tear_down()
            assert await host.view.run(pressed) == "false"
        past = {"start": "now-3h", "end": "now-2h"}
        async with drawn(client, tmp_path / "past", past) as host:
            assert await host.view.run(pressed) == "false"
            await host.tab.click(host.view, "#refresh")
            await host.until_calls(1)
            assert host.calls[0] == ("fleet_overview", past)


async def test_in_korean_and_dark_the_page_is_read_and_opened_by_the_keyboard_alone(tmp_path: Path) -> None:
    async with fleet_client(INCIDENT, tmp_path / "home") as client:
        told = await ask(client, "fleet_overview")
        async with drawn(client, tmp_path, theme="dark", locale="ko-KR") as host:
            view = host.view
            assert await view.run(texts("h1, #refresh, #causes h2")) == ["서버 현황", "새로고침", "유력한 원인"]
            assert (await view.run(texts("#counts span")))[0] == f"서버 {told['servers']}대"
            assert await view.run("getComputedStyle(document.body).colorScheme") == "dark"
            await host.tab.click(view, "#refresh")
            await view.until("!document.querySelector('#refresh').disabled")
            await host.tab.press("Tab", "Enter")
            await view.until("document.querySelector('#clusters .entry').open")
            assert await view.run("document.activeElement.closest('.entry') === document.querySelector('.entry')")


async def test_names_that_look_like_markup_stay_text(tmp_path: Path) -> None:
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    rows = ["timestamp,server,metric,value"]
    for k in range(120):
        level = 0.2 if k < 90 else 0.95
        rows.append(f"{1_790_000_000 + 30 * k},{quoted},cpu_busy_ratio,{level + 0.001 * (k % 7)}")
        rows += [f"{1_790_000_000 + 30 * k},calm-{n},cpu_busy_ratio,{0.2 + 0.001 * ((k + n) % 5)}" for n in range(6)]
    recording = tmp_path / "recording.csv"
    recording.write_text("\n".join(rows) + "\n", encoding="utf-8")
    async with fleet_client(SourceSettings(kind="recorded", path=str(recording)), tmp_path / "home") as client:
        told = await ask(client, "fleet_overview")
        assert "<img" in told["anomalies"][0]["summary"]
        async with drawn(client, tmp_path) as host:
            assert (await host.view.run(texts("#anomalies .sentence")))[0] == told["anomalies"][0]["summary"]
            assert await host.view.run("document.querySelectorAll('img, section script, iframe').length") == 0
            assert "hacked" not in [message.get("method") for message in host.heard]
