"""Kinds of networks and servers, each a way to make any number of models from seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from tests.simulation import KB, MIB, Model

SHORTEST, LONGEST = 4.0, 24.0
"""Seconds of work that a file is given."""


def spread(random: Random, least: float, most: float) -> float:
    """Between the two, as likely small as large."""
    return math.exp(random.uniform(math.log(least), math.log(most)))


def path(random: Random, least: float = 0.3e6, most: float = 60e6) -> Model:
    """A link with a file for it."""
    link = spread(random, least, most)
    size = int(link * spread(random, SHORTEST, LONGEST))
    return Model(size, link, spread(random, 0.005, 0.15), random.choice([2, 3]), seed=random.randrange(10**6))


def some_cap(random: Random, model: Model) -> float:
    """None at all, or so much that up to twelve connections fill the link."""
    return random.choice([math.inf, max(30 * KB, model.link / spread(random, 1, 12))])


def clean(random: Random) -> Model:
    """Nothing is wrong."""
    return path(random)


def capped(random: Random) -> Model:
    """The server gives each connection so much, and the link carries up to forty of them."""
    model = path(random)
    return replace(model, cap=max(30 * KB, model.link / spread(random, 1.5, 40)))


def capped_only(random: Random) -> Model:
    """The same, and the link carries more than anybody may open."""
    cap = spread(random, 40 * KB, 2e6)
    return replace(path(random), link=1e9, cap=cap, size=int(cap * 64 * spread(random, SHORTEST, 2 * SHORTEST)))


def limited(random: Random) -> Model:
    """The server refuses what is too many, some with a word how long to wait."""
    model, limit = path(random), random.randint(1, 40)
    cap = max(30 * KB, model.link / limit / random.uniform(0.5, 3))
    size = int(min(model.link, cap * limit) * spread(random, 2 * SHORTEST, LONGEST))
    return replace(model, cap=cap, limit=limit, size=size, retry_after=random.choice([None, None, 1.0, 3.0]))


def lossy(random: Random) -> Model:
    """Loss keeps each connection below what the link carries."""
    model = replace(path(random, 2e6, 20e6), rtt=spread(random, 0.03, 0.12), loss=spread(random, 0.0005, 0.01))
    return replace(model, size=int(min(model.link, 64 * model.loss_rate) * spread(random, SHORTEST, LONGEST)))


def stragglers(random: Random) -> Model:
    """Some connections crawl from their beginning."""
    model = path(random, 1e6)
    crawl = model.link * random.uniform(0.0005, 0.01)
    return replace(model, cap=some_cap(random, model), stragglers=random.uniform(0.05, 0.25), crawl=crawl)


def silences(random: Random) -> Model:
    """Some connections fall silent for ever."""
    model = path(random, 2e6)
    return replace(model, cap=some_cap(random, model), silences=random.uniform(0.05, 0.25))


def resets(random: Random) -> Model:
    """Every connection is reset after a while."""
    model = path(random, 2e6)
    least = int(model.size * random.uniform(0.02, 0.05))
    return replace(model, cap=some_cap(random, model), resets=(least, 3 * least))


def late(random: Random) -> Model:
    """The server thinks before each reply."""
    return replace(path(random), first_byte=random.uniform(0.2, 3.0))


def sometimes_late(random: Random) -> Model:
    """The server thinks long before some replies."""
    model = path(random, 1e6)
    slow = (random.uniform(0.02, 0.1), random.uniform(2.0, 8.0))
    return replace(model, cap=some_cap(random, model), slow_first_bytes=slow)


def varying(random: Random) -> Model:
    """The rate goes up and down."""
    model, low, period = path(random), random.uniform(0.1, 0.8), random.uniform(2.0, 6.0)
    steps = tuple((period * n, model.link * (low if n % 2 else 1.0)) for n in range(1, 60))
    return replace(model, steps=steps)


def hiccups(random: Random) -> Model:
    """For some seconds nothing moves at all."""
    return replace(path(random), hiccup=(random.uniform(1.0, 4.0), random.uniform(1.0, 8.0)))


KINDS: dict[str, Callable[[Random], Model]] = {
    kind.__name__: kind
    for kind in (
        clean, capped, capped_only, limited, lossy, stragglers, silences, resets, late, sometimes_late, varying, hiccups
    )
}  # fmt: skip


def models(kind: str, number: int) -> Iterator[Model]:
    """So many of a kind, always the same."""
    return (KINDS[kind](Random(f"{kind} {seed}")) for seed in range(number))


WAN = Model(128 * MIB, 24e6, 0.05)
CAPPED = Model(128 * MIB, 23e6, 0.03, cap=MIB)
REFUSING = replace(CAPPED, limit=16)
SENDS_IN_BURSTS = replace(CAPPED, burst=1.0)
CRAWLING = Model(128 * MIB, 23e6, 0.03, stragglers=0.25)
FALLING_SILENT = Model(128 * MIB, 23e6, 0.03, silences=0.25)
STARVED = Model(8 * MIB, 250 * KB, 0.03, cap=50 * KB)
STEP_DOWN = Model(8 * MIB, 1000 * KB, 0.03, steps=((5.0, 100 * KB),))
