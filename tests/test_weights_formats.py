# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of weights: what writers write comes back, and nothing breaks a reader."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from dh_aibootstrap.errors import Error  # noqa: E402
from dh_aibootstrap.weights import open_source, read, refusal  # noqa: E402
from dh_aibootstrap.weights.dtypes import ordinals, values  # noqa: E402
from dh_aibootstrap.weights.dtypes import DECIMAL, DTYPES  # noqa: E402
from support import weight_files as files  # noqa: E402

TABLE = b"Words 1.00\n2 2 1 X\n2 2\n0.5\n-1.25\n1e-3\n\nMore words\n7 8 9\n"


def loaded(path: Path) -> tuple[str, list[tuple[str, str, tuple[int, ...], list[Any]]]]:
    """Return the format of a file, and each tensor with all its numbers."""
    weights = read(open_source(path, path.name, follow=False))
    assert weights is not None, "in no known format"
    found = []
    for tensor in weights.tensors:
        numbers: list[Any] = []
        for piece in tensor.pieces():
            numbers += values(tensor.dtype, piece)
        found.append((tensor.name, tensor.dtype.name, tensor.shape, numbers))
    return weights.format, found


def fault(path: Path) -> str:
    """Return why a file cannot be read."""
    with pytest.raises(Error) as caught:
        loaded(path)
    return str(caught.value)


def numpy_writes(path: Path, program: str) -> None:
    """Let numpy write a file; the core's own process must not see it."""
    start = "import sys, numpy as np; path = sys.argv[1]; "
    words = ["/usr/bin/python3", "-I", "-B", "-c", start + program, str(path)]
    subprocess.run(words, check=True, cwd="/")


def test_npy_as_numpy_writes_it(tmp_path: Path) -> None:
    """Each number format, both byte orders, and every shape."""
    path = tmp_path / "a.npy"
    for code, name in (
        ("<f8", "F64"),
        (">f8", "F64"),
        ("<f4", "F32"),
        (">f4", "F32"),
        ("<f2", "F16"),
        (">f2", "F16"),
        ("<i8", "I64"),
        (">i4", "I32"),
        ("<i2", "I16"),
        ("i1", "I8"),
        ("<u8", "U64"),
        (">u4", "U32"),
        ("<u2", "U16"),
        ("u1", "U8"),
    ):
        numpy_writes(
            path, f"np.save(path, np.arange(6).reshape(2, 3).astype({code!r}))"
        )
        tensor = ("array", name, (2, 3), [0, 1, 2, 3, 4, 5])
        assert loaded(path) == ("npy", [tensor])
        assert refusal(path, "a.npy") is None
    numpy_writes(path, "np.save(path, np.array([True, False]))")
    assert loaded(path) == ("npy", [("array", "BOOL", (2,), [1, 0])])
    numpy_writes(path, "np.save(path, np.float32(-0.5))")
    assert loaded(path) == ("npy", [("array", "F32", (), [-0.5])])
    numpy_writes(path, "np.save(path, np.zeros((3, 0), 'f4'))")
    assert loaded(path) == ("npy", [("array", "F32", (3, 0), [])])
    numpy_writes(path, "np.save(path, np.arange(40000, dtype='f4'))")
    ((_, _, shape, numbers),) = loaded(path)[1]
    assert shape == (40000,) and numbers == list(range(40000))


def test_npy_in_fortran_order(tmp_path: Path) -> None:
    """The order is told apart where there is one."""
    path = tmp_path / "a.npy"
    numpy_writes(path, "np.save(path, np.asfortranarray(np.eye(2, 3)))")
    weights = read(open_source(path, "a", follow=False))
    assert weights is not None and weights.tensors[0].fortran


