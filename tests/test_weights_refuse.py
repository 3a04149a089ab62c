# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused as shipped weights: by content, with the reason, and untouched."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, Callable

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from dh_aibootstrap.weights import refusal  # noqa: E402
from support import weight_files as files  # noqa: E402

MEND = "write the numbers alone, as text, .npy or safetensors"
PICKLE = f"is a Python pickle, which runs code when it is loaded; {MEND}"
OBJECTS = (
    "holds Python objects, which are pickles and run code when they are loaded;"
    " save plain numbers"
)
HDF5 = (
    "is HDF5, which nothing here can look into: it can hold pickles and layers of code;"
    f" {MEND}"
)
GOOD = files.npy(files.floats([1, 2]), (2,))


class Trap:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.canary}'",)


def trap(folder: Path, protocol: int) -> bytes:
    """Return such a pickle."""
    return pickle.dumps({"w": Trap(folder / "canary")}, protocol)


def refused(folder: Path, data: bytes) -> str | None:
    """Return why this content is refused; nothing else may come of the question."""
    path = folder / "w.bin"
    path.write_bytes(data)
    before = path.stat()
    said = refusal(path, "w.bin")
    after = path.stat()
    assert path.read_bytes() == data and before.st_mtime_ns == after.st_mtime_ns
    assert [at.name for at in folder.iterdir()] == ["w.bin"], "the canary ran"
    return said


