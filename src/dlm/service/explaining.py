"""`explain`: gathers what is known of a download, here and in the process that carries it, and lets the policy speak."""

from __future__ import annotations

from collections.abc import Sequence

from dlm.model.download import Download
from dlm.model.phase import CLAIMED_PHASES, Phase
from dlm.model.queue import Explanation
from dlm.policy import explanation
from dlm.service.live import Slots, samples, slots_elsewhere
from dlm.service.means import Means


async def explain(means: Means, reference: str, here: Slots | None) -> Explanation:
    """See `ports.Downloads.explain`. `here` are the slots of this process, if it works the queue."""
    id = await means.repository.identify(reference)
    download = await means.repository.get(id)
    slots = [here] if here is not None else await slots_elsewhere(means)
    return Explanation(download, explanation.explain(await _facts(means, download, slots)))


async def _facts(means: Means, download: Download, slots: Sequence[Slots]) -> explanation.Facts:
    now = means.clock.wall()
    story = await means.repository.story(download.id)
    policy = await means.queue.host_policy(download.host)
    carried = download.phase in CLAIMED_PHASES
    sampled = (await samples(means)).get(download.id) if carried else None
    rules = means.rules
    return explanation.Facts(
        now=now,
        download=download,
        cause=story[-1].cause if story else None,
        standing=await means.queue.standing(download.id) if download.phase is Phase.PENDING else None,
        worked=bool(slots),
        running=sum(each.running for each in slots),
        jobs=sum(each.jobs for each in slots) or rules.jobs,
        host_running=sum(each.hosts.get(download.host, 0) for each in slots),
        per_host=sum(each.per_host for each in slots) or rules.per_host,
        busy_until=policy.busy_until if policy else None,
        regime=rules.regime(now),
        online=means.network.is_up() or not means.needs_network(download.spec.uris[0]),
        here=download.owner == means.owner,
        rates=await means.queue.rates(),
        sample=sampled.progress if sampled else None,
        sampled=sampled.at if sampled else None,
        trials=sampled.trials if sampled else (),
    )
