# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""gnubg.weights, version 1.00: reader, writer, and the gate before release.

The text is one line of version, then for each net a header (inputs, hidden, outputs,
0, beta hidden, beta output) and one number per line: hidden weights input by input,
output weights output by output, hidden biases, output biases
(lib/neuralnet.c:265-302).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy as np

from .errors import NNError
from .files import read_file, write_file
from .net import BETA_HIDDEN, BETA_OUTPUT, OUTPUTS, Floats, Net

VERSION_LINE = "GNU Backgammon 1.00"
MAX_BYTES = 64 << 20
MAX_NETS = 16
MAX_SIZE = 4096

_HEADER = re.compile(r"(\d{1,9}) (\d{1,9}) (\d{1,9}) (\S{1,15}) (\S+) (\S+)")
# At most 30 digits before the point: what matches is a finite float32.
_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?")


@dataclass(frozen=True)
class NetSpec:
    """What a net of the file must be."""

    name: str
    inputs: int
    hidden: int


# Order of the loader (eval.c:698-721); shapes of eval.c:192-196 and eval.h:39-50.
NETS = (
    NetSpec("contact", 250, 128),
    NetSpec("race", 214, 128),
    NetSpec("crashed", 250, 128),
    NetSpec("pruning-contact", 200, 16),
    NetSpec("pruning-crashed", 200, 16),
    NetSpec("pruning-race", 200, 8),
)


@dataclass(frozen=True)
class ReadNet:
    """A net and the line of its header."""

    net: Net
    line: int


def _lines(path: Path, data: bytes) -> list[str]:
    try:
        return data.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NNError(f"{path}:{line}: not plain text: not a weights file") from None


def _numbers(path: Path, lines: list[str], start: int, count: int) -> Floats:
    """Return `count` finite float32 out of lines[start:]."""
    part = lines[start : start + count]
    for offset, text in enumerate(part):
        if not _NUMBER.fullmatch(text):
            place = f"{path}:{start + offset + 1}"
            raise NNError(f"{place}: {text[:40]!r}: expected a decimal number")
    if len(part) < count:
        found = f"{len(part)} numbers of {count}"
        raise NNError(f"{path}:{len(lines)}: the file ends early: {found}")
    return np.array(part, np.float64).astype(np.float32)


def _read_header(
    path: Path, line: int, text: str
) -> tuple[int, int, int, float, float]:
    match = _HEADER.fullmatch(text)
    if not match:
        expected = "expected INPUTS HIDDEN OUTPUTS 0 BETA BETA"
        raise NNError(f"{path}:{line}: {text[:40]!r}: {expected}")
    sizes = [int(match[index]) for index in (1, 2, 3)]
    betas = [match[5], match[6]]
    if not all(1 <= size <= MAX_SIZE for size in sizes):
        raise NNError(f"{path}:{line}: sizes {sizes}: each must be 1 to {MAX_SIZE}")
    for beta in betas:
        if not _NUMBER.fullmatch(beta) or not 0 < float(beta) < 1e6:
            raise NNError(f"{path}:{line}: beta {beta[:20]!r}: expected a number > 0")
    return sizes[0], sizes[1], sizes[2], float(betas[0]), float(betas[1])


def parse_weights(path: Path, data: bytes) -> list[ReadNet]:
    """Return the nets of a weights file's bytes, whatever their number and shapes.

    Raises NNError, with file and line, for anything that is not such a file.
    """
    lines = _lines(path, data)
    if not lines or lines[0] != VERSION_LINE:
        found = lines[0][:40] if lines else ""
        raise NNError(f"{path}:1: version {found!r}: expected {VERSION_LINE!r}")
    nets: list[ReadNet] = []
    at = 1
    while at < len(lines):
        if len(nets) == MAX_NETS:
            raise NNError(f"{path}:{at + 1}: more than {MAX_NETS} nets")
        header = at + 1
        inputs, hidden, outputs, beta_h, beta_o = _read_header(path, header, lines[at])
        counts = [inputs * hidden, outputs * hidden, hidden, outputs]
        values = _numbers(path, lines, header, sum(counts))
        w1, w2, b1, b2 = np.split(values, np.cumsum(counts)[:-1])
        w1, w2 = w1.reshape(inputs, hidden), w2.reshape(outputs, hidden)
        nets.append(ReadNet(Net(w1, w2, b1, b2, beta_h, beta_o), header))
        at = header + sum(counts)
    return nets


