"""One schema for flags, variables and config.toml."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.model.choosing import Choice, Surroundings, choose, parse, settings_of
from dlm.model.download import DownloadSpec
from dlm.model.error import InvalidRequest
from dlm.model.settings import SCHEMA, Scope, Settings, Unit, show

AROUND = Surroundings(current="/here/now", home="/home/me", state="/state/dlm.db", file="/conf/config.toml")


def chosen(
    flags: dict[str, Any] | None = None, environ: dict[str, str] | None = None, table: dict[str, object] | None = None
) -> dict[str, Choice]:
    return choose(flags or {}, environ or {}, table or {}, AROUND)


def test_defaults_hold_when_nothing_is_said() -> None:
    """Without flags, variables and file, the defaults hold, and the paths are those of the surroundings."""
    settings = settings_of(chosen())
    assert settings == Settings(directory="/here/now", state="/state/dlm.db")
    assert (settings.connections, settings.jobs, settings.resume) == (64, None, True)


def test_flags_beat_the_environment_which_beats_the_file() -> None:
    """Each layer hides those below it, and the source of each value is known."""
    table: dict[str, object] = {"connections": 2, "retries": 7, "timeout": 1.5}
    environ = {"DLM_CONNECTIONS": "3", "DLM_RETRIES": "8"}
    choices = chosen({"connections": "4"}, environ, table)
    assert choices["connections"] == Choice(4, "--connections")
    assert choices["retries"] == Choice(8, "DLM_RETRIES")
    assert choices["timeout"] == Choice(1.5, "/conf/config.toml:timeout")
    assert choices["per_host"] == Choice(4, "default")


def test_a_switch_can_be_taken_back_by_a_flag() -> None:
    """What the file switches on, a flag can switch off."""
    assert chosen({"overwrite": False}, {}, {"overwrite": True})["overwrite"] == Choice(False, "--overwrite")


def test_an_empty_variable_says_nothing() -> None:
    """An empty variable counts as not set."""
    assert chosen(environ={"DLM_JOBS": ""})["jobs"].source == "default"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("connections", "1", 1),
        ("connections", " 256 ", 256),
        ("retries", "0", 0),
        ("limit_rate", "1.5M", 3 * 1024**2 // 2),
        ("limit_rate", "0", None),
        ("timeout", "2m", 120.0),
        ("timeout", "0.5", 0.5),
        ("netrc", "yes", True),
        ("netrc", "0", False),
        ("proxy", "socks5h://localhost:1080", "socks5h://localhost:1080"),
        ("proxy", "", None),
        ("user_agent", "me/1.0", "me/1.0"),
        ("user_agent", "", None),
    ],
)
def test_values_are_read(name: str, text: str, value: object) -> None:
    """Each unit reads what people write; empty text takes a value back where there may be none."""
    assert parse(SCHEMA[name], text, "test") == value


@pytest.mark.parametrize(
    ("flags", "environ", "table", "source"),
    [
        ({"connections": "0"}, {}, {}, "--connections: "),
        ({"connections": "257"}, {}, {}, "--connections: "),
        ({"connections": "٣"}, {}, {}, "--connections: "),
        ({"retries": "-1"}, {}, {}, "--retries: "),
        ({"timeout": "0"}, {}, {}, "--timeout: "),
        ({"timeout": "nan"}, {}, {}, "--timeout: "),
        ({"limit_rate": "fast"}, {}, {}, "--limit-rate: "),
        ({"directory": ""}, {}, {}, "--dir: "),
        ({"proxy": "proxy:3128"}, {}, {}, "--proxy: "),
        ({"log_format": "xml"}, {}, {}, "--log-format: "),
        ({}, {}, {"log_file": "dlm.log"}, "/conf/config.toml:log_file: "),
        ({}, {"DLM_JOBS": "many"}, {}, "DLM_JOBS: "),
        ({}, {"DLM_NETRC": "perhaps"}, {}, "DLM_NETRC: "),
        ({}, {}, {"connections": True}, "/conf/config.toml:connections: "),
        ({}, {}, {"connections": 1.5}, "/conf/config.toml:connections: "),
        ({}, {}, {"netrc": "yes"}, "/conf/config.toml:netrc: "),
        ({}, {}, {"user_agent": 5}, "/conf/config.toml:user_agent: "),
        ({}, {}, {"directory": "downloads"}, "/conf/config.toml:directory: "),
        ({}, {}, {"jobs": {}}, "/conf/config.toml:jobs: "),
    ],
)
def test_a_bad_value_names_its_source(
    flags: dict[str, Any], environ: dict[str, str], table: dict[str, object], source: str
) -> None:
    """The sentence begins with the flag, the variable or file and key, and says what to write."""
    with pytest.raises(InvalidRequest) as caught:
        chosen(flags, environ, table)
    assert str(caught.value).startswith(source)
    assert "write" in str(caught.value)


def test_a_bad_file_is_told_even_where_a_flag_hides_it() -> None:
    """A mistake in config.toml does not wait until the flag is left out."""
    with pytest.raises(InvalidRequest, match=r"config\.toml:jobs"):
        chosen({"jobs": "4"}, {}, {"jobs": 0})


def test_the_password_of_a_proxy_is_not_repeated() -> None:
    """A sentence about a proxy holds nothing of its address."""
    with pytest.raises(InvalidRequest) as caught:
        chosen({"proxy": "ftp://me:secret@host"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "nearest"), [("conections", "connections"), ("dir", "directory"), ("limit-rates", "limit_rate"), ("JOBS", "jobs")]
)
def test_an_unknown_key_names_the_nearest(key: str, nearest: str) -> None:
    """A misspelt key is an error that says what was meant."""
    with pytest.raises(InvalidRequest, match=f"no setting '{key}': did you mean '{nearest}'"):
        chosen(table={key: 1})


def test_a_key_that_resembles_nothing_is_refused_too() -> None:
    """An unknown key is never ignored."""
    with pytest.raises(InvalidRequest, match="dlm config"):
        chosen(table={"zzzz": 1})


def test_keys_may_be_written_with_dashes() -> None:
    """limit-rate and limit_rate are the same key."""
    assert settings_of(chosen(table={"limit-rate": "1K"})).limit_rate == 1024


@pytest.mark.parametrize(
    ("said", "path"),
    [("sub", "/here/now/sub"), ("~/x", "/home/me/x"), ("~", "/home/me"), ("/a/../b", "/b"), (".", "/here/now")],
)
def test_paths_become_absolute(said: str, path: str) -> None:
    """Flags and variables hold paths relative to the current directory; ~ is the home directory."""
    assert chosen({"directory": said})["directory"].value == path
    assert chosen(environ={"DLM_DIRECTORY": said})["directory"].value == path


def test_a_log_may_go_to_standard_error() -> None:
    """`-` is no file, wherever it is written."""
    assert chosen({"log_file": "-"})["log_file"].value == "-"
    assert chosen(table={"log_file": "-"})["log_file"].value == "-"
    assert chosen({"log_file": "x.log"})["log_file"].value == "/here/now/x.log"


def test_every_setting_of_a_download_is_a_field_of_its_spec() -> None:
    """What governs a download has the same name, and the same default, in `DownloadSpec`."""
    spec = DownloadSpec(uris=("https://h/",), directory="/here/now")
    ours = settings_of(chosen())
    for name, row in SCHEMA.items():
        if row.scope is not Scope.GLOBAL:
            assert getattr(spec, name) == getattr(ours, name), name


def test_every_row_can_be_shown_in_help_and_docs() -> None:
    """Each row has a sentence without its full stop, a flag, and a name for its value unless it is a switch."""
    assert list(SCHEMA) == [field.name for field in fields(Settings)]
    for row in SCHEMA.values():
        assert row.help
        assert not row.help.endswith(".")
        assert row.flag.startswith("--")
        assert bool(row.metavar) == (row.unit is not Unit.SWITCH), row.name


@given(st.sampled_from(sorted(SCHEMA)), st.text(max_size=40))
def test_no_text_breaks_a_parser(name: str, text: str) -> None:
    """Whatever stands in a flag or variable, it is a value or one sentence."""
    sentence = "here: "
    try:
        assert isinstance(show(SCHEMA[name], parse(SCHEMA[name], text, "here")), str)
    except InvalidRequest as error:
        sentence = str(error)
    assert sentence.startswith("here: ")


@given(st.sampled_from(sorted(SCHEMA)), st.integers() | st.floats() | st.text() | st.booleans() | st.lists(st.integers()))
def test_no_toml_value_breaks_the_choice(name: str, raw: object) -> None:
    """Whatever stands in config.toml, it is a value or one sentence."""
    sentence = "/conf/config.toml:"
    try:
        settings_of(chosen(table={name: raw}))
    except InvalidRequest as error:
        sentence = str(error)
    assert sentence.startswith("/conf/config.toml:")
