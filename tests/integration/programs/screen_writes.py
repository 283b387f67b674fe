#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""screen_writes.py COLUMNS LINES SECONDS COMMAND...

Runs a command that draws a screen on a terminal of its own (xterm's language) and follows what it writes, cell by cell.
Flicker is a cell that shows something in between: one that within one redraw is written more than once, with something
else than it comes to show. Prints one line: redraws, bytes of the median and of the longest, clears of the whole screen,
redraws with cells that flickered (two redraws that come together, where this gets no time between them, look like one).
Fails on what it does not understand.
"""
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time

columns, lines, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
QUIET = 0.03  # a redraw ends when nothing more comes for that long
TOKEN = re.compile(r"\x1b\[([?>=]?)([0-9;]*)([@A-Za-z`])|\x1b([()][0AB])|\x1b([78=>M])|([\x00-\x1f\x7f])|([^\x1b\x00-\x1f\x7f]+)", re.S)


class Screen:
    def __init__(self):
        self.cells = [[" "] * columns for _ in range(lines)]
        self.y = self.x = 0
        self.last = " "
        self.clears = 0
        self.begin()

    def begin(self):
        self.written = {}  # in this redraw: what each cell was made to show, in turn

    def put(self, y, x, c):
        if 0 <= y < lines and 0 <= x < columns:
            self.written.setdefault((y, x), []).append(c)
            self.cells[y][x] = c

    def flickered(self):
        return any(c != shown[-1] for shown in self.written.values() for c in shown)

    def text(self, text):
        for c in text:
            if self.x == columns:
                self.y, self.x = self.y + 1, 0
            self.put(self.y, self.x, c)
            self.last = c
            self.x += 1

    def erase(self, cells):
        for y, x in cells:
            self.put(y, x, " ")

    def control(self, private, parameters, final):
        numbers = [int(p or 0) for p in parameters.split(";")] if parameters else []
        n = numbers[0] if numbers and numbers[0] else 1
        if private or final in "mhlrt":
            return
        if final == "H":
            self.y = n - 1
            self.x = (numbers[1] if len(numbers) > 1 and numbers[1] else 1) - 1
        elif final in "ABCDGd":
            if final == "A": self.y -= n
            if final == "B": self.y += n
            if final == "C": self.x += n
            if final == "D": self.x -= n
            if final == "G": self.x = n - 1
            if final == "d": self.y = n - 1
        elif final == "X":
            self.erase((self.y, x) for x in range(self.x, self.x + n))
        elif final == "b":
            self.text(self.last * n)
        elif final == "K":
            kind = numbers[0] if numbers else 0
            self.erase((self.y, x) for x in range(self.x if kind == 0 else 0, self.x + 1 if kind == 1 else columns))
        elif final == "J":
            kind = numbers[0] if numbers else 0
            if kind >= 2 or (kind == 0 and (self.y, self.x) == (0, 0)):
                self.clears += 1
            first = 0 if kind else self.y * columns + self.x
            self.erase((i // columns, i % columns) for i in range(first, columns * lines))
        elif final in "P@":
            row = self.cells[self.y][:]
            moved = row[:self.x] + (row[self.x + n:] + [" "] * n if final == "P" else [" "] * n + row[self.x:])
            for x in range(self.x, columns):
                if moved[x] != row[x]:
                    self.put(self.y, x, moved[x])
        else:
            sys.exit(f"not understood: ESC [ {parameters} {final}")

    def feed(self, text):
        at = 0
        while at < len(text):
            m = TOKEN.match(text, at)
            if not m:
                sys.exit(f"not understood: {text[at:at + 12]!r}")
            if m.group(3): self.control(m.group(1), m.group(2), m.group(3))
            elif m.group(6) == "\r": self.x = 0
            elif m.group(6) == "\n": self.y += 1
            elif m.group(6) == "\b": self.x -= 1
            elif m.group(6) == "\t": self.x = (self.x // 8 + 1) * 8
            elif m.group(7): self.text(m.group(7))
            at = m.end()


pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
    os.execvp(sys.argv[4], sys.argv[4:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def redraw(patience):
    """What is written until it is quiet again; b"" when nothing comes."""
    data = b""
    while select.select([terminal], [], [], QUIET if data else patience)[0]:
        try:
            got = os.read(terminal, 65536)
        except OSError:
            break
        if not got:
            break
        data += got
    return data


screen = Screen()
begun = time.monotonic()
while time.monotonic() - begun < 1.5:  # the first screen, and what the new size of the terminal brings
    screen.feed(redraw(1.5).decode())
screen.clears = 0
sizes, flickered = [], 0
begun = time.monotonic()
while time.monotonic() - begun < seconds:
    data = redraw(seconds)
    screen.begin()
    screen.feed(data.decode())
    flickered += screen.flickered()
    sizes.append(len(data))
os.write(terminal, b"q")
redraw(2)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
for row in screen.cells:
    print("# " + "".join(row).rstrip())
print(f"redraws={len(sizes)} median={int(statistics.median(sizes))} longest={max(sizes)} clears={screen.clears} flickering={flickered}")