def tarred(name: str, data: bytes, **more: Any) -> bytes:
    """Return a tar archive of one member."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for key, value in more.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def old_joblib(data: bytes) -> bytes:
    """Return what joblib before 0.10 wrote: letters, the length, zlib."""
    return b"ZF" + hex(len(data)).encode().ljust(19) + zlib.compress(data)


WRAPPERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "bare": (lambda data: data, ""),
    "pt": (
        lambda data: files.zipped({"net/data.pkl": data, "net/version": b"3\n"}),
        "net/data.pkl: ",
    ),
    "pt deflated": (
        lambda data: files.zipped({"a": b"1", "data.pkl": data}, zipfile.ZIP_DEFLATED),
        "data.pkl: ",
    ),
    "named as an array": (lambda data: files.zipped({"a.npy": data}), "a.npy: "),
    "old pt": (lambda data: tarred("pickle", data), "pickle: "),
    "gzip": (lambda data: gzip.compress(data), ""),
    "bzip2": (lambda data: bz2.compress(data), ""),
    "xz": (lambda data: lzma.compress(data), ""),
    "lzma": (lambda data: lzma.compress(data, lzma.FORMAT_ALONE), ""),
    "zlib": (lambda data: zlib.compress(data), ""),
    "zlib fast": (lambda data: zlib.compress(data, 1), ""),
    "joblib": (old_joblib, "joblib: "),
    "gzip of pt": (lambda data: gzip.compress(files.zipped({"d": data})), "d: "),
    "tar.xz": (lambda data: lzma.compress(tarred("d", data)), "d: "),
    "cut gzip": (lambda data: gzip.compress(data)[:-6], ""),
    "cut zlib": (lambda data: zlib.compress(data)[:-3], ""),
    "followed by numbers": (lambda data: data + bytes(100), ""),
    "broken at its end": (lambda data: data[:-1] + b"\xff" * 9, ""),
    "broken and packed": (lambda data: gzip.compress(data[:-1] + b"\xff"), ""),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_pickles_in_every_wrapper(wrapper: str, protocol: int, tmp_path: Path) -> None:
    """Whole or broken off, at the end of which it has done its harm."""
    wrap, inside = WRAPPERS[wrapper]
    data = wrap(trap(tmp_path, protocol))
    assert refused(tmp_path, data) == f"w.bin: {inside}{PICKLE}"


def test_the_trap_is_one(tmp_path: Path) -> None:
    """Loaded by Python it does what the tests above say it did not."""
    pickle.loads(trap(tmp_path, 0))
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_plain_values(protocol: int, tmp_path: Path) -> None:
    """No call, only numbers: it is still a format that could call."""
    values: dict[str, Any] = {"w": [0.5, -1, 1 << 70, True, None, "x", b"y", (1, 2)]}
    values["v"] = {frozenset([1]), 2}
    data = pickle.dumps(values, protocol)
    assert refused(tmp_path, data) == f"w.bin: {PICKLE}"


def test_pickles_by_hand(tmp_path: Path) -> None:
    """Every instruction that imports and does something with it."""
    for data in (
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"cos\nenviron\nS'LD_PRELOAD'\nS'x'\ns",
        b"csys\npath\nS'x'\na",
        b"csys\npath\n(S'x'\ne",
        b"I1\n0cos\nsystem\n)R",
        b"\x80\x02cos\nsystem\n)\x81",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92",
        b"\x80\x02" + b"N0" * 300_000 + b"cos\nsystem\n)R.",
        b"N0" * 300_000 + b"cos\nsystem\n)R.",
        b"V" + b"a" * 2_000_000 + b"\n0cos\nsystem\n)R.",
    ):
        assert refused(tmp_path, data) == f"w.bin: {PICKLE}", data[:50]


def test_other_files_are_not_taken_for_pickles(tmp_path: Path) -> None:
    """Word lists, tables, numbers and random bytes pass."""
    chance = random.Random(1)
    for data in (
        b"",
        b"cat\ncatalogue\ncattle\ncar\ndog\n",
        b"class,weight\n0.1,2\n",
        b"Version 1.0\n.5 .25\n.125 1\n2 3\n4 5\n",
        b"(in the beginning)\nwas the word\n",
        b"NEW MODEL\n1 2\n3 4\n5 6\n",
        b"I am a text.\n",
        b"[1, 2, 3]\n",
        b'{"words": {"class": "Lambda"}}',
        b"x^2 + y^2 and more words\n",
        b"\x80\x02words",
        files.floats(chance.uniform(-1, 1) for _ in range(1000)),
        *(chance.randbytes(2000) for _ in range(300)),
    ):
        assert refused(tmp_path, data) is None, data[:50]


def keras(config: Any) -> bytes:
    """Return the members of a .keras file, as far as they matter."""
    return files.zipped(
        {
            "metadata.json": b'{"keras_version": "3.0"}',
            "config.json": json.dumps(config).encode(),
        }
    )


LAMBDA = {
    "class_name": "Functional",
    "config": {
        "layers": [{"class_name": "Lambda", "config": {"function": ["4wA", 0]}}]
    },
}


def test_keras_layers_of_code(tmp_path: Path) -> None:
    """In a .keras archive, in JSON alone, and however the words are spelt."""
    why = f"has a layer of the class 'Lambda', which carries code; {MEND}"
    assert refused(tmp_path, keras(LAMBDA)) == f"w.bin: config.json: {why}"
    text = json.dumps(LAMBDA)
    assert refused(tmp_path, text.encode()) == f"w.bin: {why}"
    spelt = text.replace("Lambda", "Lam\\u0062da").replace("class_", "cl\\u0061ss_")
    assert refused(tmp_path, spelt.encode()) == f"w.bin: {why}"
    deep = b"[" * 200_000 + text.encode()
    assert refused(tmp_path, deep) == f"w.bin: {why}"
    twice = b'{"class_name": "Lambda", "class_name": "Dense"}'
    assert refused(tmp_path, twice) == f"w.bin: {why}"
    far = b'{"a": "' + b"b" * 600_000 + b'", "class_name":' + b" " * 600_000
    assert refused(tmp_path, far + b'"Lambda"}') == f"w.bin: {why}"
    nested = {"class_name": "__lambda__", "config": {"code": "4wA"}}
    assert refused(tmp_path, json.dumps(nested).encode()) == (
        f"w.bin: has a layer of the class '__lambda__', which carries code; {MEND}"
    )
    dense = {"class_name": "Dense", "config": {"name": "Lambda"}}
    assert refused(tmp_path, keras(dense)) is None


def test_hdf5(tmp_path: Path) -> None:
    """Alone, behind a block of the user's, and in a .keras archive."""
    magic = b"\x89HDF\r\n\x1a\n"
    assert refused(tmp_path, magic + bytes(100)) == f"w.bin: {HDF5}"
    assert refused(tmp_path, b"#!/bin/sh\n".ljust(1024) + magic) == f"w.bin: {HDF5}"
    archive = files.zipped({"model.weights.h5": magic + bytes(100)})
    assert refused(tmp_path, archive) == f"w.bin: model.weights.h5: {HDF5}"