@pytest.mark.parametrize("function", ["savez", "savez_compressed"])
def test_npz_as_numpy_writes_it(function: str, tmp_path: Path) -> None:
    """Stored or deflated, in the order of the archive."""
    path = tmp_path / "a.npz"
    arrays = "w=np.arange(30000, dtype='f4'), b=np.ones((2, 2))"
    numpy_writes(path, f"np.{function}(path, {arrays})")
    kind, tensors = loaded(path)
    assert kind == "npz"
    assert [tensor[:3] for tensor in tensors] == [
        ("w", "F32", (30000,)),
        ("b", "F64", (2, 2)),
    ]
    assert tensors[0][3] == list(range(30000)) and tensors[1][3] == [1] * 4
    assert refusal(path, "a.npz") is None


def test_text_tables(tmp_path: Path) -> None:
    """A tensor for each run of lines as wide, under the last line of words."""
    path = tmp_path / "t"
    path.write_bytes(TABLE)
    assert loaded(path) == (
        "text",
        [
            ("2 2 1 X / 1", "decimal", (1, 2), [2, 2]),
            ("2 2 1 X / 2", "decimal", (3,), [0.5, -1.25, 0.001]),
            ("More words / 1", "decimal", (1, 3), [7, 8, 9]),
        ],
    )
    path.write_bytes(b"\n".join(b"%d.5" % n for n in range(50000)))
    ((name, _, shape, numbers),) = loaded(path)[1]
    assert (name, shape) == ("1", (50000,))
    assert numbers == [n + 0.5 for n in range(50000)]


def test_text_of_words_is_no_table(tmp_path: Path) -> None:
    """Words prevail, or a line is endless: unknown, and not refused."""
    path = tmp_path / "words"
    for data in (b"", b"nan\ninf\nx\ny\nz\n", b"cat 1\ndog 2\n", b"1" * (1 << 20)):
        path.write_bytes(data)
        assert read(open_source(path, "words", follow=False)) is None
        assert refusal(path, "words") is None


def test_safetensors(tmp_path: Path) -> None:
    """Tensors in the order of their bytes."""
    path = tmp_path / "s"
    path.write_bytes(files.two_tensors())
    assert loaded(path) == (
        "safetensors",
        [("a", "F32", (2, 2), [1, 2, 3, 4]), ("b", "F32", (3,), [5, 6, 7])],
    )
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}
    path.write_bytes(files.safetensors({"h": entry}, b"\x80\x3f\x00\xc0"))
    assert loaded(path)[1] == [("h", "BF16", (2,), [1.0, -2.0])]
    path.write_bytes(files.safetensors({}, b""))
    assert loaded(path) == ("safetensors", [])


def test_gguf(tmp_path: Path) -> None:
    """Keys of each kind are passed over; plain and quantised tensors are found."""
    path = tmp_path / "g"
    data = files.floats([1, 2, 3]) + b"\0" * 20 + bytes(18)
    tensors = [("w", (3, 1), 0, 0), ("q", (32,), 2, 32)]
    path.write_bytes(files.gguf(tensors, data, files.gguf_keys()))
    assert loaded(path) == (
        "gguf",
        [("w", "F32", (3, 1), [1, 2, 3]), ("q", "Q4_0", (32,), [0] * 18)],
    )
    path.write_bytes(files.gguf(tensors, data + b"\0" * 14, files.gguf_keys()))
    assert len(loaded(path)[1]) == 2


