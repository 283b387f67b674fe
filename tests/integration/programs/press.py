# SPDX-License-Identifier: Apache-2.0
# press.py SHELL-WORD... -- TEXT EXPECTED [TEXT EXPECTED]...: starts a shell on a terminal, types each text and waits until
# the screen shows what is expected behind it. Ends with 1, and what was shown, when it does not within 30 seconds.
import os
import pty
import re
import select
import signal
import sys
import time

separator = sys.argv.index("--")
shell, steps = sys.argv[1:separator], sys.argv[separator + 1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell[0], shell)

shown = ""


def wait_for(pattern):
    global shown
    end = time.monotonic() + 30
    while not re.search(pattern, shown):
        left = end - time.monotonic()
        ready = left > 0 and select.select([terminal], [], [], left)[0]
        try:
            data = os.read(terminal, 65536) if ready else b""
        except OSError:
            data = b""
        if not data:
            print("never shown: %s\nshown: %r" % (pattern, shown))
            return False
        # What a cursor does is not text.
        shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", data.decode(errors="replace"))
    return True


good = True
for text, expected in zip(steps[::2], steps[1::2]):
    shown = ""
    os.write(terminal, text.encode().decode("unicode_escape").encode())
    good = wait_for(expected)
    if not good:
        break
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
sys.exit(not good)
