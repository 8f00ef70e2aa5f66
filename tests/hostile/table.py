"""All personalities by name.

B24 (HTTP/2 that goes away) is missing: this server speaks HTTP/1.1 only. The tests with nginx and Caddy cover HTTP/2 and 3.
"""

from __future__ import annotations

from tests.hostile import codings, digests, endings, gates, pace, plain, ranges, redirects, statuses, versions
from tests.hostile.outcome import Personality

MODULES = (plain, ranges, versions, endings, codings, pace, redirects, statuses, gates, digests)

PERSONALITIES: dict[str, Personality] = {row.name: row for module in MODULES for row in module.PERSONALITIES}
"""The literal tables stand at the end of each module, under the functions that they name."""
