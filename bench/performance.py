#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""performance.py [--check] RAW.json DOC.md: the numbers in docs/performance.md from the raw ones of `bolt benchmark`.

A number there has behind it, in a comment, what it is: `33.0 ms<!--= bolt total p50 -->`, a quantile of a subject's metric;
or two of these with - or / between. Without --check each is written anew; with it each must be what it says, a line of a
table has no other measured number, and a cell without a measurement says so.
"""
import json
import re
import sys

UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
NUMBER = re.compile(r"(\S+) (ns|us|ms|s|times)<!--= ([^>]*?) -->")


def quantile(values, q):
    values = sorted(v for v in values if v is not None)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def evaluate(series, words):
    parts = words.split()
    value = quantile(series[parts[0], parts[1]], int(parts[2].lstrip("p")) / 100)
    if len(parts) == 3:
        return value
    other = quantile(series[parts[4], parts[5]], int(parts[6].lstrip("p")) / 100)
    return {"-": value - other, "/": value / other}[parts[3]]


def written(value, unit):
    value /= UNITS.get(unit, 1)
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def check_cells(text):
    """Of a table whose head has measured columns, these hold numbers that say what they are, or none."""
    wrong, measured = [], []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            measured = []
        elif not measured and any("measured" in cell.lower() for cell in cells):
            measured = [i for i, cell in enumerate(cells) if "measured" in cell.lower()]
        elif not set(line) <= set("|- :"):
            for i in measured:
                rest = NUMBER.sub("", cells[i])
                if re.search(r"\d\s*((ns|us|ms|s|times)\b|%)", rest):
                    wrong.append(f"a number that does not say what it is: {cells[i]}")
                if rest == cells[i] and "not measured" not in rest:
                    wrong.append(f"neither a measurement nor 'not measured': {cells[i]}")
    return wrong


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    raw = json.load(open(arguments[0]))
    text = open(arguments[1]).read()
    series = {(s["subject"], s["metric"]): s["values"] for s in raw["series"]}
    wrong = []

    def replace(match):
        now = written(evaluate(series, match[3]), match[2])
        if now != match[1]:
            wrong.append(f"{match[3]}: {match[1]} {match[2]} stands there, it is {now}")
        return f"{now} {match[2]}<!--= {match[3]} -->"

    new = NUMBER.sub(replace, text)
    if "--check" not in sys.argv:
        open(arguments[1], "w").write(new)
        return 0
    if not NUMBER.search(text):
        wrong.append("no number")
    wrong += check_cells(text)
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
