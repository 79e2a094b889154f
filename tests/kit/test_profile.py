"""Profiles and settings: who goes first, and what an error names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import kit_served
import pytest

from openmanager_core.errors import ConfigError
from openmanager_core.source.settings import SourceSettings
from openmanager_kit import registry
from openmanager_kit.choosing import choose
from openmanager_kit.limits import Limits
from openmanager_kit.profile import HttpSettings, Profile, load_profile
from openmanager_kit.profile_files import shipped_profiles
from openmanager_kit.registry import SERVERS, build_server, settings_for
from openmanager_kit.settings import TABLE, Setting, settings_table


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registry know the server of these tests."""
    monkeypatch.setitem(registry.SERVERS, "bench", "kit_served")


def load(folder: Path, text: str = "", flags: Any = None, environ: Any = None) -> Profile:
    return load_profile(str(kit_served.profile(folder, text)), flags or {}, environ or {})


def refusal(folder: Path, text: str = "", flags: Any = None, environ: Any = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, flags, environ)
    return str(caught.value)


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_loads_and_lists_only_servers_that_exist(name: str) -> None:
    profile = load_profile(name, {}, {})
    assert set(profile.servers) <= set(SERVERS)
    assert len(profile.description) > 20
    assert profile.home.is_absolute()


def test_the_three_profiles_are_there() -> None:
    assert shipped_profiles() == ["ai-production", "development", "minimal"]
    assert load_profile("ai-production", {}, {}).http.token_env
    assert load_profile("", {}, {}).name == "development"
    assert load_profile("", {}, {"OPENMANAGER_CONFIG": "minimal"}).name == "minimal"


@pytest.mark.usefixtures("bench")
def test_a_flag_goes_before_a_variable_before_the_profile_before_the_default(tmp_path: Path) -> None:
    text, environ, flags = "[source]\nservers = 2\n", {"OPENMANAGER_SERVERS": "3"}, {"source.servers": "4"}
    assert load(tmp_path).source.servers == 30
    assert load(tmp_path, text).source.servers == 2
    assert load(tmp_path, text, environ=environ).source.servers == 3
    assert load(tmp_path, text, flags, environ).source.servers == 4


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.key)
def test_every_setting_can_be_said_in_all_three_ways(tmp_path: Path, setting: Setting) -> None:
    samples: dict[str, tuple[str, str, Any]] = {
        "text": ('"x"', "x", "x"),
        "path": ('"x"', "x", "x"),
        "paths": ('["x", "y:ro"]', "x:y:ro", ("x", "y:ro")),
        "int": ("5000", "5000", 5000),
        "number": ("2.5", "2.5", 2.5),
        "bool": (str(not setting.default).lower(), str(not setting.default), not setting.default),
        "list": ('["a", "b"]', "a, b", ("a", "b")),
        "map": ('{ a = "b" }', '{"a":"b"}', {"a": "b"}),
    }
    written, said, expected = samples[setting.kind]
    if setting.choices:
        written, said, expected = f'"{setting.choices[1]}"', setting.choices[1], setting.choices[1]
    elif setting.kind == "int" and setting.high < 5000:
        written, said, expected = "7", "7", 7
    file = kit_served.profile(tmp_path)
    within = tomllib.loads(f"{setting.name} = {written}")
    raw = {setting.section: within} if setting.section else within
    values = [
        choose(raw, file, {}, {})[setting.key].value,
        choose({}, file, {}, {setting.variable: said})[setting.key].value,
        choose({}, file, {setting.key: said}, {})[setting.key].value,
    ]
    if setting.kind == "paths":
        here, there = (tuple(str(folder / item) for item in expected) for folder in (Path.cwd(), tmp_path))
        assert values == [there, here, here]
    elif setting.kind == "path":
        assert values == [str(tmp_path / "x"), str(Path.cwd() / "x"), str(Path.cwd() / "x")]
    else:
        assert values == [expected] * 3
    assert setting.variable.startswith("OPENMANAGER_")


