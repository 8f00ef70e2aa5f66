"""Time zones, by name or as this machine has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from dlm.model.error import InvalidRequest
from dlm.model.text import printable


def zone_of(name: str | None) -> tzinfo:
    """The zone of that name, that of this machine without one. Raises `InvalidRequest` where it is not known here."""
    if name is None:
        return _Here()
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise InvalidRequest(
            f"there is no time zone '{printable(name)}' on this machine: write one such as Europe/Berlin or UTC"
        ) from error


class _Here(tzinfo):
    """The zone of this machine, by the rules of its system; changes of the clocks included."""

    def fromutc(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=UTC).astimezone()

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return moment.replace(tzinfo=None).astimezone().utcoffset() if moment else None

    def tzname(self, moment: datetime | None) -> str | None:
        return moment.replace(tzinfo=None).astimezone().tzname() if moment else None

    def dst(self, _moment: datetime | None) -> timedelta | None:
        return None
