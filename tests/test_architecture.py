"""The shape of the house: which layer may know which, no cycles, no foreign library out of its place, no giants."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent / "src"
GENERATED = "dlm/api/grpc/generated/"
"""What a compiler has written has its own test, that it is what the compiler writes."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "policy": frozenset({"model"}),
    "ports": frozenset({"model"}),
    "clock": frozenset(),
    "service": frozenset({"ports", "policy", "model"}),
    # A document that stands for files is read where it comes.
    "transfer": frozenset({"intake", "ports", "policy", "model"}),
    # Adapters may ask the policy: a redirect has to be judged between two requests, inside the adapter.
    "protocols": frozenset({"ports", "policy", "model"}),
    "storage": frozenset({"ports", "model"}),
    "system": frozenset({"ports", "model"}),
    # A pool names the program that it starts; nothing of it is imported.
    "workers": frozenset({"child", "ports", "policy", "model"}),
    # Names in documents are made harmless where they are read.
    "intake": frozenset({"policy", "model"}),
    "observing": frozenset({"ports", "model"}),
    # A list that is sent is read as one that is named on the command line.
    "api": frozenset({"intake", "ports", "model"}),
    "cli": frozenset({"api", "intake", "ports", "model"}),
    "app": frozenset(
        {
            "api",
            "clock",
            "model",
            "observing",
            "policy",
            "ports",
            "protocols",
            "service",
            "storage",
            "system",
            "transfer",
            "workers",
        }
    ),
    "library": frozenset({"app", "cli", "model", "ports"}),
    "child": frozenset({"clock", "policy", "protocols", "storage", "transfer", "workers"}),
    "__main__": frozenset({"app", "cli", "model", "ports"}),
}
"""Beside these every layer may import itself, and `dlm` for its version."""

ONLY_IN: dict[str, tuple[str, ...]] = {
    "pycurl": ("dlm/protocols/curl/",),
    "asyncssh": ("dlm/protocols/ssh/",),
    "sqlite3": ("dlm/storage/",),
    "click": ("dlm/cli/",),
    "botocore": ("dlm/protocols/s3/",),
    "awscrt": ("dlm/model/checksums.py",),
    "opentelemetry": ("dlm/observing/",),
    "starlette": ("dlm/api/",),
    "uvicorn": ("dlm/api/",),
    "msgspec": ("dlm/api/",),
    "prometheus_client": ("dlm/api/",),
    # What is imported with these takes megabytes, and only who serves gRPC pays.
    "grpc": ("dlm/api/grpc/",),
    "google": ("dlm/api/grpc/",),
}
NAMED = re.compile(r"(dlm(?:\.\w+)+)(?::\w+)?")
PURE = ("dlm/model/", "dlm/policy/", "dlm/intake/")
IMPURE = frozenset({"asyncio", "time", "socket", "subprocess", "threading", "random", "sqlite3", "pycurl", "click"})
BANNED_NAMES = frozenset({"utils", "helpers", "common", "misc", "manager", "handler", "processor", "info", "data"})
BROAD_EXCEPTS = {
    "dlm/protocols/curl/exchange.py": 1,
    "dlm/protocols/curl/head.py": 1,
    "dlm/protocols/registry.py": 1,  # where the code of other packages is entered
    "dlm/service/carrier.py": 1,
    "dlm/storage/state_thread.py": 1,
}
LARGEST_FILE = 300
LARGER_FILES = {
    "dlm/ports.py": 720,  # every seam on one page
}
LONGEST_FUNCTION = 60
TELLING_LENGTH = 40
"""Lines from which on a function is reported, though it is not yet wrong."""
WIDEST_CLASS = 15
"""Public methods. A Repository has as many as its port, which has one for each durable step."""


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
    # What a collection of garbage calls may change the recursion limit, and the parser of Python 3.11 stumbles over that.
    gc.disable()
    try:
        for file in sorted(ROOT.rglob("*.py")):
            if str(file.relative_to(ROOT)).startswith(GENERATED):
                continue
            text = file.read_text()
            found.append(Module(str(file.relative_to(ROOT)), ast.parse(text), text.count("\n")))
    finally:
        gc.enable()
    return tuple(found)


@cache
def names() -> frozenset[str]:
    """The dotted names of all modules of dlm."""
    return frozenset(module.name for module in modules())


