# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves of a learning: measured generations, and pictures of the same bytes."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from nn_support import run, write_subset

from gnubg_nn.chart import Chart, Line, draw

SVG = "{http://www.w3.org/2000/svg}"


def test_a_chart_shows_each_line_where_its_numbers_are() -> None:
    lines = [
        Line("a & b", [(0, 0.0), (1000, 0.5), (2000, 1.0)], [0.25, 0.25, 0.25]),
        Line("beyond", [(0, 2.0), (2000, -2.0)]),
    ]
    picture = draw([Chart("Title", "generation", lines, 0.0, 1.0, 0.5)])
    root = ElementTree.fromstring(picture)
    first, second = root.findall(f"{SVG}polyline")
    # 70 to 570 across; 1.0 at 40 down to 0.0 at 255.
    assert first.get("points") == "70,255 320,147.5 570,40"
    # What lies beyond the axis is held at its end.
    assert second.get("points") == "70,40 570,255"
    texts = [element.text for element in root.findall(f"{SVG}text")]
    assert {"Title", "generation", "a & b", "beyond"} <= set(texts)
    ticks = [
        (element.get("x"), element.text)
        for element in root.findall(f"{SVG}text")
        if element.get("y") == "273"
    ]
    assert ticks == [
        ("70", "0"),
        ("195", "500"),
        ("320", "1 000"),
        ("445", "1 500"),
        ("570", "2 000"),
    ]
    bars = [line for line in root.findall(f"{SVG}line") if line.get("x1") == "320"]
    assert ("93.8", "201.2") in [(b.get("y2"), b.get("y1")) for b in bars]
    assert draw([Chart("Title", "generation", lines, 0.0, 1.0, 0.5)]) == picture


def test_curves_of_kept_generations(
    debian_weights: Path, engine_folder: Path, tmp_path: Path
) -> None:
    learnt, data, out = (tmp_path / name for name in ("learnt", "data", "out"))
    learnt.mkdir()
    for number in (2, 10, 40):
        shutil.copy(debian_weights, learnt / f"generation-{number}.weights")
    rows = [f"{number}\tfirst\t50\t2500\t0.1\n" for number in range(12)]
    (learnt / "learning.tsv").write_text("".join(rows))
    write_subset(data, 20)
    arguments = ["--engine", engine_folder, "--learnt", learnt, "--data", data]
    arguments += ["--against", debian_weights, "--out", out, "--games", 8]
    done = run("curve", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = (out / "curve.tsv").read_text().splitlines()
    assert lines == done.stdout.splitlines()
    head = "generation games contact crashed race ppg ppg_error"
    assert lines[0].split("\t") == head.split()
    # A generation that the list of games doesn't reach is left out; nobody wins
    # anything of himself.
    found = [line.split("\t") for line in lines[1:]]
    assert [row[:2] for row in found] == [["2", "100"], ["10", "500"]]
    assert [row[5:] for row in found] == [["+0.0000", "0.0000"]] * 2
    picture = ElementTree.parse(out / "curve.svg")
    texts = [element.text for element in picture.findall(f"{SVG}text")]
    # Across go the generations, which the phases share more evenly than the games.
    assert texts.count("generation") == 2
    assert {"2", "10"} <= set(texts) and "100" not in texts


def test_a_folder_without_generations(
    debian_weights: Path, engine_folder: Path, tmp_path: Path
) -> None:
    data = write_subset(tmp_path / "data", 20)
    (tmp_path / "learning.tsv").write_text("0\tfirst\tmany\n")
    arguments = ["--engine", engine_folder, "--learnt", tmp_path, "--data", data]
    arguments += ["--against", debian_weights, "--out", tmp_path / "out"]
    done = run("curve", *arguments)
    assert (done.returncode, done.stderr) == (
        1,
        f"gnubg_nn.curve: error: {tmp_path / 'learning.tsv'}:1: expected GENERATION,"
        " PHASE, GAMES, ...\n",
    )
    (tmp_path / "learning.tsv").write_text("0\tfirst\t50\n")
    done = run("curve", *arguments)
    assert (done.returncode, done.stderr) == (
        1,
        f"gnubg_nn.curve: error: {tmp_path}: no generation-N.weights: not a folder of"
        " learn\n",
    )
    assert not (tmp_path / "out").exists()
