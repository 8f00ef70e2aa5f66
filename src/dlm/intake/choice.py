"""Which URLs of a list are wanted."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dlm.model.error import InvalidRequest

_REGEX = "re:"


def url_choice(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a URL is wanted: any of the patterns takes it; all are wanted when there is none.

    A pattern is a glob (`*`, `?`, `[…]`) for the whole URL, or for the URL without query and fragment; upper and lower case
    make no difference. After `re:` it is a regular expression that is looked for anywhere in the URL. Raises `InvalidRequest`.
    """
    if not patterns:
        return lambda _uri: True
    tests = [_test(pattern) for pattern in patterns]
    return lambda uri: any(test(uri) for test in tests)


def _test(pattern: str) -> Callable[[str], bool]:
    if pattern.startswith(_REGEX):
        try:
            searched = re.compile(pattern.removeprefix(_REGEX))
        except re.error as error:
            raise InvalidRequest(f"--filter: '{pattern}' is not a regular expression: {error.msg}") from error
        return lambda uri: searched.search(uri) is not None
    glob = re.compile(fnmatch.translate(pattern), re.IGNORECASE)
    return lambda uri: glob.match(uri) is not None or glob.match(re.split("[?#]", uri, maxsplit=1)[0]) is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a browser's recording is searched for: `types` are globs of media types, `least` is in bytes."""

    types: tuple[str, ...] = ()
    least: int = 0
    any_status: bool = False

    def takes_type(self, media_type: str) -> bool:
        """Whether a reply of this media type is wanted; parameters such as `charset` do not count."""
        bare = media_type.partition(";")[0].strip().lower()
        return not self.types or any(fnmatch.fnmatchcase(bare, each.lower()) for each in self.types)
