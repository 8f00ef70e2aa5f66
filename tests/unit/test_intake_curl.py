"""curl command lines, and the shells that they are written for."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.intake.curl import LONGEST, read_curl
from dlm.intake.options import fields_of
from dlm.intake.shell import commands, unescape
from dlm.model.error import InvalidRequest
from dlm.model.span import Span


def options(text: str) -> dict[str, str]:
    (entry,) = read_curl([text], "c")
    return {name: value for _, name, value in entry.options}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-H 'X-A: b'", {"header": "X-A: b"}),
        ("-HX-A:b", {"header": "X-A: b"}),
        ("--header 'X-A;'", {"header": "X-A: "}),
        ("-H 'Accept:'", {}),
        ("-H 'Accept-Encoding: br' -H 'Connection: close' -H 'If-None-Match: x' -H 'Content-Length: 0'", {}),
        ("-H 'Host: H:443'", {"header": "Host: H:443"}),
        ("-H 'Host: h'", {}),
        ("-H 'Host: other'", {"header": "Host: other"}),
        ("-H 'Range: bytes=0-'", {}),
        ("-H 'Range: bytes=5-9'", {"range": "5-9"}),
        ("-H 'User-Agent: me' -H 'Referer: https://r/'", {"user-agent": "me", "referer": "https://r/"}),
        ("-A me", {"user-agent": "me"}),
        ("-e 'https://r/;auto'", {"referer": "https://r/"}),
        ("-b 'a=b; c=d;'", {"header": "Cookie: a=b; c=d"}),
        ("-b a=b --cookie c=d", {"header": "Cookie: a=b; c=d"}),
        ("-H 'Cookie: a=b' -b c=d", {"header": "Cookie: a=b; c=d"}),
        ("-b jar.txt", {"load-cookies": "jar.txt"}),
        ("-b ''", {}),
        ("-u me:p:w", {"http-user": "me", "http-passwd": "p:w"}),
        ("--oauth2-bearer t", {"bearer": "t"}),
        ("-o x.iso", {"out": "x.iso"}),
        ("-ox.iso", {"out": "x.iso"}),
        ("-sSLo x.iso", {"out": "x.iso"}),
        ("-O", {}),
        ("--output-dir d -O", {"dir": "d"}),
        ("-L -J -R -f --compressed --http2 -# --no-progress-meter -N", {}),
        ("-k", {"insecure": "yes"}),
        ("-x h:3128", {"all-proxy": "http://h:3128"}),
        ("-x socks5h://h:1", {"all-proxy": "socks5h://h:1"}),
        ("--socks5-hostname h:1", {"all-proxy": "socks5h://h:1"}),
        (
            "--cacert c.pem --cert a.pem --key k.pem",
            {"ca-certificate": "c.pem", "certificate": "a.pem", "private-key": "k.pem"},
        ),
        ("-r 0-99", {"range": "0-99"}),
        ("-r 0-", {}),
        ("--limit-rate 1M", {"limit-rate": "1M"}),
        ("--retry 3 --retry-delay 5", {"retries": "3"}),
        ("-m 60 --connect-timeout 2.5", {"timeout": "2.5"}),
        ("-m 0", {}),
        ("-X GET", {}),
        ("-C -", {}),
        ("-n", {"netrc": "yes"}),
        ("--http3", {"http3": "yes"}),
        ("-c jar -w '%{http_code}' -D -", {}),
    ],
)
def test_options_mean_what_they_mean_to_curl(arguments: str, expected: dict[str, str]) -> None:
    """What changes the download is carried over, what does not is passed over; before the URL as behind it."""
    assert options(f"curl {arguments} https://h/a") == options(f"curl https://h/a {arguments}") == expected
    (entry,) = read_curl([f"curl {arguments} https://h/a"], "c")
    fields_of(entry, "c")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("-d x=SECRET", "sends something"),
        ("--data-raw SECRET", "sends something"),
        ('--json \'{"a":"SECRET"}\'', "sends something"),
        ("-F a=SECRET", "sends something"),
        ("-T SECRET", "sends something"),
        ("-G -d SECRET", "sends something"),
        ("-I", "sends something"),
        ("-X POST", "another method"),
        ("-XDELETE", "another method"),
        ("-u SECRET", "no password"),
        ("-H SECRET", "not a header"),
        ("-H @SECRET", "from a file"),
        ("-E c.pem:SECRET", "password"),
        ("--cert-type P12", "PEM"),
        ("-C 100", "where to go on"),
        ("-m SECRET", "number of seconds"),
        ("--resolve h:443:SECRET", "dlm cannot do"),
        ("--header=SECRET", "dlm cannot do"),
        ("--limt-rate 1M", "did you mean 'limit-rate'"),
        ("-K SECRET", "dlm cannot do"),
        ("-4", "dlm cannot do"),
        ("-o", "wants an argument"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: str, word: str) -> None:
    """One sentence names the line and the option, and repeats no argument."""
    with pytest.raises(InvalidRequest, match=r"^c:2: ") as caught:
        list(read_curl([f"\ncurl https://h/a {arguments}"], "c"))
    assert word in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_outputs_belong_to_urls_in_order() -> None:
    """Each URL is a download; `--next` begins anew; a URL without a scheme is HTTP, as curl has it."""
    text = "curl -o 1 -A me https://h/a h/b --url https://h/c -O -o 3 --next -o 4 https://h/d"
    found = [(entry.uris[0], {name: value for _, name, value in entry.options}) for entry in read_curl([text], "c")]
    assert found == [
        ("https://h/a", {"user-agent": "me", "out": "1"}),
        ("http://h/b", {"user-agent": "me"}),
        ("https://h/c", {"user-agent": "me", "out": "3"}),
        ("https://h/d", {"out": "4"}),
    ]


def test_brackets_stand_for_several() -> None:
    """As in curl, unless -g or a backslash says otherwise; several must be asked for."""
    assert [entry.uris for entry in read_curl(["curl -g 'https://h/[1-2]'"], "c")] == [("https://h/[1-2]",)]
    assert [entry.uris for entry in read_curl([r"curl 'https://h/\[1-2\]' https://[::1]/x"], "c")] == [
        ("https://h/[1-2]",),
        ("https://[::1]/x",),
    ]
    with pytest.raises(InvalidRequest, match=r"^c:1: .*--expand"):
        list(read_curl(["curl 'https://h/[1-2]'"], "c"))
    found = list(read_curl(["curl 'https://h/[1-2]' -o 'f#1' -g"], "c", expand=True))
    assert [entry.uris for entry in found] == [("https://h/[1-2]",)]
    found = list(read_curl(["curl 'https://h/[1-2]' -o 'f#1'"], "c", expand=True))
    assert [(entry.uris[0], entry.options[0][2]) for entry in found] == [("https://h/1", "f1"), ("https://h/2", "f2")]


def test_a_range_is_carried_over() -> None:
    """A command for a part is a download of that part; an open end is refused."""
    (entry,) = read_curl(["curl -r 5-9 https://h/a"], "c")
    assert fields_of(entry, "c") == {"range": Span(5, 10)}
    (entry,) = read_curl(["curl -H 'Range: bytes=5-' https://h/a"], "c")
    with pytest.raises(InvalidRequest, match=r"^c:1: range: "):
        fields_of(entry, "c")


@pytest.mark.parametrize(
    "text", ["wget https://h/a", "curl https://h/a?x=1&y=SECRET", "curl", "curl -s", "FOO=SECRET curl https://h/"]
)
def test_what_is_no_curl_command_is_refused(text: str) -> None:
    """One sentence, with the line."""
    with pytest.raises(InvalidRequest, match=r"^c:1: ") as caught:
        list(read_curl([text], "c"))
    assert "SECRET" not in str(caught.value)


def test_too_much_is_refused() -> None:
    """What is longer than any collection of commands is given up."""
    with pytest.raises(InvalidRequest, match="too long"):
        list(read_curl(["x" * 100_000] * (LONGEST // 100_000 + 1), "c"))


# --- as browsers copy it ----------------------------------------------------------------------------------------------

BASH = r"""curl 'https://h.example/files/a.iso?sig=a%2Bb&x=\[1\]' \
  -H 'accept: text/html,*/*;q=0.8' \
  -H 'accept-language: en' \
  -b $'name=it\'s; other=\u0021\u00e9' \
  -H 'range: bytes=0-' \
  -H 'sec-ch-ua: "Chromium";v="140"' \
  -H 'user-agent: Browser/1 (X11)' \
  --compressed \
  --insecure ;
