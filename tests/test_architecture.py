# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The house: who may import whom, and what every source file keeps to.

The data goes one way: manifest -> plan -> fetch -> train -> refresh -> stamp. A module
imports only from rows above its own. The arithmetic for trainers, exact, stands apart.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path
from typing import Iterator

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dh_aibootstrap"

# Each row imports from the rows above it alone. A folder is one room here; the rows
# within it follow below.
ROWS = (
    "errors digest exchange words layout paragraph",  # values, bytes, names
    "manifest stamp programs beginning weights",  # one file <-> one value; programs
    "plan accept package deb signature",  # decide; what Debian says
    "fetch record",  # datasets at hand; the record <-> deb822
    "train refresh check tally",  # one step each; k of n signed records
    "pipeline verify",  # the steps of dh bootstrap; a stamp against its source
    "drive target verdict",  # the whole, through dpkg-buildpackage; what is verified
    "retrain",  # the whole, in a copy and from scratch
    "command",  # sub-commands of their own
    "cli door",  # speak to people; choose the exit status
    "__main__",
)
# Imported by trainers: it imports no row, and no row imports it.
APART = "exact"
ROOMS = {
    "manifest": (
        "model syntax",
        "reader",
        "notes scalars",
        "faults links files",
        "datasets stages",
        "schema",
        "__init__",
    ),
    "fetch": ("store apt", "source_package", "__init__"),
    "command": ("__init__", "verify sign tally diff"),
    "weights": (
        "source dtypes",
        "tensor unpack pickles layers tars protobuf",
        "zips npy safetensors onnx gguf text",
        "npz",
        "kinds",
        "compare refuse",
        "__init__",
    ),
    "train": ("launch loopback resources sandbox shelf", "stage", "__init__"),
    APART: (
        "errors __init__",
        "grid philox",
        "backend",
        "elementary data checkpoint",
        "activations",
        "losses",
        "plan",
        "parameters parallel",
        "network",
        "optimisers schedules",
        "selftest",
        "trainer",
    ),
}
YAML_READER = "dh_aibootstrap.manifest.reader"
NUMERICAL = {"numpy", "torch", "scipy"}
WITH_TORCH = {
    "dh_aibootstrap.exact.backend.torch_backend",
    "dh_aibootstrap.exact.parallel",
}
CODE_LINES = 300
FUNCTION_LINES = 60

MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = sorted(
    path
    for folder in ("bin", "debhelper", "dh_aibootstrap", "examples", "perl-shims")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and not {"__pycache__", "debian"} & set(path.parts)
    if path.suffix in (".py", ".pm", ".mk", ".sh") or path.read_bytes()[:2] == b"#!"
) + sorted((ROOT / "tests").rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of a module; a folder's is that of its __init__."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything that a module imports, wherever it does."""
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{prefix}.{alias.name}"
                yield whole if whole in NAMES else prefix


def rows_of(table: tuple[str, ...]) -> dict[str, int]:
    """Return the number of each name's row."""
    return {name: row for row, names in enumerate(table) for name in names.split()}


def place(module: str) -> tuple[str, str]:
    """Return the room of a module, and its name within the room."""
    _, room, inside = (module.split(".") + ["__init__", "__init__"])[:3]
    return room, inside


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_imports_only_from_rows_above(path: Path) -> None:
    """Between rooms by ROWS, within a room by ROOMS; no other module exists."""
    rows = rows_of(ROWS)
    room, inside = place(name_of(path))
    if room == "__init__":
        assert list(imports_of(path)) == []
        return
    assert room in rows or room == APART, f"{room} has no row"
    for imported in imports_of(path):
        if imported.split(".")[0] != "dh_aibootstrap":
            continue
        other, within = place(imported)
        if other == room:
            inner = rows_of(ROOMS[room])
            alike = within == inside and path.parent.name == inside
            assert alike or inner[within] < inner[inside], f"{imported} is not above"
        else:
            assert APART not in (room, other), f"{APART} stands apart"
            assert other in rows, f"{other} has no row"
            assert rows[other] < rows[room], f"{imported} is not above"


def test_every_module_has_its_row() -> None:
    """The tables name what there is, all of it, once."""
    rooms = {place(name_of(path))[0] for path in MODULES} - {"__init__"}
    assert sorted([*" ".join(ROWS).split(), APART]) == sorted(rooms)
    for room, table in ROOMS.items():
        files = (PACKAGE / room).glob("*.py")
        folders = (PACKAGE / room).glob("*/__init__.py")
        found = [path.stem for path in files] + [path.parent.name for path in folders]
        assert sorted(" ".join(table).split()) == sorted(found)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_yaml_has_one_door(path: Path) -> None:
    """Only the reader of the manifest imports yaml."""
    found = {name.split(".")[0] for name in imports_of(path)}
    assert ("yaml" in found) is (name_of(path) == YAML_READER)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_imports_numpy_or_torch(path: Path) -> None:
    """A normal build needs neither; only what trainers import uses numpy, or torch."""
    found = {name.split(".")[0] for name in imports_of(path)} & NUMERICAL
    allowed = {"numpy"} if place(name_of(path))[0] == APART else set()
    if name_of(path) in WITH_TORCH:
        allowed.add("torch")
    assert found <= allowed


def test_nothing_numerical_is_loaded_by_way_of_others() -> None:
    """All modules together load none of it, not even where it is installed."""
    apart = {name for name in NAMES if place(name)[0] == APART}
    words = sorted(NAMES - apart - {"dh_aibootstrap.__main__"})
    program = f"import sys, {', '.join(words)}\nprint(sorted(sys.modules))"
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = set(ast.literal_eval(done.stdout))
    assert set(words) <= loaded
    assert not {name.split(".")[0] for name in loaded} & NUMERICAL


def test_the_tool_knows_no_game() -> None:
    """What a number means only the trainer knows: the example's name is nowhere."""
    for folder in ("dh_aibootstrap", "debhelper", "perl-shims", "bin"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                assert "gnubg" not in path.name.lower(), path
                assert b"gnubg" not in path.read_bytes().lower(), path


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_source_says_whose_and_under_what_terms(path: Path) -> None:
    """Two SPDX lines at the top of each program and module."""
    lines = path.read_text("utf-8").splitlines()
    is_program = bool(lines) and lines[0].startswith("#!")
    assert lines[is_program : is_program + 2] == [
        "# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers",
        "# SPDX-License-Identifier: GPL-3.0-or-later",
    ]


def public_definitions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield a module and its public classes, functions and methods."""
    tree = ast.parse(path.read_text("utf-8"))
    yield "the module", tree
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, parent = waiting.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                if node.name.startswith("_"):
                    continue
                yield prefix + node.name, node
                if isinstance(node, ast.ClassDef):
                    waiting.append((f"{prefix}{node.name}.", node))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_names_have_a_docstring(path: Path) -> None:
    """Its first line is a whole sentence on one line."""
    for name, node in public_definitions(path):
        text = ast.get_docstring(node)  # type: ignore[arg-type]
        assert text, f"{name} has no docstring"
        first = text.splitlines()[0]
        assert first.endswith((".", "?", ":")), f"{name}: {first}"


def docstring_lines(tree: ast.AST) -> set[int]:
    """Return the numbers of the lines that docstrings take."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                lines |= set(range(value.lineno, (value.end_lineno or 0) + 1))
    return lines


def code_lines(text: str) -> set[int]:
    """Return the numbers of the lines that hold code: no comment, blank, docstring."""
    nothing = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in nothing:
            found |= set(range(token.start[0], token.end[0] + 1))
    return found - docstring_lines(ast.parse(text))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_are_small(path: Path) -> None:
    """A module fits a reader's head, a function a screen."""
    text = path.read_text("utf-8")
    code = code_lines(text)
    assert len(code) <= CODE_LINES, f"{len(code)} lines of code"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = len(code & set(range(node.lineno, (node.end_lineno or 0) + 1)))
            assert size <= FUNCTION_LINES, f"{node.name}: {size} lines of code"


def test_commands_of_debhelper_are_small() -> None:
    """As debhelper's own (t/size.t): programs without POD below 200 lines, here 100."""
    for path in sorted((ROOT / "debhelper").glob("dh_aibootstrap_*")):
        text = re.sub(r"^=[a-z].*?^=cut$", "", path.read_text(), flags=re.M | re.S)
        code = [line for line in text.splitlines() if re.search(r"^\s*[^#\s]", line)]
        assert len(code) < 100, f"{path.name}: {len(code)} lines of code"


def test_nothing_pickled_is_loaded() -> None:
    """Neither pickle nor what reads it, nor eval, nor a shell."""
    for path in MODULES:
        found = {name.split(".")[0] for name in imports_of(path)}
        assert not found & {"pickle", "marshal", "shelve", "dill", "joblib"}, path
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "os.system", "os.popen"), path
                for keyword in node.keywords:
                    assert keyword.arg != "shell", path
