#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A picture of a terminal: reads what `tmux capture-pane -e -p` prints, writes SVG.

    screen_svg.py COLUMNS LINES TITLE <capture >picture.svg
"""
import html
import re
import sys
import unicodedata

CELL_W, CELL_H, PAD, BAR = 8.4, 17, 10, 26
FOREGROUND, BACKGROUND = "#d8dee9", "#10141c"
NBSP = "\u00a0"  # browsers do not agree on which spaces of a picture count
BASIC = ["#2b303b", "#e0616a", "#8fc97a", "#e6c15c", "#6da2e0", "#c48ad6", "#62c3c9", "#d8dee9",
         "#5b6270", "#ff7b85", "#a9e08f", "#ffd973", "#8abaf5", "#dda6ee", "#7fdbe0", "#ffffff"]


def colour(number):
    if number < 16:
        return BASIC[number]
    if number < 232:
        number -= 16
        levels = [0, 95, 135, 175, 215, 255]
        return "#%02x%02x%02x" % (levels[number // 36], levels[number // 6 % 6], levels[number % 6])
    grey = 8 + (number - 232) * 10
    return "#%02x%02x%02x" % (grey, grey, grey)


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.fg = self.bg = None
        self.bold = self.dim = self.reverse = False

    def apply(self, codes):
        codes = [int(c or 0) for c in codes.split(";")] if codes else [0]
        while codes:
            c = codes.pop(0)
            if c == 0:
                self.reset()
            elif c == 1:
                self.bold = True
            elif c == 2:
                self.dim = True
            elif c == 7:
                self.reverse = True
            elif c == 22:
                self.bold = self.dim = False
            elif c == 27:
                self.reverse = False
            elif c in (38, 48) and len(codes) >= 2 and codes[0] == 5:
                codes.pop(0)
                setattr(self, "fg" if c == 38 else "bg", colour(codes.pop(0)))
            elif 30 <= c <= 37:
                self.fg = colour(c - 30)
            elif 90 <= c <= 97:
                self.fg = colour(c - 82)
            elif 40 <= c <= 47:
                self.bg = colour(c - 40)
            elif c == 39:
                self.fg = None
            elif c == 49:
                self.bg = None

    def key(self):
        fg, bg = self.fg or FOREGROUND, self.bg
        if self.reverse:
            fg, bg = bg or BACKGROUND, fg
        return fg, bg, self.bold, self.dim


def runs(line, columns):
    """Pieces of one style: (column, text, key)."""
    style, column, out = Style(), 0, []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            style.apply(part[2:-1])
            continue
        for char in re.sub(r"\x1b.", "", part):
            width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
            if column + width > columns:
                break
            if out and out[-1][2] == style.key() and out[-1][0] + len(out[-1][1]) == column:
                out[-1][1] += char
            else:
                out.append([column, char, style.key()])
            column += width
    return out


def main():
    columns, lines, title = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    text = sys.stdin.buffer.read().decode("utf-8", "replace").split("\n")[:lines]
    width, height = columns * CELL_W + 2 * PAD, lines * CELL_H + PAD + BAR + 6
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
          f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{html.escape(title)}">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>')
    print('<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">')
    print(f'<text x="{PAD}" y="18" fill="#7b8494" font-size="12">{html.escape(title)}</text>')
    for y, line in enumerate(text):
        for column, piece, (fg, bg, bold, dim) in runs(line, columns):
            x, top = PAD + column * CELL_W, BAR + y * CELL_H
            if bg:
                print(f'<rect x="{x:.1f}" y="{top}" width="{len(piece) * CELL_W:.1f}" height="{CELL_H}" fill="{bg}"/>')
            if piece.strip():
                # Every letter at its place, whatever font there is.
                print(f'<text x="{x:.1f}" y="{top + 13}" textLength="{len(piece) * CELL_W:.1f}" fill="{fg}"'
                      f'{" font-weight=" + chr(34) + "bold" + chr(34) if bold else ""}'
                      f'{" opacity=" + chr(34) + "0.6" + chr(34) if dim else ""}>{html.escape(piece.replace(" ", NBSP))}</text>')
    print("</g></svg>")


main()