def test_onnx(tmp_path: Path) -> None:
    """Each way to hold numbers, at the top and in a node's attribute."""
    path = tmp_path / "o"
    minus = (1 << 64) - 2
    inner = files.onnx_tensor("", [1], 1, (9, files.floats([9])))
    attribute = files.field(1, "value") + files.field(5, inner)
    model = files.onnx(
        files.onnx_tensor("raw", [2, 1], 1, (9, files.floats([1, 2]))),
        files.onnx_tensor("floats", [2], 1, (4, files.floats([3, 4]))),
        files.onnx_tensor("doubles", [1], 11, (10, struct.pack("<d", 0.1))),
        files.onnx_tensor("longs", [2], 7, (7, files.varint(5) + files.varint(minus))),
        files.onnx_tensor("loose", [2], 6, (5, 5), (5, minus)),
        files.onnx_tensor("halves", [1], 10, (5, files.varint(0x3C00))),
        files.onnx_tensor("bytes", [2], 2, (5, b"\x01\xff\x01")),
        files.onnx_tensor("none", [0], 1),
        nodes=[files.field(4, "Constant") + files.field(5, attribute)],
    )
    path.write_bytes(model)
    assert loaded(path) == (
        "onnx",
        [
            ("node0/attribute0/tensor0", "F32", (1,), [9]),
            ("raw", "F32", (2, 1), [1, 2]),
            ("floats", "F32", (2,), [3, 4]),
            ("doubles", "F64", (1,), [0.1]),
            ("longs", "I64", (2,), [5, -2]),
            ("loose", "I32", (2,), [5, -2]),
            ("halves", "F16", (1,), [1.0]),
            ("bytes", "U8", (2,), [1, 255]),
            ("none", "F32", (0,), []),
        ],
    )
    assert refusal(path, "o") is None


def test_places_of_numbers() -> None:
    """Neighbours are one apart, over zero and over every power of two."""
    one = [0.0, -0.0, 1.0, 1.0000001192092896, -1e-45, 1e-45]
    data = files.floats(one)
    assert ordinals(DTYPES["F32"], data) == [0, 0, 0x3F800000, 0x3F800001, -1, 1]
    halves = struct.pack("<3e", 1.0, 1.0009765625, -1.0)
    assert ordinals(DTYPES["F16"], halves) == [0x3C00, 0x3C01, -0x3C00]
    assert ordinals(DTYPES["U8"], b"\0\xff") == [0, 255]
    huge = struct.pack("<2d", 1e300, 1.0)
    assert ordinals(DECIMAL, huge) == [0x7F800000, 0x3F800000]


# Small whole files of each format.
WHOLE: dict[str, bytes] = {
    "npy": files.npy(files.floats(range(6)), (2, 3)),
    "npz": files.zipped({"a.npy": files.npy(files.floats([1]), (1,))}),
    "deflated": files.zipped(
        {"a.npy": files.npy(files.floats([1] * 9), (9,))}, zipfile.ZIP_DEFLATED
    ),
    "safetensors": files.two_tensors(),
    "gguf": files.gguf(
        [("w", (3,), 0, 0), ("v", (1,), 0, 32)],
        files.floats([1, 2, 3]) + b"\0" * 20 + files.floats([4]),
        files.gguf_keys(),
    ),
    "onnx": files.onnx(files.onnx_tensor("a", [2], 1, (9, files.floats([1, 2])))),
}


@pytest.mark.parametrize("name", WHOLE)
def test_truncated_at_every_byte(name: str, tmp_path: Path) -> None:
    """No part of a file is taken for the whole; what is too short is unknown."""
    data, path = WHOLE[name], tmp_path / "f"
    path.write_bytes(data)
    whole = loaded(path)
    refused = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            weights = read(open_source(path, "f", follow=False))
        except Error as error:
            assert str(error).startswith("f: ")
            refused += 1
        else:
            # Behind its graph a model of ONNX may end anywhere between two fields.
            assert weights is None or (name == "onnx" and loaded(path) == whole)
    # Without magic numbers a part is just unknown.
    magic = {"npy": 6, "npz": 4, "deflated": 4, "safetensors": 9, "gguf": 4}
    assert refused == (len(data) - magic[name] if name in magic else 0)
    path.write_bytes(data)
    assert loaded(path) == whole