def test_the_table_covers_every_setting_there_is() -> None:
    keys = {setting.key for setting in TABLE}
    for section, model in (("source", SourceSettings), ("http", HttpSettings), ("limits", Limits)):
        assert {key for key in keys if key.startswith(f"{section}.")} == {f"{section}.{f}" for f in model.__slots__}
    assert len({setting.variable for setting in TABLE}) == len(TABLE)
    own_flags = [setting.flag for setting in TABLE if not setting.shared_flag]
    assert len(set(own_flags)) == len(own_flags)
    table = settings_table()
    assert all(f"`{setting.key}`" in table and f"`{setting.variable}`" in table for setting in TABLE)


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[source]\nservers = "many"\n', "source.servers, {file}: must be a whole number from 1 to 100000, got 'many'"),
        ("[source]\nservers = true\n", "must be a whole number from 1 to 100000, got True"),
        ("[source]\nservers = 0\n", "must be a whole number from 1 to 100000, got 0"),
        ("[source]\ntick_s = nan\n", "source.tick_s, {file}: must be a number from 0.1 to 3600, got nan"),
        ('[source]\nkind = "influx"\n', "must be one of simulator, host, recorded, prometheus, got 'influx'"),
        ("[source]\nserver = 3\n", "source.server, {file}: is no setting; [source] has kind, servers, "),
        ("[source]\nserver = 3\n", "did you mean servers?"),
        ("source = 3\n", "source, {file}: must be a section, got 3"),
        ("[sauce]\n", "sauce, {file}: no listed server owns it"),
        ("[openmanager-local]\nx = 1\n", "openmanager-local, {file}: no listed server owns it"),
        ("description = 3\n", "description, {file}: must be text, got 3"),
        ("read_only = 1\n", "read_only, {file}: must be true or false, got 1"),
        ("[http]\nallowed_hosts = 'a'\n", "must be a list of texts, got 'a'"),
        ("[source]\nmapping = { a = 1 }\n", "must be a table of texts"),
        ('[source]\npath = "a\\u0000b"\n', "must be a path"),
        ("oops", "{file}: is not valid TOML"),
    ],
)
def test_an_error_names_the_key_the_file_the_value_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    assert said.format(file=tmp_path / "bench.toml") in refusal(tmp_path, text)


@pytest.mark.usefixtures("bench")
def test_an_error_in_a_flag_or_variable_names_it(tmp_path: Path) -> None:
    assert refusal(tmp_path, flags={"source.seed": "x"}).startswith("source.seed, flag --seed: must be a whole number")
    said = refusal(tmp_path, environ={"OPENMANAGER_PROMETHEUS_TLS_VERIFY": "maybe"})
    assert said == "source.tls_verify, variable OPENMANAGER_PROMETHEUS_TLS_VERIFY: must be true or false, got 'maybe'"
    said = refusal(tmp_path, flags={"source.mapping": ["nothing"]})
    assert "must be NAME=PROMQL" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"must be a list of server names ({', '.join(SERVERS)}), got None"),
        ("servers = []", "must be a list of server names"),
        ('servers = ["gti"]', f"there is no server 'gti'; the servers are {', '.join(SERVERS)}"),
        ('servers = ["openmanager-local", "openmanager-local"]', "lists a server twice"),
    ],
)
def test_a_profile_lists_servers_that_exist(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_profile(str(tmp_path / "own.toml"), {}, {})
    assert said in str(caught.value)


def test_a_profile_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"there is no profile 'developmint'.*did you mean development"):
        load_profile("developmint", {}, {})
    with pytest.raises(ConfigError, match=r"/nowhere/x\.toml: cannot be read: No such file"):
        load_profile("/nowhere/x.toml", {}, {})


@pytest.mark.usefixtures("bench")
def test_an_address_given_by_flag_or_variable_says_which_source_is_meant(tmp_path: Path) -> None:
    environ = {"OPENMANAGER_PROMETHEUS_URL": "http://p:9090"}
    assert load(tmp_path, environ=environ).source.kind == "prometheus"
    assert load(tmp_path, flags={"source.url": "http://p:9090"}).source.kind == "prometheus"
    assert load(tmp_path, flags={"source.path": "x.csv"}).source.kind == "recorded"
    assert load(tmp_path, '[source]\nurl = "http://p:9090"\n').source.kind == "simulator"
    assert load(tmp_path, flags={"source.kind": "host"}, environ=environ).source.kind == "host"


@pytest.mark.usefixtures("bench")
def test_a_server_gets_its_own_section_checked_by_its_own_model(tmp_path: Path) -> None:
    settings = settings_for(load(tmp_path, '[bench]\ngreeting = "good day"\n'), "bench")
    assert settings.section == kit_served.Section(greeting="good day")
    assert build_server(load(tmp_path), "bench").state.settings.section.volume == 3
    with pytest.raises(ConfigError, match=r"bench\.volume, .*bench\.toml: .*got 12; \[bench\] has greeting, volume"):
        settings_for(load(tmp_path, "[bench]\nvolume = 12\n"), "bench")
    with pytest.raises(ConfigError, match=r"bench\.loud, .*Extra inputs"):
        settings_for(load(tmp_path, "[bench]\nloud = 1\n"), "bench")


@pytest.mark.usefixtures("bench")
def test_paths_in_a_profile_start_at_the_profile(tmp_path: Path) -> None:
    assert load(tmp_path, '[source]\npath = "data"\n').source.path == str(tmp_path / "data")
    assert load(tmp_path, '[state]\nhome = "/srv/state"\n').home == Path("/srv/state")
