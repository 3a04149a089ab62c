# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is gnubg: its bytes, its numbers, and games that anyone gets again."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from nn_support import environment, judged, random_boards, run

from gnubg_nn.classes import PositionClass, classify
from gnubg_nn.engine import build
from gnubg_nn.engine.library import ROOM_PER_GAME, Engine, PlayOptions, Records
from gnubg_nn.errors import NNError
from gnubg_nn.net import Floats, Net, equity, forward
from gnubg_nn.nets import CLASS_OF_NET, INPUTS_OF_NET
from gnubg_nn.positions import Boards, Keys, boards_from_keys, keys_from_boards
from gnubg_nn.positions import start_position
from gnubg_nn.sanity import clamp
from gnubg_nn.weights import NETS, read_weights

MADE = ["engine.so", "one-sided.bd", "two-sided.bd"]
HOSTILE = '#define USE_SIMD_INSTRUCTIONS 1\n#define USE_AVX 1\n#error "hostile"\n'
EXPECTED = "expected the source of gnubg 1.07.001"


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---- the build ----


def test_databases_are_those_of_debian(engine_folder: Path) -> None:
    assert _names(engine_folder) == MADE
    for name, theirs in (
        ("one-sided.bd", "/usr/share/gnubg/gnubg_os0.bd"),
        ("two-sided.bd", "/var/lib/gnubg/gnubg_ts0.bd"),
    ):
        assert Path(theirs).exists(), "install the package gnubg"
        assert (engine_folder / name).read_bytes() == Path(theirs).read_bytes()


def test_same_bytes_elsewhere_whatever_was_configured(
    engine_folder: Path, gnubg_source: Path, tmp_path: Path
) -> None:
    source, folder = tmp_path / "a configured source", tmp_path / "elsewhere"
    shutil.copytree(gnubg_source, source)
    for name in ("config.h", "lib/config.h"):
        (source / name).write_text(HOSTILE)
    before = _tree(source)
    folder.mkdir()
    build.copy_sources(source, folder)
    build.compile_engine(build.find_compiler(os.environ), folder)
    made = (folder / "engine.so").read_bytes()
    assert made == (engine_folder / "engine.so").read_bytes()
    assert str(tmp_path).encode() not in made and b"elsewhere" not in made
    assert _tree(source) == before


def _without(name: str) -> Callable[[Path], None]:
    return lambda source: (source / name).unlink()


def _other_weights(source: Path) -> None:
    path = source / "eval.h"
    path.write_text(path.read_text().replace('VERSION "1.00"', 'VERSION "1.01"'))


def _as_it_is(source: Path) -> None:
    pass


NO_GLIB = "pkg-config finds no glib-2.0: install libglib2.0-dev and pkg-config"
BUILD_ERRORS = [
    (shutil.rmtree, {}, f"--source: SOURCE: no eval.c: {EXPECTED}"),
    (_without("lib/md5.c"), {}, f"--source: SOURCE: no lib/md5.c: {EXPECTED}"),
    (
        _other_weights,
        {},
        "--source: SOURCE: eval.h: no '#define WEIGHTS_VERSION \"1.00\"': " + EXPECTED,
    ),
    (
        _as_it_is,
        {"CC": "no-cc -O2"},
        "CC: no-cc -O2: no such compiler: install gcc, or set CC",
    ),
    (
        _as_it_is,
        {"CC": 'cc "'},
        'CC: cc ": no such compiler: install gcc, or set CC',
    ),
    (_as_it_is, {"PATH": "/nowhere", "CC": "/usr/bin/cc"}, NO_GLIB),
    (_as_it_is, {"PKG_CONFIG_LIBDIR": "/nowhere"}, NO_GLIB),
]


