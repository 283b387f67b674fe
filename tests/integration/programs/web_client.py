# SPDX-License-Identifier: Apache-2.0
"""Clients that no library makes.

    raw URL        sends stdin as it stands; prints the status of the answer
    slow URL       says a header's byte a second, and reads an answer's byte a second: prints whether it was cut off
    crowd URL      opens as many connections as it may and says nothing; prints whether another is served meanwhile
    activate CMD   becomes CMD with a listening socket as systemd hands it over
"""

import os
import socket
import sys
import time
from urllib.parse import urlsplit


def connect(url, patience=10):
    place = urlsplit(url)
    s = socket.create_connection((place.hostname, place.port), patience)
    return s, place.netloc


def ask(host):
    return f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def raw(url):
    s, _ = connect(url)
    s.sendall(sys.stdin.buffer.read())
    try:
        answer = s.recv(4096).split(b" ")
    except ConnectionResetError:
        answer = []
    print(answer[1].decode() if len(answer) > 1 else "closed")


def ended(s, until):
    """Whether the other side ends the connection while we drip bytes into it."""
    s.setblocking(False)
    while time.monotonic() < until:
        time.sleep(1)
        try:
            s.send(b"x")
            if s.recv(1) == b"":
                return True
        except BlockingIOError:
            pass
        except OSError:
            return True
    return False


def slow(url):
    speaker, host = connect(url)
    speaker.sendall(f"GET /metrics HTTP/1.1\r\nHost: {host}\r\nX: ".encode())
    place = urlsplit(url)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    reader.connect((place.hostname, place.port))
    # As many requests as fit: the answers fill every buffer between us.
    reader.setblocking(False)
    try:
        while True:
            reader.send(ask(host))
    except BlockingIOError:
        pass
    except OSError:
        pass
    begin = time.monotonic()
    spoken = ended(speaker, begin + 45)
    cut = False
    while not cut and time.monotonic() < begin + 80:
        time.sleep(0.5)
        try:
            cut = reader.recv(1) == b""
        except BlockingIOError:
            pass
        except OSError:
            cut = True
        # What lies in our own buffer can be read after the other side has gone: it takes what is sent no more.
        try:
            reader.send(b"\r\n")
        except BlockingIOError:
            pass
        except OSError:
            cut = True
    print(", ".join("cut off" if it else "kept" for it in (spoken, cut)))


def crowd(url):
    held = []
    for _ in range(80):
        try:
            held.append(connect(url, 2)[0])
        except OSError:
            break
    begin = time.monotonic()
    answer = b""
    # Whoever is silent goes after half a minute; another address would not have to wait.
    while time.monotonic() < begin + 60 and not answer.startswith(b"HTTP/1.1 200"):
        try:
            s, host = connect(url, 40)
            s.sendall(ask(host))
            answer = s.recv(64)
        except OSError:
            pass
        time.sleep(0.2)
    print("served" if answer.startswith(b"HTTP/1.1 200") else f"kept out: {answer!r}")


def activate(*command):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(8)
    if s.fileno() != 3:
        os.dup2(s.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execvp(command[0], command)


{"raw": raw, "slow": slow, "crowd": crowd, "activate": activate}[sys.argv[1]](*sys.argv[2:])