@pytest.mark.parametrize("name", WHOLE)
def test_longer_than_it_says(name: str, tmp_path: Path) -> None:
    """A byte behind the end is one too many."""
    path = tmp_path / "f"
    path.write_bytes(WHOLE[name] + b"\1")
    wanted = {
        "npy": "f: has 25 bytes after its header; 2x3 of F32 are 24",
        "npz": "f: is a zip archive that does not end with its own end record",
        "deflated": "f: is a zip archive that does not end with its own end record",
        "safetensors": "f: has 1 bytes after its last tensor",
        "gguf": "f: has 1 bytes after its last tensor",
    }
    if name in wanted:
        assert fault(path) == wanted[name]
    else:
        assert read(open_source(path, "f", follow=False)) is None


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the data with a few bytes changed, put in, taken out or doubled."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(out) or 1)
        what = chance.randrange(5)
        if what == 0:
            out[at : at + 1] = bytes([chance.randrange(256)])
        elif what == 1:
            out[at : at + 1] = (
                bytes([out[at] ^ 1 << chance.randrange(8)]) if out else b""
            )
        elif what == 2:
            out[at:at] = chance.randbytes(chance.choice((1, 2, 8)))
        elif what == 3:
            del out[at : at + chance.choice((1, 2, 8, 40))]
        else:
            out[at : at + 8] = chance.choice(
                (b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", bytes(out[-20:]))
            )
    return bytes(out)


TRIES = 2000


@pytest.mark.parametrize("name", [*WHOLE, "text"])
def test_changed_bytes_raise_nothing_but_our_error(name: str, tmp_path: Path) -> None:
    """Thousands of damaged files: read, unknown or refused with a line of text."""
    data = TABLE if name == "text" else WHOLE[name]
    chance = random.Random(f"weights {name}")
    path = tmp_path / "f"
    ends = {"read": 0, "unknown": 0, "error": 0}
    for _ in range(TRIES):
        path.write_bytes(mutated(data, chance))
        try:
            weights = read(open_source(path, "f", follow=False))
            for tensor in weights.tensors if weights else ():
                for piece in tensor.pieces():
                    values(tensor.dtype, piece)
            ends["read" if weights else "unknown"] += 1
        except Error as error:
            assert str(error).startswith("f: ") and "\n" not in str(error)
            ends["error"] += 1
        reason = refusal(path, "f")
        assert reason is None or reason.startswith("f: ")
    # Each way out was met: the changes are neither all fatal nor all harmless.
    assert ends["read"] and ends["unknown"] or ends["error"], ends
    assert [at.name for at in tmp_path.iterdir()] == ["f"]


FAULTS: dict[str, tuple[bytes, str]] = {
    "npy version": (
        b"\x93NUMPY\x07\0" + bytes(20),
        "is of the .npy version 7.0; 1 to 3",
    ),
    "npy header of 4 GB": (
        b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(20),
        "says that its header has 4294967295 bytes; at most 65536 may be",
    ),
    "npy code for a header": (
        files.npy(b"", (1,), "__import__('os').system('true')"),
        "has no header of a plain array, as NumPy writes it",
    ),
    "npy shape": (
        files.npy(b"", (1 << 40, 1 << 40)),
        f"a tensor of the shape {1 << 40}x{1 << 40} cannot be",
    ),
    "npy structure": (
        files.npy(bytes(8), (1,), "[('a', '<f4'), ('b', '<f4')]"),
        "has no header of a plain array, as NumPy writes it",
    ),
    "npy objects": (
        files.npy(b"x", (1,), "'|O'"),
        "holds Python objects, which are pickles and run code when they are loaded;"
        " save plain numbers",
    ),
    "npy objects in a structure": (
        files.npy(b"x", (1,), "[('a', '|O')]"),
        "holds Python objects, which are pickles and run code when they are loaded;"
        " save plain numbers",
    ),
    "header of 10 GB": (
        files.safetensors(b"{}", b"", 10**10),
        "says that its header has 10000000000 bytes; at most 4194304 may be",
    ),
    "header longer than the file": (
        files.safetensors(b"{}", b"", 100),
        "is truncated: 100 bytes at 8 are to be read, and it has 10",
    ),
    "deep header": (
        files.safetensors(b'{"a":' + b"[" * 100_000, b""),
        "its header is not JSON as it should be: maximum recursion depth exceeded"
        " while decoding a JSON array from a unicode string",
    ),
    "key twice": (
        files.safetensors(b'{"a":{},"a":{}}', b""),
        "its header is not JSON as it should be: a key is there twice",
    ),
    "metadata": (
        files.safetensors({"__metadata__": {"a": 1}}, b""),
        "'__metadata__' of its header is not a map of texts",
    ),
    "not an entry": (
        files.safetensors({"a": {"dtype": "F32"}}, b""),
        "tensor 'a' has not the keys ['data_offsets', 'dtype', 'shape']",
    ),
    "number too big": (
        files.safetensors(
            {"a": {"dtype": "F32", "shape": [1 << 63], "data_offsets": [0, 4]}}, b""
        ),
        "tensor 'a' has no usable shape or offsets",
    ),
    "gguf version": (
        b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
        "is of the GGUF version 9; 2 and 3 are read",
    ),
    "gguf counts": (
        files.gguf([], b"", counts=(1 << 60, 3)),
        f"says that it has {1 << 60} tensors and 3 keys; at most 100000 and 65536"
        " may be",
    ),
    "gguf text": (
        files.gguf([], b"", [struct.pack("<Q", 1 << 50)], (0, 1)),
        f"has a name of {1 << 50} bytes; at most 65535 may be",
    ),
    "gguf array of texts": (
        files.gguf([], b"", [files.text("a") + struct.pack("<IIQ", 9, 8, 1 << 60)]),
        "has more than 4000000 texts in arrays",
    ),
    "gguf array": (
        files.gguf([], b"", [files.text("a") + struct.pack("<IIQ", 9, 12, 1 << 61)]),
        f"is truncated: {1 << 64} bytes at 49",
    ),
    "gguf alignment": (
        files.gguf(
            [], b"", [files.text("general.alignment") + struct.pack("<II", 4, 7)]
        ),
        "'general.alignment' is no usable alignment",
    ),
    "gguf overlap": (
        files.gguf([("a", (8,), 0, 0), ("b", (8,), 0, 0)], bytes(64)),
        "tensor 'b' overlaps the one before",
    ),
    "gguf gap": (
        files.gguf([("a", (8,), 0, 0), ("b", (8,), 0, 64)], bytes(96)),
        "tensor 'b' leaves a gap before it",
    ),
    "gguf over the end": (
        files.gguf([("a", (8,), 0, 0)], bytes(31)),
        "tensor 'a' ends after the end of the file",
    ),
    "gguf same name": (
        files.gguf([("a", (8,), 0, 0), ("a", (8,), 0, 32)], bytes(64)),
        "two tensors have the same name",
    ),
    "onnx shape": (
        files.onnx(files.onnx_tensor("a", [3], 1, (9, bytes(8)))),
        "tensor 'a' has 8 bytes; its shape takes 12",
    ),
    "onnx shape without end": (
        files.onnx(files.onnx_tensor("a", [1 << 62], 1, (9, bytes(8)))),
        f"a tensor of the shape {1 << 62} cannot be",
    ),
    "onnx dimensions": (
        files.onnx(files.onnx_tensor("a", [1] * 65, 1, (9, bytes(4)))),
        "a tensor has more than 64 dimensions",
    ),
    "onnx data twice": (
        files.onnx(files.onnx_tensor("a", [1], 1, (9, bytes(4)), (4, bytes(4)))),
        "tensor 'a' has its data twice",
    ),
    "onnx raw twice": (
        files.onnx(files.onnx_tensor("a", [1], 1, (9, bytes(4)), (9, bytes(4)))),
        "a tensor has 'raw_data' twice",
    ),
    "onnx wrong field": (
        files.onnx(files.onnx_tensor("a", [1], 1, (5, 7))),
        "tensor 'a' has its data in a wrong field",
    ),
    "onnx count": (
        files.onnx(files.onnx_tensor("a", [3], 6, (5, 7))),
        "tensor 'a' has 1 numbers; its shape takes 3",
    ),
    "onnx two graphs": (
        files.onnx(files.onnx_tensor("a", [0], 1))
        + files.field(7, files.field(2, "again")),
        "has two graphs; readers differ on which one counts",
    ),
    "npz folder": (
        files.zipped({"a/b.npy": files.npy(b"", (0,))}),
        "member 'a/b.npy' is in a folder",
    ),
    "npz not an array": (
        files.zipped({"a.npy": b"hello"}),
        "a.npy: is truncated: 2 bytes at 6 are to be read, and it has 5",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_named(case: str, tmp_path: Path) -> None:
    """What a file says that cannot be is told, and refused as shipped weights too."""
    data, wanted = FAULTS[case]
    path = tmp_path / "f"
    path.write_bytes(data)
    assert fault(path) == f"f: {wanted}"
    assert refusal(path, "f") is not None
    assert path.read_bytes() == data and len(list(tmp_path.iterdir())) == 1


OFFSETS: dict[str, tuple[list[list[int]], int, str]] = {
    "overlap": ([[0, 8], [4, 12]], 12, "tensor 'b' overlaps the one before"),
    "same bytes": ([[0, 8], [0, 8]], 8, "tensor 'b' overlaps the one before"),
    "gap": ([[0, 8], [12, 20]], 20, "tensor 'b' leaves a gap before it"),
    "hole at the start": ([[4, 12], [12, 20]], 20, "tensor 'a' leaves a gap before it"),
    "over the end": (
        [[0, 8], [8, 16]],
        12,
        "tensor 'b' ends after the end of the file",
    ),
    "too short": ([[0, 8], [8, 12]], 12, "tensor 'b' has 4 bytes; its shape takes 8"),
    "backwards": ([[0, 8], [16, 8]], 16, "tensor 'b' has -8 bytes; its shape takes 8"),
    "left over": ([[0, 8], [8, 16]], 20, "has 4 bytes after its last tensor"),
    "negative": ([[0, 8], [-8, 0]], 8, "tensor 'b' has no usable shape or offsets"),
}


@pytest.mark.parametrize("case", OFFSETS)
def test_safetensors_offsets(case: str, tmp_path: Path) -> None:
    """Tensors lie side by side and fill the file."""
    offsets, size, wanted = OFFSETS[case]
    header = {
        name: {"dtype": "F32", "shape": [2], "data_offsets": at}
        for name, at in zip("ab", offsets)
    }
    path = tmp_path / "f"
    path.write_bytes(files.safetensors(header, bytes(size)))
    assert fault(path) == refusal(path, "f") == f"f: {wanted}"


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from dh_aibootstrap.weights import refusal
resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
print(refusal(Path(sys.argv[2]), "f"))
"""


@pytest.fixture
def refusal_in_256_mb() -> Callable[[Path], str]:
    """Return what refusal() says in a process that can have no more memory."""

    def ask(path: Path) -> str:
        words = [sys.executable, "-B", "-c", LIMITED, str(ROOT), str(path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        assert done.stderr == "" and done.returncode == 0
        return done.stdout.rstrip("\n")

    return ask


def test_huge_files_need_little_memory(
    refusal_in_256_mb: Callable[[Path], str], tmp_path: Path
) -> None:
    """Sparse files of 4 GB: what is read of them is a piece at a time, or the end."""
    path = tmp_path / "f"
    for start in (b"", b"\x93NUMPY\1\0\x76\0", b"GGUF\3\0\0\0", b"x" * 5000, b"{"):
        path.write_bytes(start)
        with open(path, "r+b") as stream:
            stream.truncate(1 << 28)
        said = refusal_in_256_mb(path)
        assert said == "None" or said.startswith("f: "), said
    header = files.safetensors(b"[" + b"[]," * 1_300_000 + b"[]]", b"")
    path.write_bytes(header.replace(b"[[]", b"{[]", 1))
    assert refusal_in_256_mb(path).startswith("f: its header is not JSON")