def test_arrays_of_objects(tmp_path: Path) -> None:
    """A .npy of objects, alone and in an .npz; numpy wrote the first."""
    path = tmp_path / "w.bin"
    program = "import sys, numpy; a = numpy.array([{}], object)"
    program += "; numpy.save(open(sys.argv[1], 'wb'), a, allow_pickle=True)"
    words = ["/usr/bin/python3", "-I", "-B", "-c", program, str(path)]
    subprocess.run(words, check=True, cwd="/")
    data = path.read_bytes()
    assert refused(tmp_path, data) == f"w.bin: {OBJECTS}"
    assert refused(tmp_path, files.zipped({"a.npy": data})) == (
        f"w.bin: a.npy: {OBJECTS}"
    )
    with_trap = files.npy(trap(tmp_path, 4), (1,), "'|O'")
    assert refused(tmp_path, with_trap) == f"w.bin: {OBJECTS}"


def external(place: str) -> bytes:
    """Return a model with a tensor whose data lie in another file."""
    entry = files.field(1, "location") + files.field(2, "../../../etc/passwd")
    tensor = files.onnx_tensor("w", [1], 1, (14, 1), (13, entry))
    if place == "initialiser":
        return files.onnx(tensor)
    if place == "sparse":
        graph = files.field(15, files.field(1, tensor)) + files.field(2, "net")
        return files.field(1, 8) + files.field(7, graph)
    attribute = files.field(5, tensor)
    if place == "subgraph":
        attribute = files.field(6, files.field(5, tensor))
    node = files.field(4, "Constant") + files.field(5, attribute)
    if place == "function":
        return files.onnx(files.onnx_tensor("a", [0], 1)) + files.field(
            25, files.field(7, node)
        )
    if place == "training":
        return files.onnx(files.onnx_tensor("a", [0], 1)) + files.field(
            20, files.field(1, files.field(5, tensor))
        )
    return files.onnx(nodes=[node])


@pytest.mark.parametrize(
    "place",
    ["initialiser", "sparse", "attribute", "subgraph", "function", "training"],
)
def test_onnx_external_data(place: str, tmp_path: Path) -> None:
    """Wherever a tensor can stand, and also behind fields that nobody knows."""
    why = "has its data in another file; store them inside"
    for data in (external(place), files.field(999, "x") + external(place)):
        said = refused(tmp_path, data)
        assert said is not None and said.startswith("w.bin: tensor '")
        assert said.endswith(f"w' {why}")


def test_onnx_external_data_by_halves(tmp_path: Path) -> None:
    """The name of another file alone, or the mark alone, is enough."""
    for part in ((13, files.field(1, "location")), (14, 1)):
        data = files.onnx(files.onnx_tensor("w", [0], 1, part))
        assert refused(tmp_path, data) == (
            "w.bin: tensor 'w' has its data in another file; store them inside"
        )


def test_symbolic_links(tmp_path: Path) -> None:
    """A link is refused whatever it leads to; so are pipes and folders."""
    (tmp_path / "real").write_bytes(GOOD)
    link = tmp_path / "w.bin"
    link.symlink_to("real")
    why = "w.bin: is a symbolic link; make it a file"
    assert refusal(link, "w.bin") == why
    link.unlink()
    link.symlink_to("/etc/passwd")
    assert refusal(link, "w.bin") == why
    link.unlink()
    link.symlink_to("nowhere")
    assert refusal(link, "w.bin") == why
    link.unlink()
    os.mkfifo(link)
    assert refusal(link, "w.bin") == "w.bin: is not a regular file"
    link.unlink()
    link.mkdir()
    assert refusal(link, "w.bin") == "w.bin: is not a regular file"
    link.rmdir()
    assert refusal(link, "w.bin") == "w.bin: cannot be read: No such file or directory"


