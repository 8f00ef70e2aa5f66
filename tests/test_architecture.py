"""The shape of the house: which layer may know which, no cycles, no foreign library out of its place, no giants."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "src"

MAY_IMPORT: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "policy": frozenset({"model"}),
    "ports": frozenset({"model"}),
    "clock": frozenset(),
    "service": frozenset({"ports", "policy", "model"}),
    "transfer": frozenset({"ports", "policy", "model"}),
    # Adapters may ask the policy: a redirect has to be judged between two requests, inside the adapter.
    "protocols": frozenset({"ports", "policy", "model"}),
    "storage": frozenset({"ports", "model"}),
    "cli": frozenset({"ports", "model"}),
    "app": frozenset({"clock", "model", "policy", "ports", "protocols", "service", "storage", "transfer"}),
    "__main__": frozenset({"app", "cli", "model", "ports"}),
}
"""Beside these every layer may import itself, and `dlm` for its version."""

ONLY_IN: dict[str, tuple[str, ...]] = {
    "pycurl": ("dlm/protocols/curl/",),
    "sqlite3": ("dlm/storage/",),
    "click": ("dlm/cli/",),
}
PURE = ("dlm/model/", "dlm/policy/")
IMPURE = frozenset({"asyncio", "time", "socket", "subprocess", "threading", "random", "sqlite3", "pycurl", "click"})
BANNED_NAMES = frozenset({"utils", "helpers", "common", "misc", "manager", "handler", "processor", "info", "data"})
BROAD_EXCEPTS = {"dlm/protocols/curl/exchange.py": 1, "dlm/service/downloads.py": 1}
LARGEST_FILE = 310
ONE_PAGE = "dlm/ports.py"
"""Every seam on one page, however long the page."""
LONGEST_FUNCTION = 60
WIDEST_CLASS = 20
"""Public methods; the Repository has as many as its port."""


@dataclass(frozen=True)
class Module:
    """One source file."""

    path: str
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def layer(self) -> str:
        """The part of dlm that it belongs to; empty for the package itself."""
        return (self.name.split(".") + [""])[1]


@cache
def modules() -> tuple[Module, ...]:
    """All of dlm."""
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        text = file.read_text()
        found.append(Module(str(file.relative_to(ROOT)), ast.parse(text), text.count("\n")))
    return tuple(found)


def imports(tree: ast.AST, *, at_load: bool = False) -> Iterator[str]:
    """Every module that is imported; with `at_load` only what is imported when the module itself is."""
    for node in ast.iter_child_nodes(tree):
        if at_load and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if at_load and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
        yield from imports(node, at_load=at_load)


def test_the_table_covers_every_layer() -> None:
    """A new layer must say whom it may know."""
    assert {module.layer for module in modules()} - {""} == set(MAY_IMPORT)


def test_layers_import_only_what_they_may() -> None:
    """Each import within dlm is in the table, also those for types only and those inside functions."""
    wrong = [
        f"{module.path} imports {name}"
        for module in modules()
        if module.layer
        for name in imports(module.tree)
        if name.startswith("dlm.") and name.split(".")[1] not in MAY_IMPORT[module.layer] | {module.layer}
    ]
    assert wrong == []


def test_nobody_imports_the_composition_root_but_the_entry_point() -> None:
    """`app` joins the parts; a part that knew it would know everything."""
    users = {module.name for module in modules() if "dlm.app" in imports(module.tree)}
    assert users == {"dlm.__main__"}


def test_there_are_no_cycles() -> None:
    """What is imported when a module loads forms no circle."""
    names = {module.name for module in modules()}
    edges = {module.name: {name for name in imports(module.tree, at_load=True) if name in names} for module in modules()}
    state: dict[str, bool] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) is not False, " -> ".join((*trail, name))
        if name not in state:
            state[name] = False
            for other in sorted(edges[name]):
                visit(other, (*trail, name))
            state[name] = True

    for name in sorted(names):
        visit(name, ())


def test_decisions_are_pure() -> None:
    """Model and policy know no clock, no loop, no thread, no socket, no dice."""
    wrong = [
        f"{module.path} imports {name}"
        for module in modules()
        if module.path.startswith(PURE)
        for name in imports(module.tree)
        if name.split(".")[0] in IMPURE
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_foreign_library_stays_behind_its_seam(library: str) -> None:
    """libcurl, SQLite and click are each known in one place."""
    users = [module.path for module in modules() if library in {name.split(".")[0] for name in imports(module.tree)}]
    assert users
    assert [path for path in users if not path.startswith(ONLY_IN[library])] == []


def test_the_young_interface_of_pycurl_is_behind_one_file() -> None:
    """`AsyncCurlMulti` may change; then one file does."""
    users = [module.path for module in modules() if "AsyncCurlMulti" in {*attributes(module.tree)}]
    assert users == ["dlm/protocols/curl/multi.py"]


def attributes(tree: ast.AST) -> Iterator[str]:
    """Every attribute that is read."""
    return (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def test_names_say_what_a_module_is() -> None:
    """No drawer for what has no place."""
    assert [module.path for module in modules() if Path(module.path).stem in BANNED_NAMES] == []


def test_there_is_no_mutable_global_state() -> None:
    """No `global` statement."""
    assert [module.path for module in modules() if any(isinstance(node, ast.Global) for node in ast.walk(module.tree))] == []


def test_broad_excepts_stand_only_where_a_unit_of_work_ends() -> None:
    """`except Exception` is counted, file by file."""
    counts: dict[str, int] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception"):
                counts[module.path] = counts.get(module.path, 0) + 1
    assert counts == BROAD_EXCEPTS


def test_files_stay_readable() -> None:
    """A file that grows past this hides a second thing."""
    assert {module.path: module.lines for module in modules() if module.lines > LARGEST_FILE and module.path != ONE_PAGE} == {}


def test_functions_stay_on_a_screen() -> None:
    """A function that grows past this hides a second thing."""
    long = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{module.path}:{node.name}"] = length
    assert long == {}


def test_classes_stay_narrow() -> None:
    """A class with more public methods than this is two."""
    wide = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
                public = [each for each in methods if not each.name.startswith("_")]
                if len(public) > WIDEST_CLASS:
                    wide[f"{module.path}:{node.name}"] = len(public)
    assert wide == {}