curl 'https://h.example/b' -H 'referer: https://h.example/'
"""
CMD = (
    'curl ^"https://h.example/files/a.iso?sig=a^%^2Bb^&x=^\\^[1^\\^]^" ^\r\n'
    '  -H ^"accept: text/html,*/*;q=0.8^" ^\r\n'
    '  -H ^"accept-language: en^" ^\r\n'
    '  -b ^"name=it\'s; other=^!é^" ^\r\n'
    '  -H ^"range: bytes=0-^" ^\r\n'
    '  -H ^"sec-ch-ua: ^\\^"Chromium^\\^";v=^\\^"140^\\^"^" ^\r\n'
    '  -H ^"user-agent: Browser/1 (X11)^" ^\r\n'
    "  --compressed ^\r\n"
    "  --insecure &\r\n"
    'curl ^"https://h.example/b^" -H ^"referer: https://h.example/^"\r\n'
)
OLDER_CMD = 'curl.exe "https://h.example/x?a="%"2Bb" -H "sec-ch-ua: ""Chromium"";v=""99""" -H "x: a\\\\b" --compressed\r\n'


@pytest.mark.parametrize("text", [BASH, BASH.replace("\n", "\r\n"), CMD])
def test_copies_of_browsers_are_read(text: str) -> None:
    """Chromium's copies for bash and for cmd are the same downloads."""
    first, second = read_curl([text], "c")
    assert first.uris == ("https://h.example/files/a.iso?sig=a%2Bb&x=[1]",)
    assert [(name, value) for _, name, value in first.options] == [
        ("insecure", "yes"),
        ("header", "accept: text/html,*/*;q=0.8"),
        ("header", "accept-language: en"),
        ("header", 'sec-ch-ua: "Chromium";v="140"'),
        ("user-agent", "Browser/1 (X11)"),
        ("header", "Cookie: name=it's; other=!é"),
    ]
    assert (second.line, second.uris, second.options) == (
        10,
        ("https://h.example/b",),
        ((10, "referer", "https://h.example/"),),
    )