@pytest.mark.parametrize(
    "change, more, message", BUILD_ERRORS, ids=range(len(BUILD_ERRORS))
)
def test_build_errors(
    gnubg_source: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    more: dict[str, str],
    message: str,
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(gnubg_source, source)
    change(source)
    done = run("engine.build", "--source", source, "--out", out, **more)
    said = message.replace("SOURCE", str(source))
    assert done.stderr == f"gnubg_nn.engine.build: error: {said}\n"
    assert (done.returncode, done.stdout) == (1, "")
    assert not out.exists() or _names(out) == []


def test_a_compiler_error_comes_with_its_log(
    gnubg_source: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(gnubg_source, source)
    (source / "eval.c").write_text("int first = missing;\nint second = missing;\n")
    out.mkdir()
    (out / "engine.so").write_text("old")
    done = run("engine.build", "--source", source, "--out", out)
    first = "eval.c:1:13: error: 'missing' undeclared here (not in a function)"
    *log, last = done.stderr.splitlines()
    error = f"gnubg_nn.engine.build: error: engine.c: cannot compile: {first}"
    assert last == error
    assert first in log and log[0].startswith("cc ") and log[0].endswith("engine.o")
    assert (done.returncode, done.stdout) == (1, "")
    assert _names(out) == ["engine.so"] and (out / "engine.so").read_text() == "old"


def test_a_linker_error_is_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int b(void); int main(void) { return b(); }\n")
    with pytest.raises(NNError) as caught:
        build.link(build.find_compiler(os.environ), tmp_path, ["a.c"], "program")
    text = str(caught.value)
    assert text.startswith("program: cannot compile: ")
    assert text.endswith("undefined reference to `b'")


@pytest.mark.parametrize(
    "script, message",
    ids=("fails", "stops early", "almost whole"),
    argvalues=[
        ("exit 3", "makebearoff: exit status 3: no one-sided.bd"),
        (
            "head -c 70000 {original} > $4",
            "makebearoff: one-sided.bd: 70000 bytes: expected 434152: "
            "is the disk full?",
        ),
        (
            "head -c 1465786 {original} > $4",
            "makebearoff: one-sided.bd: 1465786 bytes: expected 1465788: "
            "is the disk full?",
        ),
    ],
)
def test_a_makebearoff_that_fails(
    engine_folder: Path, tmp_path: Path, script: str, message: str
) -> None:
    program = tmp_path / "makebearoff"
    text = script.format(original=engine_folder / "one-sided.bd")
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    with pytest.raises(NNError) as caught:
        build.make_database(tmp_path, "one-sided.bd")
    assert str(caught.value) == message


# ---- loading ----


@pytest.fixture(scope="module")
def nets(debian_weights: Path) -> list[Net]:
    return read_weights(debian_weights)


@pytest.fixture(scope="module")
def begun(engine_folder: Path) -> Engine:
    return Engine(engine_folder)


@pytest.fixture
def engine(begun: Engine, nets: list[Net]) -> Engine:
    """The engine with Debian's nets for both players."""
    begun.load(nets)
    begun.load(nets, 1)
    return begun


@pytest.mark.parametrize(
    "name, content, message",
    ids=range(6),
    argvalues=[
        ("engine.so", None, "cannot load: "),
        ("engine.so", b"no library", "cannot load: "),
        ("one-sided.bd", None, "cannot read this database"),
        ("one-sided.bd", b"", "cannot read this database"),
        ("two-sided.bd", None, "cannot read this database"),
        ("two-sided.bd", b"no database" * 99, "cannot read this database"),
    ],
)
def test_a_folder_that_is_not_whole(
    engine_folder: Path,
    tmp_path: Path,
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    folder = tmp_path / "engine"
    shutil.copytree(engine_folder, folder)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(NNError) as caught:
        Engine(folder)
    assert str(caught.value).startswith(f"{folder / name}: {message}")


def _zero(inputs: int, hidden: int) -> Net:
    return Net(
        np.zeros((inputs, hidden), np.float32),
        np.zeros((5, hidden), np.float32),
        np.zeros(hidden, np.float32),
        np.zeros(5, np.float32),
    )


@pytest.mark.parametrize(
    "index, inputs, hidden, message",
    ids=range(3),
    argvalues=[
        (1, 250, 128, "race net: 250 inputs, 128 hidden units: expected 214 inputs"),
        (3, 250, 16, "pruning-contact net: 250 inputs, 16 hidden units: expected 200"),
        (0, 250, 1032, "contact net: 250 inputs, 1032 hidden units: expected 250"),
    ],
)
def test_nets_of_other_shapes(
    begun: Engine,
    nets: list[Net],
    index: int,
    inputs: int,
    hidden: int,
    message: str,
) -> None:
    wrong = list(nets)
    wrong[index] = _zero(inputs, hidden)
    with pytest.raises(NNError) as caught:
        begun.load(wrong)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(" inputs, at most 1024 hidden")


# ---- classes, inputs, nets ----


@pytest.fixture(scope="module")
def boards() -> Boards:
    """Return played positions of every class, and random ones nobody ever played."""
    played = judged().boards
    every = max(1, len(played) // 2000)
    both = np.concatenate([played[::every], random_boards(2000, 4)])
    some: Boards = both[(both.sum(axis=2) > 0).all(axis=1)]
    return some


@pytest.fixture(scope="module")
def keys(boards: Boards) -> Keys:
    return keys_from_boards(boards)


def _own(index: int, boards: Boards) -> npt.NDArray[np.int64]:
    return np.flatnonzero(classify(boards) == CLASS_OF_NET[index])


def test_classes(begun: Engine, keys: Keys, boards: Boards) -> None:
    found = begun.classify(keys)
    assert found.tolist() == classify(boards).tolist()
    assert set(found.tolist()) == {1, 2, 3, 4, 5}


def test_a_side_without_chequers_is_over(begun: Engine) -> None:
    boards = random_boards(50, 5)
    boards[:, 1] = 0
    found = begun.classify(keys_from_boards(boards))
    assert (found == PositionClass.OVER).all()


@pytest.mark.parametrize("index", range(6))
def test_inputs(begun: Engine, keys: Keys, boards: Boards, index: int) -> None:
    rows = _own(index, boards)
    assert len(rows) > 300
    found = begun.encode(index, keys[rows])
    wanted = INPUTS_OF_NET[index](boards[rows])
    assert found.shape == wanted.shape == (len(rows), NETS[index].inputs)
    assert np.abs(found - wanted).max() < 6e-8
    assert len(np.unique(found)) > 9


def _library(
    folder: Path, source: Path, name: str, text: str, *objects: str
) -> ctypes.CDLL:
    """Compile a C file and these of gnubg's, without vectors, and load it."""
    folder.mkdir()
    build.copy_sources(source, folder)
    shutil.copyfile(source / "lib" / "neuralnet.c", folder / "lib" / "neuralnet.c")
    (folder / name).write_text(text)
    compiler = build.find_compiler(os.environ)
    flags = ["-std=gnu11", "-O1", "-fno-tree-vectorize", "-ffp-contract=off", "-fPIC"]
    flags += ["-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"]
    flags += ["-I.", "-Ilib", "-shared", "-Wl,--gc-sections"]
    command = [*compiler.command, *flags, *compiler.cflags, name, *objects]
    command += ["-o", "test.so", *compiler.libs, "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "test.so"))


GNUBG_FORWARD = """
#include "lib/neuralnet.c"
__attribute__((visibility("default"))) void
test_forward(int inputs, int hidden, float *w1, float *w2, float *b1, float *b2,
             float *rows, size_t n, float *outputs)
{
    neuralnet const net = { inputs, hidden, 5, 1, 0.1f, 1.0f, w1, w2, b1, b2 };
    for (size_t i = 0; i < n; i++)
        NeuralNetEvaluate(&net, rows + i * inputs, outputs + 5 * i, NULL);
}
"""


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _gnubg_forward(library: ctypes.CDLL, net: Net, rows: Floats) -> Floats:
    arrays = [np.ascontiguousarray(a, np.float32) for a in net.arrays()]
    out = np.empty((len(rows), 5), np.float32)
    places = [*map(_pointer, arrays), _pointer(rows), ctypes.c_size_t(len(rows))]
    library.test_forward(*net.shape[:2], *places, _pointer(out))
    return out


def _wild(seed: int, hidden: Sequence[int]) -> list[Net]:
    """Return nets that drive the sigmoids into every branch."""
    random = np.random.Generator(np.random.PCG64(seed))
    made = []
    for spec, units in zip(NETS, hidden):
        net = _zero(spec.inputs, units)
        for array, size in zip(net.arrays(), (30, 4, 30, 4)):
            array[:] = random.normal(size=array.shape) * size
        made.append(net)
    return made


def test_nets_give_the_bits_of_gnubg(
    engine: Engine,
    nets: list[Net],
    gnubg_source: Path,
    tmp_path: Path,
    keys: Keys,
    boards: Boards,
) -> None:
    place = tmp_path / "forward"
    library = _library(place, gnubg_source, "test.c", GNUBG_FORWARD)
    sizes = (128, 128, 128, 16, 16, 8), (8, 24, 200, 7, 1, 1024)
    for given in (nets, _wild(1, sizes[0]), _wild(2, sizes[1])):
        engine.load(given)
        for index, net in enumerate(given):
            rows = _own(index, boards)
            inputs = engine.encode(index, keys[rows])
            wanted = _gnubg_forward(library, net, inputs)
            found = engine.forward(index, keys[rows])
            assert found.tobytes() == wanted.tobytes()
            assert len(np.unique(found)) > 20
            assert np.abs(forward(net, inputs) - found).max() < 2e-3


# ---- evaluation ----


def test_evaluation_is_the_net_held_within_bounds(
    engine: Engine, nets: list[Net], keys: Keys, boards: Boards
) -> None:
    played = slice(0, 2000)
    keys, boards = keys[played], boards[played]
    classes = classify(boards)
    for index in (0, 2):
        rows = _own(index, boards)
        raw = forward(nets[index], INPUTS_OF_NET[index](boards[rows]))
        wanted = clamp(raw, boards[rows], classes[rows])
        assert np.abs(engine.evaluate(keys[rows]) - wanted).max() < 1.2e-3


@contextmanager
def _listening_gnubg(home: Path) -> Iterator[socket.socket]:
    """Run Debian's gnubg and yield a connection to it (external.c:389-430)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["/usr/games/gnubg", "-t", "-q", "-r"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(HOME=str(home)),
        cwd=home,
    )
    try:
        assert process.stdin
        process.stdin.write(f"external 127.0.0.1:{port}\n".encode())
        process.stdin.flush()
        end = time.monotonic() + 60
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=60)
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.05)
        with connection:
            yield connection
    finally:
        process.kill()
        process.wait()


def _fibs(board: npt.NDArray[np.uint8]) -> str:
    """Return a FIBS board: X is on roll, moves down and has the positive numbers."""
    points = [0] * 26
    for place in range(24):
        points[place + 1] = int(board[1, place]) - int(board[0, 23 - place])
    points[25], points[0] = int(board[1, 24]), -int(board[0, 24])
    tail = "1:0:0:0:0:1:1:1:0:1:-1:0:25:0:0:0:0:0:0:0:0"
    return f"board:a:b:0:0:0:{':'.join(map(str, points))}:{tail}"


def _gnubg_says(home: Path, boards: Boards, plies: int) -> npt.NDArray[np.float64]:
    """Return the chances (n, 5) of Debian's gnubg, cubeless, pruning."""
    rows = []
    with _listening_gnubg(home) as connection, connection.makefile("rb") as replies:
        for board in boards:
            asked = f"evaluation fibsboard {_fibs(board)} PLIES {plies} CUBELESS PRUNE"
            connection.sendall(asked.encode() + b"\n")
            rows.append([float(word) for word in replies.readline(400).split()[:5]])
    return np.array(rows)


@pytest.mark.parametrize("plies, each", [(0, 200), (1, 40), (2, 5)])
def test_debian_gnubg_says_the_same(
    engine: Engine, boards: Boards, tmp_path: Path, plies: int, each: int
) -> None:
    played = boards[:1800]
    chosen = np.concatenate([_own(index, played)[:each] for index in range(3)])
    some = played[chosen]
    assert len(some) == 3 * each
    found = engine.evaluate(keys_from_boards(some), plies, True)
    wanted = _gnubg_says(tmp_path, some, plies)
    # Debian's gnubg has approximate reciprocals, and a table with jumps.
    assert np.abs(found - wanted).max() < 1.5e-3
    assert np.abs(equity(found) - equity(wanted)).mean() < 2e-4


def test_without_pruning_more_moves_are_seen(engine: Engine, keys: Keys) -> None:
    pruned = engine.evaluate(keys[:200], 1, True)
    whole = engine.evaluate(keys[:200], 1, False)
    # The best of more moves is never worse.
    assert (equity(whole) - equity(pruned) > -1e-5).all()
    assert (equity(whole) - equity(pruned) > 1e-5).any()


def test_known_results(engine: Engine) -> None:
    boards = np.zeros((3, 2, 25), np.uint8)
    # One chequer each on the ace point: who is on roll has won, but no gammon.
    boards[0, :, 0] = 1
    # The opponent has borne off its last, the other has 15 left: backgammon.
    boards[1, 1, [0, 23]] = 14, 1
    # Six on the ace point take three rolls, or two with a double.
    boards[2, 0, 0], boards[2, 1, 0] = 2, 4
    found = engine.evaluate(keys_from_boards(boards))
    assert found[0].tolist() == [1, 0, 0, 0, 0]
    assert found[1].tolist() == [0, 0, 0, 1, 1]
    assert np.abs(found[2] - [1 / 6, 0, 0, 0, 0]).max() < 2e-5


# ---- chance ----

PHILOX = """
#include "engine.c"
EXPORT void
test_philox(const uint32_t *key, const uint32_t *counter, uint32_t *words)
{
    stream s = { { key[0], key[1] }, { 0 }, { 0 }, 4 };
    memcpy(s.counter, counter, sizeof s.counter);
    philox(&s);
    memcpy(words, s.words, sizeof s.words);
}
EXPORT void
test_rolls(uint32_t low, size_t n, unsigned int *dice)
{
    stream s = stream_of(1, 2, 3, low);
    for (size_t i = 0; i < n; i++)
        roll(&s, dice + 2 * i);
}
"""
# Random123's kat_vectors, philox4x32 10: key, counter, words.
KNOWN = [
    ("00000000 00000000", "00000000 " * 4, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff", "ffffffff " * 4, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "a4093822 299f31d0",
        "243f6a88 85a308d3 13198a2e 03707344",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def _words(text: str) -> npt.NDArray[np.uint32]:
    return np.array([int(word, 16) for word in text.split()], np.uint32)


def test_random_numbers(gnubg_source: Path, tmp_path: Path) -> None:
    others = [name for name in build.ENGINE if name != "engine.c"]
    place = tmp_path / "philox"
    library = _library(place, gnubg_source, "test.c", PHILOX, *others)
    for key, counter, words in KNOWN:
        found = np.empty(4, np.uint32)
        given = [_pointer(_words(key)), _pointer(_words(counter))]
        library.test_philox(*given, _pointer(found))
        assert found.tolist() == _words(words).tolist()
    dice = np.empty((36_000, 2), np.uint32)
    library.test_rolls(7, ctypes.c_size_t(len(dice)), _pointer(dice))
    counts = np.bincount((dice[:, 0] - 1) * 6 + dice[:, 1] - 1, minlength=36)
    assert len(counts) == 36
    # Chi squared with 35 degrees of freedom: above 80 once in 10^5.
    assert ((counts - 1000) ** 2 / 1000).sum() < 80
    other = dice.copy()
    library.test_rolls(8, ctypes.c_size_t(len(dice)), _pointer(other))
    assert (dice == other).mean() < 0.2


# ---- games ----


def _options(**more: Any) -> PlayOptions:
    base = dict(seed=3, generation=1, pruning=True, all_rolls=False, lambda_=0.7)
    return PlayOptions(**{**base, **more})


def _turned(chances: Floats) -> Floats:
    """Return the chances as the other side sees them."""
    other: Floats = chances[:, [0, 3, 4, 1, 2]].copy()
    other[:, 0] = 1 - other[:, 0]
    return other


def _in_one_game(records: Records) -> npt.NDArray[np.int64]:
    """Return the rows whose next row is the same game's next position."""
    return np.flatnonzero(records["game"][:-1] == records["game"][1:])


def test_games_however_they_are_cut(engine: Engine) -> None:
    options = _options()
    whole = engine.play(options, 0, 40)
    parts = [engine.play(options, 0, 13), engine.play(options, 13, 27)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert np.unique(whole["game"]).tolist() == list(range(40))
    assert (np.diff(whole["game"].astype(int)) >= 0).all()


@pytest.mark.parametrize(
    "more", [{"seed": 4}, {"generation": 2}, {"explore_share": 0.5}, {"pruning": False}]
)
def test_other_games(engine: Engine, more: dict[str, Any]) -> None:
    assert (
        engine.play(_options(), 0, 20).tobytes()
        != engine.play(_options(**more), 0, 20).tobytes()
    )


def test_positions_of_games(engine: Engine) -> None:
    records = engine.play(_options(random_share=0.5, explore_share=0.2), 0, 60)
    boards = boards_from_keys(np.ascontiguousarray(records["key"]))
    assert (records["class"] == classify(boards)).all()
    assert set(records["class"].tolist()) == {3, 4, 5}
    assert (records["reserved"] == 0).all()
    found = engine.evaluate(records["key"])
    assert found.tobytes() == np.ascontiguousarray(records["value"]).tobytes()


def test_moves_are_those_of_games(engine: Engine) -> None:
    plain = PlayOptions(5, 0, False, False, 0.5, 0.0, 1, 0.0, 1)
    records = engine.play(plain, 0, 4)
    same = np.flatnonzero(records["game"][1:] == records["game"][:-1])
    before, after = records["key"][same], records["key"][same + 1]
    dice = [(low, high) for high in range(1, 7) for low in range(1, high + 1)]
    reached = [engine.moves(before, np.full((len(same), 2), d)) for d in dice]
    assert (np.stack(reached) == after).all(axis=2).any(axis=0).all()
    for wrong in (np.zeros((4, 2)), np.ones((3, 2)), np.full((4, 2), 7)):
        with pytest.raises(ValueError) as caught:
            engine.moves(before[:4], wrong)
        assert str(caught.value) == "dice: expected (n, 2) numbers from 1 to 6"


def test_how_games_begin(engine: Engine) -> None:
    start = keys_from_boards(start_position()).tobytes()
    for share, wanted in ((0.0, 40), (1.0, 0)):
        records = engine.play(_options(random_share=share), 0, 40)
        first = records[np.unique(records["game"], return_index=True)[1]]
        assert sum(row["key"].tobytes() == start for row in first) == wanted


@pytest.mark.parametrize("pruning", [False, True])
def test_all_rolls_without_lambda_is_one_ply(engine: Engine, pruning: bool) -> None:
    options = _options(pruning=pruning, all_rolls=True, lambda_=0.0, explore_share=0.3)
    records = engine.play(options, 0, 3)
    wanted = engine.evaluate(records["key"], 1, pruning)
    assert len(records) > 60
    assert np.abs(records["target"] - wanted).max() < 1e-6


def test_one_roll_without_lambda_is_the_next_position(engine: Engine) -> None:
    records = engine.play(_options(lambda_=0.0, explore_share=0.0), 0, 20)
    rows = _in_one_game(records)
    assert len(rows) > 600
    wanted = _turned(records["value"][rows + 1])
    assert np.abs(records["target"][rows] - wanted).max() < 1e-6


def test_one_roll_with_whole_lambda_is_the_result(engine: Engine) -> None:
    records = engine.play(_options(lambda_=1.0, explore_share=0.0), 0, 20)
    rows = _in_one_game(records)
    wanted = _turned(records["target"][rows + 1])
    assert np.abs(records["target"][rows] - wanted).max() < 1e-5


def test_lambda_between(engine: Engine) -> None:
    records = engine.play(_options(lambda_=0.7, explore_share=0.0), 0, 20)
    rows = _in_one_game(records)
    value, target = records["value"][rows + 1], records["target"][rows + 1]
    wanted = _turned(value + np.float32(0.7) * (target - value))
    assert np.abs(records["target"][rows] - wanted).max() < 1e-5


def test_all_rolls_take_the_luck_away(engine: Engine) -> None:
    plain, searched = (
        engine.play(_options(all_rolls=all_rolls, lambda_=1.0), 0, 6)
        for all_rolls in (False, True)
    )
    spread = [
        float((equity(records["target"]) - equity(records["value"])).std())
        for records in (plain, searched)
    ]
    assert spread[1] < 0.4 * spread[0]


# ---- duels and rollouts ----


def _shaken(nets: Sequence[Net], seed: int) -> list[Net]:
    random = np.random.Generator(np.random.PCG64(seed))
    made = []
    for net in nets:
        arrays = [
            array + random.normal(size=array.shape).astype(np.float32) / 3
            for array in net.arrays()
        ]
        made.append(Net(*arrays))
    return made


def test_a_net_wins_nothing_of_itself(engine: Engine) -> None:
    assert engine.duel(1, 0, 50).tolist() == [0.0] * 50


def test_duels(engine: Engine, nets: list[Net]) -> None:
    other = _shaken(nets, 1)
    engine.load(other, 1)
    won = engine.duel(5, 0, 100)
    assert won.mean() > 0 and won.std() > 0.1
    parts = [engine.duel(5, 0, 30), engine.duel(5, 30, 70)]
    assert np.concatenate(parts).tolist() == won.tolist()
    assert engine.duel(6, 0, 100).tolist() != won.tolist()
    engine.load(other, 0)
    engine.load(nets, 1)
    assert engine.duel(5, 0, 100).tolist() == (-won).tolist()


def test_rollouts_near_the_end(engine: Engine) -> None:
    """A chequer on the seven point against one on the ace point: 23 rolls of 36."""
    boards = np.zeros((2, 2, 25), np.uint8)
    boards[:, 0, 0] = 1
    boards[0, 1, 6] = 1
    # Two there can't go at once but with 44, 55 or 66.
    boards[1, 1, 6] = 2
    keys = keys_from_boards(boards)
    assert (engine.classify(keys) == PositionClass.RACE).all()
    means, errors = engine.rollout(keys, 36, 1)
    wanted = np.array([[23 / 36, 0, 0, 0, 0], [3 / 36, 0, 0, 0, 0]])
    assert np.abs(means - wanted).max() < 3e-5
    assert errors.max() < 1e-5
    assert np.abs(engine.evaluate(keys) - wanted).max() > 1e-3


def test_rollouts(engine: Engine) -> None:
    boards = np.zeros((2, 2, 25), np.uint8)
    boards[0, :, [3, 5, 8]] = 5
    boards[1, :, [2, 7, 10]] = 5
    some = keys_from_boards(boards)
    means, errors = engine.rollout(some, 36, 9)
    assert ((1e-5 < errors) & (errors < 0.05)).all()
    searched = engine.evaluate(some, 1)
    # What 0-ply play and one ply's judgement may differ by.
    assert (np.abs(equity(means) - equity(searched)) < 4 * errors + 0.1).all()
    again, _ = engine.rollout(some[1:], 36, 9, first=1)
    assert again.tobytes() == means[1:].tobytes()
    other, _ = engine.rollout(some, 36, 10)
    assert other.tobytes() != means.tobytes()


# ---- what must not happen ----


@pytest.mark.parametrize("call", ["classify", "encode", "evaluate", "rollout"])
def test_sixteen_chequers_are_an_error_not_a_crash(engine: Engine, call: str) -> None:
    boards = np.repeat(start_position(), 3, axis=0)
    keys = keys_from_boards(boards)
    # Sixteen ones in a row: as many chequers on the first point.
    keys[2] = [255, 255, 0, 0, 0, 0, 0, 0, 0, 0]
    calls: dict[str, Callable[[], object]] = {
        "classify": lambda: engine.classify(keys),
        "encode": lambda: engine.encode(0, keys),
        "evaluate": lambda: engine.evaluate(keys),
        "rollout": lambda: engine.rollout(keys, 2, 1),
    }
    with pytest.raises(NNError) as caught:
        calls[call]()
    assert str(caught.value) == "position 2: a side has more than 15 chequers"


def test_positions_of_another_class_do_not_end_the_process(
    begun: Engine, keys: Keys, boards: Boards
) -> None:
    """gnubg asserts that its contact inputs get no crashed position (eval.c:1522)."""
    crashed = keys[classify(boards) == PositionClass.CRASHED][:50]
    assert begun.encode(0, crashed).shape == (50, 250)


def test_nothing_is_played_without_nets(begun: Engine, keys: Keys) -> None:
    bare = Engine.__new__(Engine)
    bare.__dict__.update(begun.__dict__, _players=set())
    with pytest.raises(RuntimeError, match="no nets were loaded"):
        bare.evaluate(keys[:1])
    with pytest.raises(RuntimeError, match="no nets were loaded"):
        bare.duel(1, 0, 1)


def test_long_games_are_noted_to_their_end(engine: Engine) -> None:
    """Where there are more positions than there was room for at first."""
    wild = PlayOptions(5, 0, False, False, 0.5, 0.0, 1, 1.0, 16)
    together = engine.play(wild, 0, 12)
    assert len(together) > 12 * ROOM_PER_GAME
    apart = [engine.play(wild, game, 1) for game in range(12)]
    assert (np.concatenate(apart) == together).all()


def test_a_seed_of_63_bits_counts_whole(engine: Engine) -> None:
    games = [
        engine.play(PlayOptions(seed, 0, False, False, 0.5), 0, 2)["key"]
        for seed in (7, 7 + (1 << 40))
    ]
    assert games[0].shape != games[1].shape or (games[0] != games[1]).any()
