#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Expected scores for the differential test of ScoreMath, from exact fractions.

The inputs are not stored: both sides derive them from sha256, so the file holds results only. Written from the
specification, not from the contract: points of each part as fractions, rounded down once.

    python3 tools/score_vectors.py           writes test/vectors/scores.json
    python3 tools/score_vectors.py --check   fails if the file is another
"""

import hashlib
import json
import pathlib
import sys
from fractions import Fraction
from math import ceil, floor

COUNT = 10_000
CHUNK = 500
FILE = pathlib.Path(__file__).resolve().parent.parent / "test" / "vectors" / "scores.json"

ETHER = 10**18
YEAR = 365 * 24 * 3600
TEN_TERABYTES = 10 * 10**12


def draw(case, field, maximum, *landmarks):
    """A number up to `maximum`: often an edge or a landmark, else anything."""
    digest = hashlib.sha256(b"score" + case.to_bytes(4, "big") + bytes([field])).digest()
    edges = [0, 1, maximum - 1, maximum, *landmarks]
    choice = digest[0] % 16
    if choice < len(edges):
        return edges[choice]
    return int.from_bytes(digest[1:], "big") % (maximum + 1)


def inputs(case):
    minimum = ETHER // 10 + draw(case, 0, 100 * ETHER - ETHER // 10)
    full = 3 * minimum
    cuts = sorted(draw(case, 1 + i, 1000) for i in range(3))
    usual = draw(case, 4, 1) == 1
    weights = [300, 300, 200, 200] if usual else [b - a for a, b in zip([0, *cuts], [*cuts, 1000])]
    return {
        "weights": weights,
        "minimum": minimum,
        "stake": draw(case, 5, 400 * ETHER, full, full - 1, full // 3),
        "uptime": draw(case, 6, ETHER),
        "points": [draw(case, 7 + i, 10_000) for i in range(3)],
        "age": draw(case, 10, 3 * YEAR, YEAR, YEAR - 1),
        "volume": draw(case, 11, 3 * TEN_TERABYTES, TEN_TERABYTES, TEN_TERABYTES - 1),
        "offences": draw(case, 12, 4),
        "ordinal": 1 + draw(case, 13, 99),
        "online": draw(case, 14, 1) == 1,
    }


def results(x):
    uptime_weight, quality_weight, stake_weight, history_weight = x["weights"]
    uptime = uptime_weight * Fraction(x["uptime"], ETHER)
    quality = sum(Fraction(quality_weight, 3) * Fraction(points, 10_000) for points in x["points"])
    stake = min(Fraction(stake_weight), stake_weight * Fraction(x["stake"], 3 * x["minimum"]))

    # Of 200 points: age up to 80, volume up to 80, a clean record 40, one offence 20.
    age = 80 * min(Fraction(1), Fraction(x["age"], YEAR))
    volume = 80 * min(Fraction(1), Fraction(x["volume"], TEN_TERABYTES))
    record = {0: 40, 1: 20}.get(x["offences"], 0)
    history = (age + volume + record) * Fraction(history_weight, 200) / x["ordinal"]

    observed = ETHER if x["online"] else 0
    average = x["uptime"] + Fraction(5, 100) * (observed - x["uptime"])
    return [floor(value) for value in (uptime, quality, stake, history)], ceil(average)


def packed(case):
    parts, average = results(inputs(case))
    return b"".join(part.to_bytes(2, "big") for part in parts) + average.to_bytes(8, "big")


def main():
    chunks = [
        "0x" + b"".join(packed(case) for case in range(start, start + CHUNK)).hex()
        for start in range(0, COUNT, CHUNK)
    ]
    text = json.dumps({"count": COUNT, "chunk": CHUNK, "chunks": chunks}, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if FILE.read_text() != text:
            sys.exit(f"{FILE} is not what this script writes")
    else:
        FILE.write_text(text)


if __name__ == "__main__":
    main()