def _passed(path: Path, data: bytes) -> list[Net]:
    """Return the six nets of a weights file's bytes, once they pass the gate.

    gnubg itself checks neither number, order nor shape of the nets, and its vector
    code reads past the end when the hidden units are no multiple of 8.
    """
    found = parse_weights(path, data)
    for spec, read in zip(NETS, found):
        place = f"{path}:{read.line}: {spec.name} net"
        inputs, hidden, outputs = read.net.shape
        if (inputs, outputs) != (spec.inputs, OUTPUTS):
            expected = f"{spec.inputs} inputs and {OUTPUTS} outputs"
            raise NNError(f"{place}: {inputs} and {outputs}: expected {expected}")
        if hidden % 8:
            raise NNError(f"{place}: {hidden} hidden units: expected a multiple of 8")
        betas = (read.net.beta_hidden, read.net.beta_output)
        if betas != (BETA_HIDDEN, BETA_OUTPUT):
            expected = f"{BETA_HIDDEN} and {BETA_OUTPUT}"
            raise NNError(f"{place}: betas {betas[0]} and {betas[1]}: not {expected}")
    if len(found) != len(NETS):
        line = found[len(NETS)].line if len(found) > len(NETS) else 1
        raise NNError(f"{path}:{line}: {len(found)} nets: expected {len(NETS)}")
    return [read.net for read in found]


def read_weights(path: Path) -> list[Net]:
    """Return the six nets of a weights file that passes the gate; NNError if not."""
    return _passed(path, read_file(path, MAX_BYTES, "weights file"))


def read_binary(path: Path) -> list[Net]:
    """Return the six nets of a gnubg.wd made on this machine's kind of processor.

    Two float32 (magic 472.3782, version 1.00), then for each net three uint32, an
    int32, two float32 and the arrays, all in native order (lib/neuralnet.c:305-337).
    """
    data = read_file(path, MAX_BYTES, "gnubg.wd")
    if data[:8] != np.array([472.3782, 1.0], np.float32).tobytes():
        raise NNError(f"{path}: not a gnubg.wd 1.00 of this byte order")
    nets, at = [], 8
    for spec in NETS:
        shape = np.frombuffer(data[at : at + 12].ljust(12, b"\0"), np.uint32).tolist()
        if shape != [spec.inputs, spec.hidden, OUTPUTS]:
            raise NNError(f"{path}: {spec.name} net: sizes {shape}: not those of 1.00")
        sizes = [spec.inputs * spec.hidden, OUTPUTS * spec.hidden, spec.hidden, OUTPUTS]
        at += 24
        part = data[at : at + 4 * sum(sizes)]
        if len(part) != 4 * sum(sizes):
            raise NNError(f"{path}: {spec.name} net: the file ends early")
        values = np.frombuffer(part, np.float32)
        at += 4 * sum(sizes)
        w1, w2, b1, b2 = np.split(values, np.cumsum(sizes)[:-1])
        nets.append(Net(w1.reshape(spec.inputs, -1), w2.reshape(OUTPUTS, -1), b1, b2))
    return nets


def format_weights(nets: Sequence[Net]) -> bytes:
    """Return the text of a weights file; numbers as C's %.7f writes them."""
    lines = [VERSION_LINE]
    for net in nets:
        inputs, hidden, outputs = net.shape
        betas = f"{net.beta_hidden:.7f} {net.beta_output:.7f}"
        lines.append(f"{inputs} {hidden} {outputs} 0 {betas}")
        for array in net.arrays():
            lines.extend("%.7f" % value for value in array.ravel().tolist())
    return ("\n".join(lines) + "\n").encode("ascii")


def write_weights(path: Path, nets: Sequence[Net]) -> None:
    """Write the six nets to `path`, all or nothing, once they pass the gate."""
    for spec, net in zip(NETS, nets):
        if not all(np.isfinite(array).all() for array in net.arrays()):
            raise NNError(f"{path}: {spec.name} net: numbers that are not finite")
    data = format_weights(nets)
    _passed(path, data)
    write_file(path, data)
