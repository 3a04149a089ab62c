# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`aibootstrap diff`: what two files of weights have in common, and what not."""

from __future__ import annotations

import json
import math
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support import weight_files as files  # noqa: E402
from support.tree import Done, Tree  # noqa: E402

Diff = Callable[..., Done]


@pytest.fixture
def diff(tree: Tree, tmp_path: Path) -> Diff:
    """Return a function that writes two files and compares them."""

    def run(old: bytes | None, new: bytes | None, *options: str) -> Done:
        for name, data in (("old", old), ("new", new)):
            if data is not None:
                (tmp_path / name).write_bytes(data)
        words = ["aibootstrap", "diff", *options, "old", "new"]
        done = tree.run(words, folder=tmp_path)
        for name, data in (("old", old), ("new", new)):
            assert data is None or (tmp_path / name).read_bytes() == data
        return done

    return run


def tensors(**numbers: list[float]) -> bytes:
    """Return a safetensors file of these tensors."""
    header, data = {}, b""
    for name, values in numbers.items():
        packed = files.floats(values)
        at = [len(data), len(data) + len(packed)]
        entry = {"dtype": "F32", "shape": [len(values)], "data_offsets": at}
        header[name] = entry
        data += packed
    return files.safetensors(header, data)


def test_equal(diff: Diff) -> None:
    """Identical files, and files that differ only outside of their tensors."""
    same = files.two_tensors()
    done = diff(same, same)
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == (
        "a: 2x2 F32: equal\n"
        "b: 3 F32: equal\n"
        "2 of 2 tensors are equal\n"
        "the files are identical\n"
    )
    done = diff(same, same.replace(b"by hand", b"by arms"))
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == (
        "a: 2x2 F32: equal\n"
        "b: 3 F32: equal\n"
        "2 of 2 tensors are equal\n"
        "the files differ outside of the numbers of their tensors\n"
    )


