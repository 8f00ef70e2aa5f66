"""Completes ids of downloads for shells, from the database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

_MOST = 200


def complete_id(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest downloads whose id begins so, with their names. Never raises, and makes no database."""
    from click.shell_completion import CompletionItem

    from dlm.cli.configuration import load
    from dlm.cli.verbs_queue import ask
    from dlm.model.error import DlmError
    from dlm.model.query import DownloadQuery
    from dlm.model.text import printable

    try:
        settings = load(context.params)
        if settings.remote is None and not os.path.exists(settings.state):
            return []
        downloads = ask(context, {}, lambda downloads: downloads.list(DownloadQuery(limit=_MOST)), settings)
    except DlmError:
        return []
    return [
        CompletionItem(each.id[: max(8, len(incomplete))], help=printable(f"{each.phase.value} {each.label}"))
        for each in downloads
        if each.id.startswith(incomplete)
    ]
