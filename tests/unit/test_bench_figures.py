"""The pure parts of the benchmark: bounds, medians, ratios, command lines, and the table of scenarios."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from bench import plots, results, table
from bench.bounds import bound, filled, handshakes, slow_start
from bench.misbehaving import RANGE, Server, span
from bench.model import MB, MIB, Fault, Faults, Scenario, Wire, faults_from, quickened
from bench.model import Path as Way
from bench.results import Outcome, Report, Run, lines
from bench.scenarios import SCENARIOS, named
from bench.stores import environment
from bench.tools import Job, suited, words
from bench.wire_check import deviation
from hypothesis import given
from hypothesis import strategies as st


def run(tool: str, wall: float, *, wrong: str | None = None) -> Run:
    """A run with these figures."""
    return Run(
        tool, 1, wrong, "", wall, cpu=0.5, memory=10 * MIB, beyond=1000, late=False, asked=[{"connections": 1}], wires=[]
    )


def outcome(*runs: Run) -> Outcome:
    """A scenario of 100 MB with a bound of 2 s."""
    return Outcome("one", "a title", 100 * MB, 2.0, list(runs))


def test_the_bound_of_a_clean_path_is_handshakes_slow_start_and_bytes() -> None:
    """10 MiB over https at 100 Mbit/s and 40 ms, as worked out by hand with 16 connections."""
    scenario = Scenario("cold", "", 10 * MIB, (Way(Wire(rate=100 * MB, rtt=0.040)),), scheme="https")
    bytes_alone = 10 * MIB / (100 * MB / 8 * 1448 / 1500)
    assert bound(scenario) == pytest.approx(3 * 0.040 + bytes_alone + slow_start(100 * MB, 0.040, 16))


def test_https_costs_one_round_trip_more() -> None:
    """TCP and the request, and TLS 1.3."""
    wire = Wire(rate=1, rtt=0.1)
    assert handshakes(wire, "http") == pytest.approx(0.2)
    assert handshakes(wire, "https") == pytest.approx(0.3)


def test_every_scheme_has_a_bound() -> None:
    """Whatever a scenario speaks, its round trips before the first byte are known."""
    for one in SCENARIOS:
        if one.paths[0].wire is not None:
            assert bound(one) is not None


def test_other_protocols_have_loopback_and_distance_and_a_peer() -> None:
    """FTP, SFTP and S3 each in both; with another program than dlm to compare with, and none that speaks HTTP only."""
    chosen = named(["protocols"])
    assert {one.name for one in chosen} == {
        f"{way}-{scheme}" for way in ("loopback", "wan") for scheme in ("ftp", "sftp", "s3")
    }
    for one in chosen:
        tools = {tool.name for tool in suited(one)}
        assert len(tools) > 1
        assert not tools & {"wget2", "aria2c", "axel"}


def test_what_s3_needs_to_know_goes_to_its_tools_only() -> None:
    """The endpoint for dlm and aws, and the same for rclone; no other scheme gets any."""
    said = environment("s3", "10.0.0.1")
    assert said["AWS_ENDPOINT_URL_S3"] == said["RCLONE_CONFIG_STORE_ENDPOINT"] == "http://10.0.0.1:8333"
    assert environment("sftp", "10.0.0.1") == {}


@given(st.integers(), st.integers(0, 1000))
def test_of_each_group_of_connections_one_is_hit(seed: int, group: int) -> None:
    """Exactly one of four, after as many bytes as were drawn for it, and the same again for the same seed."""
    fault = Fault(among=4, after=(10, 20))
    server = Server(Path("/"), Faults(), seed)
    drawn = [server.strikes("crawl", fault, 4 * group + place) for place in range(4)]
    assert drawn == [Server(Path("/"), Faults(), seed).strikes("crawl", fault, 4 * group + place) for place in range(4)]
    hit = [after for after in drawn if after is not None]
    assert len(hit) == 1
    assert 10 <= hit[0] <= 20


@pytest.mark.parametrize(
    ("line", "expected"), [(b"Range: bytes=0-", (0, 100)), (b"range: bytes=10-19", (10, 20)), (b"Range: bytes=-5", (95, 100))]
)
def test_ranges_are_read_as_they_are_written(line: bytes, expected: tuple[int, int]) -> None:
    """From, from and to, and the last so many; half-open as everywhere."""
    asked = RANGE.search(b"GET / HTTP/1.1\r\n" + line + b"\r\nHost: a")
    assert asked is not None
    assert span(asked, 100) == expected


def test_slow_start_costs_what_the_windows_leave_empty() -> None:
    """One connection at 100 Mbit/s and 40 ms: six round trips, in which 63 first windows are sent."""
    assert slow_start(100 * MB, 0.040, 1) == pytest.approx(6 * 0.040 - 63 * 14_480 / 12_500_000)


def test_bursts_lose_what_they_say() -> None:
    """Of the share of packets that come in the bad state, half is lost."""
    assert Wire(rate=1, rtt=1, burst=(0.002, 0.2, 0.5)).lost == pytest.approx(0.5 * 0.002 / 0.202)


def test_more_connections_shorten_slow_start_until_there_is_none() -> None:
    """One needs several round trips, enough of them none."""
    extras = [slow_start(200 * MB, 0.150, count) for count in (1, 4, 16, 64, 512)]
    assert extras == sorted(extras, reverse=True)
    assert extras[-1] == 0


def test_a_rate_that_changes_is_integrated() -> None:
    """After a second at 1 MB/s the rest comes at 100 KB/s."""
    faults = Faults(total=((0, 1_000_000), (1, 100_000)))
    assert filled(Scenario("", "", 1_500_000, (Way(Wire(100 * MB, 0.01), faults),)), 1_500_000) == pytest.approx(6.0)


def test_a_mirror_that_dies_counts_until_then() -> None:
    """Two equal ones for a second, then one."""
    wire = Wire(rate=8 * MB * 1500 / 1448, rtt=0.01)
    ways = (Way(wire, Faults()), Way(wire, Faults(dies_after=1)))
    assert filled(Scenario("", "", 3_000_000, ways), 3_000_000) == pytest.approx(2.0)


def test_a_limit_of_connections_limits_a_capped_server() -> None:
    """Sixteen times a megabyte a second, though the wire could carry more."""
    faults = Faults(connection_rate=1_000_000, connection_limit=16)
    assert filled(Scenario("", "", 160_000_000, (Way(Wire(1000 * MB, 0.01), faults),)), 160_000_000) == pytest.approx(10.0)


def test_lines_compare_with_the_fastest_other_program_that_never_failed() -> None:
    """A peer that failed once is no measure, nor is another call of the same program."""
    made = {
        one.tool: one
        for one in lines(
            outcome(
                run("dlm", 3), run("dlm", 7), run("curl", 8), run("axel", 1), run("axel", 1, wrong="gone"), run("curl best", 4)
            )
        )
    }
    assert made["dlm"].wall == 5
    assert made["dlm"].to_bound == 2.5
    assert made["dlm"].to_best_peer == 1.25
    assert made["curl"].to_best_peer == 1.6
    assert (made["axel"].right, made["axel"].runs, made["axel"].why) == (1, 2, "gone")
    assert made["dlm"].cpu_per_gb == pytest.approx(5.0)


def test_tables_name_what_failed() -> None:
    """A tool that was never right has dashes and a reason, and the summary says that no peer was right."""
    one = outcome(run("dlm", 3), run("axel", 9, wrong="not done after 9 s"))
    assert "not done after 9 s" in table.written(one)
    assert "none was right" in table.summary([one])


def test_results_survive_json(tmp_path: Path) -> None:
    """What is saved is loaded again."""
    report = Report({"cores": "2"}, [outcome(run("dlm", 3))])
    results.save(report, tmp_path / "results.json")
    assert results.load(tmp_path / "results.json") == report


@given(st.floats(0.0001, 0.1), st.floats(0.05, 0.5), st.floats(0.1, 1.0))
def test_bursts_deviate_more_than_single_losses(to_bad: float, to_good: float, while_bad: float) -> None:
    """Losses that come together make the share of a sample less certain."""
    bursty = Wire(rate=1, rtt=1, burst=(to_bad, to_good, while_bad))
    assert deviation(bursty, 1000) > deviation(Wire(rate=1, rtt=1, loss=bursty.lost), 1000)


def test_every_scenario_is_named_once_and_can_be_done_by_dlm() -> None:
    """Names are unique, dlm takes part everywhere, a quick one is no larger, and its faults reach the server whole."""
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)
    for one in SCENARIOS:
        assert "dlm" in {tool.name for tool in suited(one)}
        assert quickened(one).size * quickened(one).files <= one.size * one.files
        for way in one.paths:
            if way.faults:
                assert faults_from(json.dumps(asdict(way.faults))) == way.faults


def test_names_and_groups_choose_scenarios() -> None:
    """A group gives its members, no word gives all, an unknown word is an error."""
    assert [one.name for one in named(["cap", "loopback"])] == ["loopback-http", "loopback-https", "cap"]
    assert len(named([])) == len(SCENARIOS)
    with pytest.raises(KeyError):
        named(["nothing-like-it"])


def test_command_lines_are_complete() -> None:
    """No place-holder is left, several addresses become several words, and dlm has no tuning flag."""
    job = Job(("http://a/f", "http://b/f"), "http://a/", "/d", "f", "/ca", "/list", "/curl", "a", "/s", "/ssh")
    for one in SCENARIOS:
        for tool in suited(one):
            command = words(tool.command, job)
            assert not any("{" in word for word in command)
            if tool.kind == "mirrors":
                assert command[-2:] == ["http://a/f", "http://b/f"]
            if tool.name == "dlm":
                assert not {"-x", "-j", "--connections", "--jobs"} & set(command)


def test_faults_with_every_field_are_read_back() -> None:
    """What the harness writes for the server is what the server reads."""
    faults = replace(
        Faults(), crawl=Fault(4), silence=Fault(2, (1, 2)), reset=Fault(), truncation=Fault(3), total=((0.0, 1.0),)
    )
    assert faults_from(json.dumps(asdict(faults))) == faults


def test_plots_need_nothing_to_be_imported() -> None:
    """matplotlib is an extra, so the module can be imported without it."""
    assert plots.MOST > 1
