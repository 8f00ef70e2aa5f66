"""Rows of the database and values of the model, in both directions. The only place that knows the columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlm.model.download import Checkpoint, Download, DownloadId
from dlm.model.error import StateUnusable
from dlm.model.event import Transition
from dlm.model.phase import Cause, Intent, Phase
from dlm.model.queue import Candidate
from dlm.model.rank import Lane, Priority
from dlm.model.recursion import Folder, Tally
from dlm.model.resource import ALGORITHMS, Pieces
from dlm.model.sorting import name_mark
from dlm.ports import HostPolicy
from dlm.storage.encoding import (
    decode_fault,
    decode_place,
    decode_position,
    decode_resource,
    decode_spans,
    decode_spec,
    decode_text,
    decode_verified,
    encode_fault,
    encode_host,
    encode_place,
    encode_position,
    encode_resource,
    encode_spans,
    encode_spec,
    encode_text,
    encode_verified,
)
from dlm.storage.line import Standpoint
from dlm.storage.lots import lot_of

Row = dict[str, Any]
SqliteRow = sqlite3.Row


def spec_columns(download: Download) -> Row:
    """The spec, and what of it the database looks for."""
    spec = download.spec
    return {
        "id": download.id,
        "spec": encode_spec(spec),
        "uri": encode_text(spec.uris[0]),
        "directory": encode_text(spec.directory),
        "output": encode_text(spec.output),
        "label": name_mark(download.label),
        **host_columns(download),
    }


def life_columns(download: Download) -> Row:
    """What changes with the phase, the intent or the owner."""
    return {
        "id": download.id,
        "phase": download.phase.value,
        "intent": download.intent.value,
        "path": encode_text(download.path),
        "verified": encode_verified(download.verified),
        "fault": encode_fault(download.fault),
        "finished": download.finished,
        "owner": encode_text(download.owner),
        "lease_until": download.lease_until,
        "lane": int(download.lane),
        "ready": download.ready,
        "due": download.due,
        "attempts": download.attempts,
    }


def rank_columns(download: Download) -> Row:
    """What decides its place in the queue, as far as a user does. The group is part of the lot: see `host_columns`."""
    return {
        "id": download.id,
        "lane": int(download.lane),
        "priority": int(download.priority),
        "position": encode_position(download.position),
        "group_id": encode_text(download.group),
    }


def host_columns(download: Download) -> Row:
    """The host, and the lot: whatever changes address or group changes them."""
    host = encode_host(download.host)
    return {"host": host, "lot": lot_of(host, download.group)}


def download_columns(download: Download) -> Row:
    """The whole download."""
    ranked, fixed = rank_columns(download), {"added": download.added}
    return {**spec_columns(download), **life_columns(download), **progress_columns(download), **ranked, **fixed}


def progress_columns(download: Download) -> Row:
    """What a checkpoint implies."""
    return {
        "id": download.id,
        "name": encode_text(download.name),
        "size": download.size,
        "downloaded": download.downloaded,
        "label": name_mark(download.label),
    }


def checkpoint_columns(download: Download, checkpoint: Checkpoint) -> Row:
    """A checkpoint of the download."""
    return {
        "id": download.id,
        "part": checkpoint.part,
        "resource": encode_resource(checkpoint.resource),
        "place": encode_place(checkpoint.place),
        "done": encode_spans(checkpoint.done),
    }


def pieces_columns(download: Download, pieces: Pieces) -> Row:
    """The digests of its pieces."""
    return {
        "id": download.id,
        "algorithm": pieces.algorithm,
        "length": pieces.length,
        "digests": b"".join(pieces.digests),
    }


def folder_columns(id: DownloadId, folder: Folder) -> Row:
    """A folder that an expansion has still to read."""
    return {"id": id, "uri": encode_text(folder.uri), "path": encode_text(folder.path), "depth": folder.depth}


def tally_columns(id: DownloadId, tally: Tally) -> Row:
    """What an expansion has found so far."""
    return {
        "id": id,
        "files": tally.files,
        "size": tally.size,
        "folders": tally.folders,
        "omitted": tally.omitted,
    }


def transition_columns(transition: Transition) -> Row:
    """An event, without its number."""
    return {
        "id": transition.id,
        "at": transition.at,
        "origin": transition.origin.value,
        "target": transition.target.value,
        "cause": transition.cause.value,
        "detail": encode_text(transition.detail),
    }


def download_of(row: sqlite3.Row) -> Download:
    """The download in a row. Raises `StateUnusable` when it makes no sense."""
    with _meaningful("download", row["id"]):
        return Download(
            id=row["id"],
            spec=decode_spec(row["spec"]),
            added=row["added"],
            phase=Phase(row["phase"]),
            intent=Intent(row["intent"]),
            name=decode_text(row["name"]),
            size=row["size"],
            downloaded=row["downloaded"],
            path=decode_text(row["path"]),
            verified=decode_verified(row["verified"]),
            fault=decode_fault(row["fault"]),
            finished=row["finished"],
            owner=decode_text(row["owner"]),
            lease_until=row["lease_until"],
            group=decode_text(row["group_id"]),
            lane=Lane(row["lane"]),
            priority=Priority(row["priority"]),
            position=decode_position(row["position"]),
            ready=row["ready"],
            due=row["due"],
            attempts=row["attempts"],
        )


def words_of(row: sqlite3.Row) -> tuple[str | None, str | None]:
    """Name and address, where texts are looked for."""
    return decode_text(row["name"]), decode_text(row["uri"])


def checkpoint_of(row: sqlite3.Row) -> Checkpoint:
    """The checkpoint in a row. Raises `StateUnusable` when it makes no sense."""
    with _meaningful("checkpoint of download", row["download"]):
        return Checkpoint(
            resource=decode_resource(row["resource"]),
            place=decode_place(row["place"]),
            done=decode_spans(row["done"]),
            part=row["part"],
        )


def pieces_of(row: sqlite3.Row) -> Pieces:
    """The digests in a row. Raises `StateUnusable` when they make no sense."""
    with _meaningful("pieces of download", row["download"]):
        joined, size = row["digests"], ALGORITHMS[row["algorithm"]][1]
        if len(joined) % size:
            raise ValueError(f"{len(joined)} bytes are no number of digests")
        digests = tuple(joined[start : start + size] for start in range(0, len(joined), size))
        return Pieces(row["algorithm"], row["length"], digests)


def folder_of(row: sqlite3.Row) -> Folder:
    """The folder in a row."""
    return Folder(decode_text(row["uri"]) or "", decode_text(row["path"]) or "", row["depth"])


def tally_of(row: sqlite3.Row) -> Tally:
    """What was found, in a row."""
    return Tally(row["files"], row["size"], row["folders"], row["omitted"])


def transition_of(row: sqlite3.Row) -> Transition:
    """The event in a row. Raises `StateUnusable` when it makes no sense."""
    with _meaningful("story of download", row["download"]):
        return Transition(
            seq=row["seq"],
            id=row["download"],
            at=row["at"],
            origin=Phase(row["origin"]),
            target=Phase(row["target"]),
            cause=Cause(row["cause"]),
            detail=decode_text(row["detail"]),
        )


def candidate_of(row: sqlite3.Row) -> Candidate:
    """The candidate in a row of the line."""
    return Candidate(
        id=row["id"],
        seq=row["seq"],
        host=row["host"],
        lane=Lane(row["lane"]),
        priority=Priority(row["priority"]),
        ready=row["ready"],
        position=decode_position(row["position"]),
        group=decode_text(row["group_id"]),
    )


def standpoint_of(row: sqlite3.Row) -> Standpoint:
    """Where the download in a row stands in the line."""
    return Standpoint(row["seq"], Lane(row["lane"]), Priority(row["priority"]), decode_position(row["position"]))


def standpoint_columns(point: Standpoint) -> Row:
    """Where it stands in the line."""
    return {
        "seq": point.seq,
        "lane": int(point.lane),
        "priority": int(point.priority),
        "position": encode_position(point.position),
    }


def policy_columns(policy: HostPolicy) -> Row:
    """What is known of a host."""
    return {
        "host": encode_text(policy.host),
        "connections": policy.connections,
        "ranges": policy.ranges,
        "learned": policy.learned,
        "version": encode_text(policy.version),
        "busy_until": policy.busy_until,
    }


def policy_of(row: sqlite3.Row) -> HostPolicy:
    """What is known of a host."""
    return HostPolicy(
        host=decode_text(row["host"]) or "",
        connections=row["connections"],
        ranges=bool(row["ranges"]),
        learned=row["learned"],
        version=decode_text(row["version"]),
        busy_until=row["busy_until"],
    )


@contextmanager
def _meaningful(what: str, id: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise StateUnusable(
            f"the {what} {id} cannot be read from the database ({error}): remove it with `dlm remove {id}`"
        ) from error