def test_figures(diff: Diff) -> None:
    """Each figure as worked out by hand."""
    near = struct.unpack("<f", struct.pack("<I", 0x3F800005))[0]
    old = tensors(w=[3.0, 0.0, 1.0, -1.0], x=[1.0], gone=[1.0], s=[1.0, 2.0])
    new = tensors(w=[3.0, 4.0, near, -1.0], x=[1.0], more=[1.0], s=[1.0])
    done = diff(old, new, "--json")
    assert (done.status, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    w, x, gone, s, more = found.pop("tensors")
    assert found.pop("old")["format"] == found.pop("new")["format"] == "safetensors"
    assert found == {"format": 1, "identical": False, "equal": False}
    gap = near - 1.0
    four = {"dtype": "F32", "shape": [4], "order": "c"}
    norms = math.sqrt(11), math.sqrt(26 + near * near)
    assert w == {
        "name": "w",
        "status": "different",
        "old": four,
        "new": four,
        "count": 4,
        "different": 2,
        "non_finite": [0, 0],
        "max": 4.0,
        "rms": pytest.approx(math.sqrt((16 + gap * gap) / 4), rel=1e-15),
        "relative_l2": pytest.approx(math.sqrt((16 + gap * gap) / 11), rel=1e-15),
        "cosine": pytest.approx((10 + near) / (norms[0] * norms[1]), rel=1e-15),
        "ulp": {"0": 2, "4-7": 1, "1073741824-2147483647": 1},
    }
    assert x["status"] == "equal" and x["cosine"] == 1.0 and x["ulp"] == {"0": 1}
    assert (gone["name"], gone["status"], "new" in gone) == ("gone", "removed", False)
    assert (more["name"], more["status"], "old" in more) == ("more", "added", False)
    assert (s["status"], s["old"]["shape"], s["new"]["shape"]) == ("shape", [2], [1])
    done = diff(old, new)
    assert (done.status, done.stderr) == (1, "")
    assert done.stdout == (
        "w: 4 F32: 2 of 4 differ, max 4, rms 2, relative L2 1.20604538,"
        " cosine 0.638284759; ULP 0: 2, 4-7: 1, 1024 and more: 1\n"
        "x: 1 F32: equal\n"
        "gone: 1 F32: only in the old file\n"
        "s: 2 F32 -> 1 F32: not comparable\n"
        "more: 1 F32: only in the new file\n"
        "1 of 5 tensors are equal\n"
    )


def test_numbers_that_are_not_finite(diff: Diff) -> None:
    """They are counted, and JSON stays JSON."""
    old = tensors(w=[math.nan, 1.0, math.inf], z=[math.nan])
    new = tensors(w=[math.nan, 2.0, 3.0], z=[math.nan])
    done = diff(old, new, "--json")
    w, z = json.loads(done.stdout, parse_constant=pytest.fail)["tensors"]
    assert (w["different"], w["non_finite"], w["max"]) == (2, [2, 1], 1.0)
    assert w["ulp"] == {"8388608-16777215": 1}
    assert (z["status"], z["non_finite"], z["max"]) == ("equal", [1, 1], None)
    assert diff(old, old).stdout.splitlines()[0] == (
        "w: 3 F32: equal; not finite: 2 old, 2 new"
    )


def test_signs_of_zero_and_huge_numbers(diff: Diff) -> None:
    """0 and -0 differ and are no place apart; sums that overflow are not said."""
    done = diff(tensors(w=[0.0]), tensors(w=[-0.0]), "--json")
    (w,) = json.loads(done.stdout)["tensors"]
    assert (done.status, w["different"], w["max"], w["ulp"]) == (1, 1, 0.0, {"0": 1})
    assert w["cosine"] is w["relative_l2"] is None
    huge = files.npy(struct.pack("<2d", 1e308, -1e308), (2,), "'<f8'")
    other = files.npy(struct.pack("<2d", -1e308, 1e308), (2,), "'<f8'")
    done = diff(huge, other, "--json")
    (w,) = json.loads(done.stdout, parse_constant=pytest.fail)["tensors"]
    assert (done.status, w["max"], w["rms"], w["cosine"]) == (1, None, None, None)


def test_across_formats(diff: Diff) -> None:
    """Numbers of other formats are compared by value, without places."""
    double = files.npy(struct.pack("<2d", 0.5, 0.1), (2,), "'<f8'")
    old = files.zipped({"w.npy": double}, zipfile.ZIP_DEFLATED)
    done = diff(old, tensors(w=[0.5, 0.1]), "--json")
    (w,) = json.loads(done.stdout)["tensors"]
    assert (done.status, w["different"], w["ulp"]) == (1, 1, None)
    assert w["max"] == pytest.approx(1.49e-9, rel=1e-2)
    assert diff(old, tensors(w=[0.5, 0.1])).stdout.startswith(
        "w: 2 F64 -> 2 F32: 1 of 2 differ, max 1.49011611e-09"
    )


def test_order_of_arrays(diff: Diff) -> None:
    """Arrays that lie in another order are not compared number by number."""
    data = files.npy(files.floats(range(4)), (2, 2))
    other = data.replace(b"'fortran_order': False", b"'fortran_order': True", 1)
    other = other[:-17] + b" \n" + other[-16:]
    done = diff(data, other)
    assert done.status == 1
    assert done.stdout.splitlines()[0] == (
        "array: 2x2 F32 -> 2x2 F32 Fortran order: not comparable"
    )


def test_text_and_quantised(diff: Diff) -> None:
    """Decimal numbers take single precision's places; blocks go byte by byte."""
    done = diff(b"net\n0.5000000\n1\n", b"net\n0.50000006\n1.0\n", "--json")
    (w,) = json.loads(done.stdout)["tensors"]
    assert (w["name"], w["different"], w["ulp"]) == ("net / 1", 1, {"0": 1, "1": 1})
    block = files.gguf([("q", (32,), 2, 0)], bytes(18))
    other = files.gguf([("q", (32,), 2, 0)], bytes(16) + b"\1\1")
    done = diff(block, other)
    assert (done.status, done.stdout.splitlines()[0]) == (
        1,
        "q: 32 Q4_0: 2 of 18 differ",
    )


def test_texts_in_models(diff: Diff) -> None:
    """Tensors of texts are compared too, each text for itself."""

    def model(*texts: bytes) -> bytes:
        parts = [(6, text) for text in texts]
        return files.onnx(files.onnx_tensor("t", [2], 8, *parts))

    assert diff(model(b"ab", b"c"), model(b"ab", b"c")).status == 0
    for other in (model(b"a", b"bc"), model(b"ab", b"d"), model(b"abc")):
        done = diff(model(b"ab", b"c"), other)
        assert (done.status, done.stderr) == (1, "")
        assert done.stdout.startswith("t: 2 onnx type 8: ")


def test_big_tensors(diff: Diff) -> None:
    """Over many pieces; one number in the last of them is found."""
    numbers = [float(n) for n in range(100_001)]
    done = diff(tensors(w=numbers), tensors(w=[*numbers[:-1], 0.0]), "--json")
    (w,) = json.loads(done.stdout)["tensors"]
    assert (w["count"], w["different"], w["max"]) == (100_001, 1, 100_000.0)
    assert w["ulp"]["0"] == 100_000


def test_json_is_the_same_everywhere(diff: Diff, tree: Tree, tmp_path: Path) -> None:
    """Neither the names of the files, the locale nor the hash seed enter."""
    old, new = tensors(b=[1.0], a=[2.0]), tensors(a=[2.5], b=[1.0], c=[0.0])
    wanted = diff(old, new, "--json").stdout
    (tmp_path / "x").mkdir()
    (tmp_path / "x/one").write_bytes(old)
    (tmp_path / "x/two").symlink_to("../new")
    for seed, locale in (("0", "C"), ("1", "C.UTF-8"), ("77", "POSIX")):
        extra = {"PYTHONHASHSEED": seed, "LC_ALL": locale}
        words = ["aibootstrap", "diff", "--json", "one", "two"]
        done = tree.run(words, folder=tmp_path / "x", extra=extra)
        assert done.stdout == wanted


@pytest.mark.parametrize(
    ("old", "text"),
    [
        (None, "old: cannot be read: No such file or directory"),
        (
            b"hello\n",
            "old: is in no format that is read: text tables, .npy, .npz, safetensors,"
            " ONNX, GGUF",
        ),
        (files.two_tensors()[:-1], "old: tensor 'b' ends after the end of the file"),
        (
            files.npy(b"x", (1,), "'|O'"),
            "old: holds Python objects, which are pickles and run code when they are"
            " loaded; save plain numbers",
        ),
    ],
    ids=["missing", "unknown", "truncated", "objects"],
)
def test_trouble_is_neither_equal_nor_different(
    old: Any, text: str, diff: Diff, tmp_path: Path
) -> None:
    """What cannot be read ends with 2, on one line."""
    done = diff(old, files.two_tensors())
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == f"aibootstrap: error: {text}\n"