def test_older_copies_for_cmd_are_read() -> None:
    """Doubled quotes, and percent signs between them, as browsers wrote before."""
    (entry,) = read_curl([OLDER_CMD], "c")
    assert entry.uris == ("https://h.example/x?a=%2Bb",)
    assert [value for _, _, value in entry.options] == ['sec-ch-ua: "Chromium";v="99"', "x: a\\\\b"]


# --- shells -----------------------------------------------------------------------------------------------------------


def words(text: str) -> list[list[str]]:
    return [command.words for command in commands(text, "c")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b\tc", [["a", "b", "c"]]),
        ("a 'b c' \"d 'e'\" f''g ''", [["a", "b c", "d 'e'", "fg", ""]]),
        (r'a\ b "c\"d\\e\f\$g" \'', [["a b", 'c"d\\e\\f$g', "'"]]),
        ("a \\\n b \"c\\\nd\" 'e\\\nf'", [["a", "b", "cd", "e\\\nf"]]),
        (r"a $'b\n\t\'\\\x41\101\u00e9\U0001f600\cA\q' $\"x\"", [["a", "b\n\t'\\AA\u00e9\U0001f600\x01\\q", '$"x"']]),
        ('$"x"', [["x"]]),
        ("a $ b$ 5$", [["a", "$", "b$", "5$"]]),
        ("$ a b\n$ c", [["a", "b"], ["c"]]),
        ("# no\na #b c\nd#e #", [["a"], ["d#e"]]),
        ("a;b & c && d\n\ne", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("a~ b*?[1]{2}=%!", [["a~", "b*?[1]{2}=%!"]]),
        ("", []),
        (" \n ; \n", []),
    ],
)
def test_bash_is_read(text: str, expected: list[list[str]]) -> None:
    """Words as bash makes them, and nothing is expanded."""
    assert words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a $HOME", "a ${X}", "a $(id)", "a `id`", 'a "$HOME"', 'a "`id`"', "a $1", "a $?", "a | b", "a > f", "a 2>f", "a < f",
        "a &> f", "a (b)", "a ~/f", "a 'b", 'a "b', "a $'b", "a $'\\xff'", "a $'\\ud800'", 'a "b\\',
    ],
)  # fmt: skip
def test_what_bash_would_do_is_refused(text: str) -> None:
    """No variable, no file, no other program: one sentence with the line, which repeats nothing."""
    with pytest.raises(InvalidRequest, match=r"^c:2: "):
        words(f"x\n{text} SECRET")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a ^\n b ^"c d^"', [["a", "b", "c d"]]),
        ('a ^"^"', [["a", ""]]),
        ('a ^"b^^c^&d^|e^"', [["a", "b^c&d|e"]]),
        ('a "b^c&d|e>f" ^\n', [["a", "b^c&d|e>f"]]),
        ('a ^"\\^"^"', [["a", '"']]),
        ('a ^"b\\\\^"', [["a", "b\\"]]),
        ('a ^"b\\c\\\\d^"', [["a", "b\\c\\\\d"]]),
        ('a ^"b^\n\nc^"', [["a", "b\nc"]]),
        ('a ^"b^"^"c^"', [["a", 'b"c']]),
        ('a ^"b^" & c ^\n d\ne', [["a", "b"], ["c", "d"], ["e"]]),
        ('a ^"%PATH%^"', [["a", "%PATH%"]]),
    ],
)
def test_cmd_is_read(text: str, expected: list[list[str]]) -> None:
    """Carets first, then quotes and backslashes as Windows programs read them."""
    assert words(text) == expected


