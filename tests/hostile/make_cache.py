#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_cache.py KIND: an ld.so.cache in the format of glibc 2.2 and later that is well-formed and means harm."""
import struct
import sys

LIBC6_X86_64 = 0x0303
EXTENSION = 0xEAA42174


def cache(entries, strings, extension=b""):
    """Entries are (flags, offset of the name, offset of the path, hwcap), the offsets counted from the strings'."""
    start = 48 + 24 * len(entries)
    body = b"".join(struct.pack("<iIIIQ", f, (start + k) & 0xFFFFFFFF, (start + v) & 0xFFFFFFFF, 0, h) for f, k, v, h in entries)
    at = (start + len(strings) + 3) & ~3
    head = b"glibc-ld.so.cache1.1" + struct.pack("<IIBxxxI12x", len(entries), len(strings), 2, at if extension else 0)
    out = head + body + strings
    return out + b"\0" * (at - len(out)) + extension if extension else out


def far_offsets():
    return cache([(LIBC6_X86_64, 0x7FFFFFF0, 0xFFFFFFF0, 0), (LIBC6_X86_64, 0, 1 << 31, 0)] * 500, b"libx.so\0/lib/libx.so\0")


def one_long_string():
    text = b"lib" + b"1" * 200 + b".so\0" + b"/" * 4000 + b"\0"
    return cache([(LIBC6_X86_64, i % 100, 210, 0) for i in range(30000)], text)


def directories():
    """Each entry in a directory of its own, each of which is a way out."""
    text, entries = b"libsecret.so.1\0", []
    for i in range(2000):
        entries.append((LIBC6_X86_64, 0, len(text), 0))
        text += b"/usr/" + b"../" * (i % 300) + b"outside/lib/../" * (i % 7) + b"%d/libsecret.so.1\0" % i
    return cache(entries, text)


def hwcaps():
    """More names of hardware variants than there are, some of them nowhere."""
    count = 5000
    text = b"libcuda.so.1\0/usr/lib/x86_64-linux-gnu/libcuda.so.1\0" + b"".join(b"h%d\0" % i for i in range(count))
    names = struct.pack("<%dI" % count, *range(100, 100 + count))
    entries = [(LIBC6_X86_64, 0, 13, (1 << 62) | i) for i in range(count)]
    at = (48 + 24 * count + len(text) + 3) & ~3
    table = struct.pack("<II", EXTENSION, 1) + struct.pack("<IIII", 1, 0, at + 24, len(names))
    return cache(entries, text, table + names)


def many_paths():
    """As many libraries as fit, all by the driver's name."""
    text = b"libcuda.so.1\0" + b"/outside/lib/libsecret\0"
    return cache([(LIBC6_X86_64, 0, 13, 0)] * 80000, text)


KINDS = {f.__name__.replace("_", "-"): f for f in (far_offsets, one_long_string, directories, hwcaps, many_paths)}
sys.stdout.buffer.write(KINDS[sys.argv[1]]())