def test_links_in_archives(tmp_path: Path) -> None:
    """Neither a zip nor a tar may hold one, or lead out of itself."""
    info = zipfile.ZipInfo("a")
    info.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refused(tmp_path, stream.getvalue()) == (
        "w.bin: member 'a' is a symbolic link"
    )
    for name in ("../a", "/etc/a", "b/../../a", "..\\a"):
        assert refused(tmp_path, files.zipped({name: b"1"})) == (
            f"w.bin: member '{name}' points out of the archive"
        )
    data = tarred("a", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    assert refused(tmp_path, data) == "w.bin: member 'a' is a link or no file at all"


def test_two_formats_in_one(tmp_path: Path) -> None:
    """Bytes before, in and behind what a format lists."""
    archive = files.zipped({"a": b"hello", "b": b"1"})
    ends = "w.bin: ends with a zip archive: it is two formats in one"
    assert refused(tmp_path, b"#!/bin/sh\n" + archive) == ends
    assert refused(tmp_path, GOOD + archive) == ends
    assert refused(tmp_path, files.two_tensors() + archive) == ends
    assert refused(tmp_path, b"words\n" + archive + b"\n# words") == ends
    assert refused(tmp_path, archive + b"\0") == (
        "w.bin: is a zip archive that does not end with its own end record"
    )
    assert refused(tmp_path, archive + archive) == (
        "w.bin: is a zip archive with bytes before it or in it, unlisted"
    )
    assert refused(tmp_path, GOOD + b"\1") == (
        "w.bin: has 9 bytes after its header; 2 of F32 are 8"
    )
    for pack, name in ((gzip.compress, "gzip"), (bz2.compress, "bzip2")):
        assert refused(tmp_path, pack(b"words") + b"more") == (
            f"w.bin: has 4 bytes after the end of its {name} data"
        )
    assert refused(tmp_path, zlib.compress(b"words") + b"more") == (
        "w.bin: has 4 bytes after the end of its zlib data"
    )
    assert refused(tmp_path, tarred("a", b"1") + b"more") == (
        "w.bin: is a tar archive with other bytes after its end"
    )
    # Several streams are one file for gzip, bzip2 and xz.
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        assert refused(tmp_path, pack(b"words") + pack(b"more")) is None


def test_zip_archives_that_contradict_themselves(tmp_path: Path) -> None:
    """What readers would disagree on is refused."""
    archive = files.zipped({"aa": b"hello", "bb": b"there"})

    def but(old: bytes, new: bytes, count: int = 1) -> str | None:
        return refused(tmp_path, archive.replace(old, new, count))

    assert refused(tmp_path, archive) is None
    assert but(b"aa", b"cc") == "w.bin: member 'aa' has another name in its header"
    assert but(b"bb", b"aa", 2) == "w.bin: has two members of the same name"
    assert but(b"hello", b"hallo") == (
        "w.bin: aa: is damaged: its checksum is not the listed one"
    )
    sizes = struct.pack("<II", 5, 5)
    assert but(sizes, struct.pack("<II", 4, 5)) == (
        "w.bin: member 'aa' has other sizes in its header"
    )
    record = archive.index(b"PK\5\6")
    count = archive[:record] + archive[record:].replace(b"\2\0\2\0", b"\1\0\1\0")
    assert refused(tmp_path, count) == "w.bin: lists 2 members and says 1"
    gap = archive.index(b"PK\3\4", 1)
    listing = archive.index(b"PK\1\2")
    moved = archive[:gap] + b"hidden" + archive[gap:listing]
    end = bytearray(archive[listing:])
    second = end.index(b"PK\1\2", 1)
    end[second + 42 : second + 46] = struct.pack("<I", gap + 6)
    tail = end.index(b"PK\5\6")
    end[tail + 16 : tail + 20] = struct.pack("<I", len(moved))
    assert refused(tmp_path, moved + end) == (
        "w.bin: member 'bb' has unlisted bytes before another"
    )


def test_what_nobody_can_look_into(tmp_path: Path) -> None:
    """Encryption and rare packing in a zip, damage, and wrappers without end."""
    archive = bytearray(files.zipped({"a": b"1"}))
    archive[6] |= 1
    archive[archive.index(b"PK\1\2") + 8] |= 1
    assert refused(tmp_path, bytes(archive)) == (
        "w.bin: a: is encrypted: nobody can look into it"
    )
    rare = files.zipped({"a": b"1"}, zipfile.ZIP_BZIP2)
    assert refused(tmp_path, rare) == (
        "w.bin: a: is packed by the method 12, which is not read"
    )
    assert refused(tmp_path, gzip.compress(b"words")[:-4]) == (
        "w.bin: is damaged: gzip says it is truncated"
    )
    data = b"words"
    for _ in range(6):
        data = gzip.compress(data)
    assert refused(tmp_path, data) == "w.bin: is packed more than 4 times over"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite(number: str, tmp_path: Path) -> None:
    """In each format that is read."""
    value = float(number)
    two = files.floats([1, value])
    why = f"has {number} at 1, which is no finite number"
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert refused(tmp_path, files.npy(two, (2,))) == f"w.bin: tensor 'array' {why}"
    archive = files.zipped({"a.npy": files.npy(two, (2,))})
    assert refused(tmp_path, archive) == f"w.bin: a.npy: tensor 'array' {why}"
    data = files.safetensors({"a": entry}, two)
    assert refused(tmp_path, data) == f"w.bin: tensor 'a' {why}"
    data = files.gguf([("a", (2,), 0, 0)], two)
    assert refused(tmp_path, data) == f"w.bin: tensor 'a' {why}"
    data = files.onnx(files.onnx_tensor("a", [2], 1, (4, two)))
    assert refused(tmp_path, data) == f"w.bin: tensor 'a' {why}"
    text = f"net\n1\n{number}\n".encode()
    assert refused(tmp_path, text) == f"w.bin: tensor 'net / 1' {why}"
    halves = struct.pack("<2e", 1, value)
    data = files.npy(halves, (2,), "'<f2'")
    assert refused(tmp_path, data) == f"w.bin: tensor 'array' {why}"
    inside = gzip.compress(text)
    assert refused(tmp_path, inside) == f"w.bin: tensor 'net / 1' {why}"


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from dh_aibootstrap.weights import refusal
resource.setrlimit(resource.RLIMIT_AS, (320 << 20, 320 << 20))
print(refusal(Path(sys.argv[2]), "w.bin"))
"""


def bombs() -> dict[str, tuple[bytes, str]]:
    """Return files that unpack to much more than they are, and the answer to each."""
    zeros = bytes(80_000_000)
    long = "unpacks to more than 100 times its"
    deflated = files.zipped({"a": zeros}, zipfile.ZIP_DEFLATED)
    said = bytearray(files.zipped({"a": zeros[:1000]}, zipfile.ZIP_DEFLATED))
    packed = gzip.compress(zeros, 9)
    found = {
        "zip": (deflated, f"a: {long}"),
        "gzip": (packed, long),
        "xz": (lzma.compress(zeros, preset=0), long),
        "bzip2": (bz2.compress(zeros), long),
        "zlib": (zlib.compress(zeros), long),
        "gzip of gzip": (gzip.compress(packed), long),
    }
    # The header says 10 bytes, and 1000 come.
    for at in (22, said.index(b"PK\1\2") + 24):
        said[at : at + 4] = struct.pack("<I", 10)
    more = "a: unpacks to more than the 10 bytes that it should"
    found["more than listed"] = (bytes(said), more)
    return found


def test_bombs_need_little_memory(tmp_path: Path) -> None:
    """A process with 320 MB answers, and leaves nothing behind."""
    for name, (data, wanted) in bombs().items():
        path = tmp_path / "w.bin"
        path.write_bytes(data)
        words = [sys.executable, "-B", "-c", LIMITED, str(ROOT), str(path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), name
        assert done.stdout.startswith(f"w.bin: {wanted}"), name
        assert path.read_bytes() == data
        assert [at.name for at in tmp_path.iterdir()] == ["w.bin"]


def test_xz_that_asks_for_memory(tmp_path: Path) -> None:
    """A dictionary of 1.5 GB is not made, however short the file is."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    data = bytearray(lzma.compress(b"words", filters=filters))
    # In the block header: its size, flags, the filter's id and size, the dictionary.
    assert data[12:16] == b"\x02\x00\x21\x01"
    data[16] = 40
    data[20:24] = struct.pack("<I", zlib.crc32(bytes(data[12:20])))
    assert refused(tmp_path, bytes(data)) == (
        "w.bin: is damaged: xz says Memory usage limit exceeded"
    )