@pytest.mark.parametrize("text", ['a ^"b', 'a ^"b^" | c', 'a ^"b^" > f', 'a ^"b^" < f'])
def test_what_cmd_would_do_is_refused(text: str) -> None:
    """As for bash."""
    with pytest.raises(InvalidRequest, match=r"^c:1: "):
        words(text)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(texts | st.text(st.sampled_from("'\"\\$`^ \n!%a"), max_size=8), min_size=1, max_size=4))
def test_quoted_words_come_back(arguments: list[str]) -> None:
    """What Python quotes for a POSIX shell is read as the same words."""
    arguments = [argument.replace("\r\n", "\n") for argument in arguments]
    assert words(f"x {shlex.join(arguments)}") == [["x", *arguments]]


rows = st.tuples(
    st.from_regex(r"https://[a-z]{1,5}/[A-Za-z0-9/._~&?=%#'-]{0,20}", fullmatch=True),
    st.lists(st.from_regex(r"X-[a-z]{1,5}: [!-~]( ?[!-~]){0,8}", fullmatch=True), max_size=3),
    st.from_regex(r"[a-zA-Z0-9'\"$ ()]{1,10}", fullmatch=True),
)


@given(st.lists(rows, min_size=1, max_size=4), st.sampled_from([" \\\n  ", " "]), st.sampled_from(["\n", " ;\n", " --next "]))
def test_what_is_written_is_read(downloads: list[tuple[str, list[str], str]], gap: str, between: str) -> None:
    """Downloads written as commands, in quotes for a POSIX shell, are read back the same."""
    written = [
        gap.join([*(f"-H {shlex.quote(line)}" for line in headers), "-o", shlex.quote(name), shlex.quote(url)])
        for url, headers, name in downloads
    ]
    text = between.join(command if between == " --next " and at else f"curl {command}" for at, command in enumerate(written))
    expected = [(url, [*(("header", line) for line in headers), ("out", name)]) for url, headers, name in downloads]
    found = [(entry.uris[0], [(name, value) for _, name, value in entry.options]) for entry in read_curl([text], "c")]
    assert found == expected


def chromium_for_cmd(text: str) -> str:
    """The quoting of Chromium's copy for cmd; what it does to backslashes apart from those before quotes is left out."""
    text = re.sub(r'(\\*)"', lambda match: match[1] * 2 + '\\"', text)
    text = re.sub(r"(\\+)\Z", lambda match: match[1] * 2, text)
    text = re.sub(r"[^a-zA-Z0-9\s_\-:=+~'/.',?;()*`]", r"^\g<0>", text)
    return '^"' + re.sub(r"%(?=[a-zA-Z0-9_])", "%^", text) + '^"'


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12), min_size=1, max_size=4))
def test_words_for_cmd_come_back(arguments: list[str]) -> None:
    """What a browser quotes for cmd is read as the same words."""
    text = "curl.exe " + " ^\r\n ".join(map(chromium_for_cmd, arguments)) + "\r\n"
    assert words(text) == [["curl.exe", *arguments]]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_units_of_utf16_come_back(text: str) -> None:
    """Browsers write every unit of UTF-16 as an escape of its own: the halves of a character are put together."""
    units = text.encode("utf-16-be")
    written = "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
    assert unescape(written) == text


def test_bash_agrees() -> None:
    """A real bash makes the same words of what is not refused."""
    text = r"""printf '%s\0' 'a b' "c\"d\\e\f\$g" h\ i $'j\n\'\x41\101\u00e9\cA\q' k''l '' m#n "o'p" q\
r"""
    result = subprocess.run(["bash", "-c", text], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert words(text) == [["printf", r"%s\0", *result.stdout.decode().split("\0")[:-1]]]


@given(st.text(st.sampled_from("curl -HoX'\"\\$^\n\r;&|<>#~()`ab:=/\x00é"), max_size=80), st.booleans())
def test_no_text_breaks_the_reader(text: str, expand: bool) -> None:
    """Whatever stands in a file, there are entries or one sentence with its line."""
    sentence = "c:1: "
    try:
        assert list(read_curl([f"curl {text}"], "c", expand=expand))
    except InvalidRequest as error:
        sentence = str(error)
    assert re.match(r"c:\d+: ", sentence)
