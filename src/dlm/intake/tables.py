"""Tables of downloads: CSV and TSV with a row of column names, and JSON Lines with an object on each line.

`columns.py` says which columns there are. A column that is not known is refused, or passed over on demand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dlm.intake.columns import Column, column_of, entry_of, is_address, refuse_column
from dlm.intake.entry import Entry, Skipped
from dlm.intake.text import lines
from dlm.model.error import InvalidRequest

_NOTHING = Column()


def read_csv(chunks: Iterable[str], source: str, *, ignore_unknown: bool = False) -> Iterator[Entry | Skipped]:
    """The rows of a CSV file (RFC 4180), with commas or semicolons.

    Raises `InvalidRequest` that names `source` and the line.
    """
    rows = lines(chunks, source)
    first = next(rows, "")
    return _read(first, rows, source, ";" if first.count(";") > first.count(",") else ",", ignore_unknown)


def read_tsv(chunks: Iterable[str], source: str, *, ignore_unknown: bool = False) -> Iterator[Entry | Skipped]:
    """As `read_csv`, with tabs."""
    rows = lines(chunks, source)
    return _read(next(rows, ""), rows, source, "\t", ignore_unknown)


def _read(first: str, rest: Iterator[str], source: str, delimiter: str, ignore: bool) -> Iterator[Entry | Skipped]:
    import csv
    from itertools import chain

    # The reader wants the ends of lines back: within quotes they belong to the cell.
    reader = csv.reader((f"{line}\n" for line in chain([first], rest)), delimiter=delimiter, strict=True)
    columns: list[Column] | None = None
    began = 1
    try:
        for row in reader:
            if columns is None:
                columns = _columns(row, source, ignore)
            elif any(row):
                if len(row) > len(columns) and any(row[len(columns) :]):
                    raise InvalidRequest(
                        f"{source}:{began}: this row has {len(row)} cells, but there are {len(columns)} columns"
                    )
                yield entry_of(began, zip(columns, row, strict=False))
            began = reader.line_num + 1
    except csv.Error as error:
        raise InvalidRequest(f"{source}:{began}: the cells of this row cannot be told apart: {error}") from error


def _columns(names: list[str], source: str, ignore: bool) -> list[Column]:
    if not any(map(is_address, names)):
        raise InvalidRequest(f"{source}:1: the first row must name the columns, and one of them must be 'url'")
    columns = []
    for name in names:
        column = column_of(name) if name.strip() else _NOTHING
        if column is None and not ignore:
            raise refuse_column(name, f"{source}:1")
        columns.append(column or _NOTHING)
    return columns


def read_jsonl(chunks: Iterable[str], source: str, *, ignore_unknown: bool = False) -> Iterator[Entry | Skipped]:
    """An object a line: columns by name. Addresses and headers may be lists, headers an object too; `null` is an empty cell."""
    import json

    known: dict[str, Column] = {}
    for number, line in enumerate(lines(chunks, source), start=1):
        if not line.strip():
            continue
        where = f"{source}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InvalidRequest(f"{where}: this is not JSON: {error.msg} at column {error.colno}") from error
        except (RecursionError, ValueError) as error:  # ValueError: a number of more digits than Python takes
            raise InvalidRequest(f"{where}: this JSON is too deep, or a number in it too long") from error
        if not isinstance(row, dict):
            raise InvalidRequest(f'{where}: write an object on each line, such as {{"url": "https://…"}}')
        yield entry_of(number, list(_cells(row, known, where, ignore_unknown)))


def _cells(row: dict[str, Any], known: dict[str, Column], where: str, ignore: bool) -> Iterator[tuple[Column, str]]:
    for name, value in row.items():
        if name not in known:
            column = column_of(name)
            if column is None and not ignore:
                raise refuse_column(name, where)
            known[name] = column or _NOTHING
        if known[name] is not _NOTHING:
            yield known[name], _text(name, value, where)


def _text(name: str, value: object, where: str) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)
        case list() if all(isinstance(each, str) for each in value):
            return "\n".join(value)
        case dict() if all(isinstance(each, str) for each in value.values()) and name.lower() in {"header", "headers"}:
            return "\n".join(f"{key}: {each}" for key, each in value.items())
        case _:
            raise InvalidRequest(f"{where}: '{name}' holds neither text nor a number")
