#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deny_device.py CGROUP-DIRECTORY MAJOR MINOR

Attaches one more device program to a control group of version 2, beside the container's own: of several, all must agree.
It refuses one device and allows every other, as the program does that systemd attaches at a 'daemon-reload' from rules
which lack the device. It stays attached when this ends, until the group is removed.
"""
import ctypes
import os
import platform
import struct
import sys

BPF_PROG_LOAD, BPF_PROG_ATTACH = 5, 8
BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI = 15, 6, 2
NUMBER = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    attributes = attributes.ljust(128, b"\0")
    got = libc.syscall(NUMBER, command, attributes, len(attributes))
    if got < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return got


def instruction(code, to, source, jump, value):
    return struct.pack("<BBhi", code, to | source << 4, jump, value)


directory, major, minor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
# struct bpf_cgroup_dev_ctx: access_type, major, minor; r1 leads to it, r0 is the answer.
program = b"".join([
    instruction(0x61, 2, 1, 4, 0),      # r2 = major
    instruction(0x61, 3, 1, 8, 0),      # r3 = minor
    instruction(0xB7, 0, 0, 0, 1),      # r0 = 1: allowed
    instruction(0x55, 2, 0, 2, major),  # another major: to the end
    instruction(0x55, 3, 0, 1, minor),  # another minor: to the end
    instruction(0xB7, 0, 0, 0, 0),      # r0 = 0: refused
    instruction(0x95, 0, 0, 0, 0),      # the end
])
code = ctypes.create_string_buffer(program)
licence = ctypes.create_string_buffer(b"Apache-2.0")
loaded = bpf(BPF_PROG_LOAD, struct.pack("<IIQQ", BPF_PROG_TYPE_CGROUP_DEVICE, len(program) // 8,
                                        ctypes.addressof(code), ctypes.addressof(licence)))
group = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
bpf(BPF_PROG_ATTACH, struct.pack("<IIII", group, loaded, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI))
