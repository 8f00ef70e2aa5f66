"""Which routes lead away from this machine, and which addresses need one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.system.network import needs_network
from dlm.system.routes import outward_ipv4, outward_ipv6

HEAD_V4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT    \n"


def v4(interface: str, destination: str, flags: str, gateway: str = "00000000", mask: str = "00FFFFFF") -> str:
    return f"{interface}\t{destination}\t{gateway}\t{flags}\t0\t0\t0\t{mask}\t0\t0\t0      \n"


V4 = {
    "nothing": ("", []),
    "a heading": (HEAD_V4, []),
    "a default route": (HEAD_V4 + v4("eth0", "00000000", "0003", "010200C0", "00000000"), ["eth0"]),
    "neighbours only": (HEAD_V4 + v4("eth0", "000200C0", "0001"), ["eth0"]),
    "a tunnel": (HEAD_V4 + v4("wg0", "0100000A", "0005", mask="FFFFFFFF"), ["wg0"]),
    "an alias": (HEAD_V4 + v4("eth0.7@x", "000200C0", "0001"), ["eth0.7@x"]),
    "two": (HEAD_V4 + v4("eth0", "00000000", "0003") + v4("wlan0", "0000A8C0", "0001"), ["eth0", "wlan0"]),
    "loopback": (HEAD_V4 + v4("lo", "0000007F", "0001", mask="000000FF"), []),
    "loopback addresses elsewhere": (HEAD_V4 + v4("dummy0", "0000007F", "0001"), []),
    "link-local only": (HEAD_V4 + v4("eth0", "0000FEA9", "0001", mask="0000FFFF"), []),
    "beside link-local": (HEAD_V4 + v4("eth0", "0000FDA9", "0001", mask="0000FFFF"), ["eth0"]),
    "multicast": (HEAD_V4 + v4("eth0", "000000E0", "0001") + v4("eth0", "FAFFFFEF", "0001"), []),
    "not up": (HEAD_V4 + v4("eth0", "00000000", "0002"), []),
    "unreachable": (HEAD_V4 + v4("*", "00000000", "0201") + v4("eth0", "00000000", "0203"), []),
    "blackhole": (HEAD_V4 + v4("*", "00000000", "0001"), []),
    "nonsense": (HEAD_V4 + "eth0 what\n\neth0\tZZ\t0\t0001\n", []),
}


@pytest.mark.parametrize(("text", "interfaces"), V4.values(), ids=V4)
def test_ipv4_routes_that_lead_away(text: str, interfaces: list[str]) -> None:
    """Each case of the table, as a machine with its low byte first shows it."""
    assert list(outward_ipv4(text, "little")) == interfaces


def test_ipv4_routes_with_the_high_byte_first() -> None:
    """The same file on such a machine."""
    assert list(outward_ipv4(HEAD_V4 + v4("eth0", "A9FE0000", "0001"), "big")) == []
    assert list(outward_ipv4(HEAD_V4 + v4("eth0", "C0000200", "0001"), "big")) == ["eth0"]


def v6(destination: str, length: int, flags: str, interface: str) -> str:
    zeros = "0" * 32
    return f"{destination:0<32} {length:02x} {zeros} 00 {zeros} 00000100 00000001 00000000 {flags} {interface:>8}\n"


V6 = {
    "nothing": ("", []),
    "a default route": (v6("", 0, "00000003", "eth0"), ["eth0"]),
    "neighbours only": (v6("fd00", 64, "00000001", "eth0"), ["eth0"]),
    "global": (v6("20010db8", 64, "00450001", "wlan0"), ["wlan0"]),
    "link-local only": (v6("fe80", 64, "00000001", "eth0") + v6("febf", 64, "00000001", "eth0"), []),
    "beside link-local": (v6("fec0", 64, "00000001", "eth0"), ["eth0"]),
    "multicast": (v6("ff", 8, "00000001", "eth0"), []),
    "own addresses": (v6("fd00", 128, "80200001", "eth0"), []),
    "anycast": (v6("fd00", 128, "00100001", "eth0"), []),
    "loopback": (v6("", 0, "00200200", "lo") + v6("fd00", 64, "00000001", "lo"), []),
    "unreachable": (v6("", 0, "00200201", "eth0"), []),
    "not up": (v6("fd00", 64, "00000000", "eth0"), []),
    "nonsense": ("fe80\n\n" + "g" * 32 + " 00 eth0\n", []),
}


@pytest.mark.parametrize(("text", "interfaces"), V6.values(), ids=V6)
def test_ipv6_routes_that_lead_away(text: str, interfaces: list[str]) -> None:
    """Each case of the table."""
    assert list(outward_ipv6(text)) == interfaces


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    """What is no such file has no routes, and is no error."""
    list(outward_ipv4(text))
    list(outward_ipv6(text))


ADDRESSES = {
    "https://example.org/f": True,
    "https://192.0.2.1/f": True,
    "http://128.0.0.1/": True,
    "http://[2001:db8::1]:8080/": True,
    "http://[fe80::1%25eth0]/": True,
    "http://10.0.0.1/": True,
    "http://localhost.example.org/": True,
    "http://notlocalhost/": True,
    "http://1270.0.1/": True,
    "http://127.example.org/": True,
    "magnet:?xt=urn:btih:0": True,
    "http://[::1": True,
    "": True,
    "http://127.0.0.1/f": False,
    "http://user:x@127.255.3.4:99/f": False,
    "http://127.1/f": False,
    "http://0/f": False,
    "http://0.0.0.0:80/f": False,
    "http://2130706433/f": False,
    "http://[::1]:80/f": False,
    "http://[::]/f": False,
    "http://[::ffff:127.0.0.1]/f": False,
    "http://LOCALHOST:8080/f": False,
    "http://localhost./f": False,
    "http://files.localhost/f": False,
    "file:///tmp/f": False,
    "http+unix://%2Frun%2Fs/f": False,
    "unix:/run/s": False,
}


@pytest.mark.parametrize(("uri", "needed"), ADDRESSES.items(), ids=ADDRESSES)
def test_which_addresses_need_a_network(uri: str, needed: bool) -> None:
    """All but those that say that they are on this machine."""
    assert needs_network(uri) is needed


@given(st.text(max_size=60))
def test_any_address_is_judged(text: str) -> None:
    """Nothing is raised, whatever follows the scheme."""
    needs_network(text)
    needs_network("http://" + text)