def imports(tree: ast.AST, *, at_load: bool = False) -> Iterator[str]:
    """Every module that is imported; with `at_load` only what is imported when the module itself is.

    Names that are imported from a package may be modules of it, so they are given too, as `package.name`. So is ours that a
    string names, `module` or `module:attribute`, since tables import by such names when first needed.
    """
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
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not at_load and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (match[1] for match in [NAMED.fullmatch(node.value)] if match and match[1] in names())
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
        if name.startswith("dlm.") and name.split(".")[1] not in MAY_IMPORT[module.layer] | {module.layer, "__version__"}
    ]
    assert wrong == []


def test_nobody_imports_the_composition_root_but_the_entry_points() -> None:
    """`app` joins the parts; a part that knew it would know everything."""
    users = {module.name for module in modules() if "dlm.app" in imports(module.tree)}
    assert users == {"dlm.__main__", "dlm.library"}


def test_there_are_no_cycles() -> None:
    """What is imported when a module loads forms no circle."""
    edges = {module.name: names().intersection(imports(module.tree, at_load=True)) - {module.name} for module in modules()}
    state: dict[str, bool] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) is not False, " -> ".join((*trail, name))
        if name not in state:
            state[name] = False
            for other in sorted(edges[name]):
                visit(other, (*trail, name))
            state[name] = True

    for name in sorted(edges):
        visit(name, ())


def test_decisions_are_pure() -> None:
    """Model, policy and intake know no clock, no loop, no thread, no socket, no dice."""
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


def test_libcurl_is_driven_in_one_file() -> None:
    """What joins its sockets and timers to the event loop is delicate."""
    users = [module.path for module in modules() if words(module.tree) & {"CurlMulti", "AsyncCurlMulti", "socket_action"}]
    assert users == ["dlm/protocols/curl/multi.py"]


def words(tree: ast.AST) -> set[str]:
    """Every name that is read, as a variable, as an attribute, or from a module."""
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    read |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return read | {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_names_say_what_a_module_is() -> None:
    """No drawer for what has no place, be it a file or a folder."""
    assert [module.path for module in modules() if BANNED_NAMES.intersection(module.name.split("."))] == []


def test_there_is_no_mutable_global_state() -> None:
    """No `global` statement."""
    assert [module.path for module in modules() if any(isinstance(node, ast.Global) for node in ast.walk(module.tree))] == []


def test_broad_excepts_stand_only_where_a_unit_of_work_ends() -> None:
    """`except Exception` and broader ones that end an error are counted, file by file. There are five at most."""
    assert sum(BROAD_EXCEPTS.values()) <= 5
    counts: dict[str, int] = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                counts[module.path] = counts.get(module.path, 0) + 1
    assert counts == BROAD_EXCEPTS


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it takes every error. One that takes `BaseException` to tidy up, and raises it again, does not count."""
    if handler.type is None:
        return True
    caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    last = handler.body[-1]
    passes_on = isinstance(last, ast.Raise) and last.exc is None
    return "Exception" in caught or ("BaseException" in caught and not passes_on)


def test_files_stay_readable() -> None:
    """A file that grows past this hides a second thing; the exceptions have a bound of their own."""
    limits = {module.path: LARGER_FILES.get(module.path, LARGEST_FILE) for module in modules()}
    assert {module.path: module.lines for module in modules() if module.lines > limits[module.path]} == {}
    assert set(LARGER_FILES) <= set(limits), "an exception for a file that is gone"


def test_functions_stay_on_a_screen() -> None:
    """A function that grows past this hides a second thing. The test writes the list of those that come near it."""
    long = {}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > TELLING_LENGTH:
                    long[f"{module.path}:{node.name}"] = length
    sys.stdout.write("".join(f"{name}: {length} lines\n" for name, length in long.items()))
    assert {name: length for name, length in long.items() if length > LONGEST_FUNCTION} == {}


def test_classes_stay_narrow() -> None:
    """A class with more public methods than this is two; a Repository and the Downloads may have as many as their ports."""
    classes = {
        f"{module.path}:{node.name}": public_methods(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    ports = [classes["dlm/ports.py:Repository"], classes["dlm/ports.py:Downloads"]]
    assert {
        name: len(methods)
        for name, methods in classes.items()
        if len(methods) > max([WIDEST_CLASS, *(len(port) for port in ports if port <= methods)])
    } == {}


def public_methods(node: ast.ClassDef) -> frozenset[str]:
    """The names of its public methods. Class methods do not count: they are further ways to make one."""
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    made = [each for each in methods if any(ast.unparse(mark) == "classmethod" for mark in each.decorator_list)]
    return frozenset(each.name for each in methods if not each.name.startswith("_") and each not in made)
