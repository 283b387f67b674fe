#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a kubelet asks of a container engine, as far as the tests need it: no distribution packages crictl everywhere.

    cri.py SOCKET pod CGROUP HANDLER NAME              prints the pod's id
    cri.py SOCKET container POD CGROUP NAME IMAGE [NAME=VALUE...] [@ANNOTATION=VALUE...] -- COMMAND...
    cri.py SOCKET start|remove CONTAINER
    cri.py SOCKET exec CONTAINER COMMAND...            prints its output
    cri.py SOCKET remove-pod POD

gRPC is one HTTP/2 request a call, which curl makes. Messages and their fields: k8s.io/cri-api, runtime/v1/api.proto.
"""
import subprocess
import sys
import tempfile
import urllib.parse


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """A field of a message: a string, bytes of a message, a number, or a list of any."""
    if isinstance(value, list):
        return b"".join(field(number, v) for v in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(**fields):
    """message(_1="x", _2=[...]): fields by number; None is left out."""
    return b"".join(field(int(k[1:]), v) for k, v in fields.items() if v is not None)


def parse(data):
    """The fields of a message by number; those that stand several times, the last."""
    out, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return n

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            out[tag >> 3] = number()
        else:
            size = number()
            out[tag >> 3] = data[at : at + size]
            at += size
    return out


def call(socket, method, body):
    with tempfile.NamedTemporaryFile() as headers:
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "120", "--http2-prior-knowledge", "--unix-socket", socket, "-D", headers.name,
             "-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@-",
             "http://localhost/runtime.v1.RuntimeService/" + method],
            input=b"\0" + len(body).to_bytes(4, "big") + body, stdout=subprocess.PIPE, check=True)
        said = {}
        for line in open(headers.name, encoding="utf-8"):
            name, _, value = line.strip().partition(":")
            said[name] = value.strip()
    if said.get("grpc-status") != "0":
        sys.exit("%s: %s" % (method, urllib.parse.unquote(said.get("grpc-message", "no answer"))))
    return parse(done.stdout[5:])


NODE = 2  # the host's own network: no CNI


def pod_config(cgroup, name):
    security = message(_1=message(_1=NODE))
    return message(_1=message(_1=name, _2="uid-" + name, _3="nvb", _4=1), _3="/tmp", _8=message(_1=cgroup, _2=security))


def pairs(words):
    return [message(_1=w.split("=", 1)[0], _2=w.split("=", 1)[1]) for w in words]


def container_config(name, image, words, command):
    capabilities = message(_1=message(_1="MKNOD"))
    return message(_1=message(_1=name), _2=message(_1=image), _3=command,
                   _6=pairs(w for w in words if not w.startswith("@")),
                   _10=pairs(w[1:] for w in words if w.startswith("@")),
                   _15=message(_2=message(_1=capabilities, _3=message(_1=NODE))))


def main(socket, verb, *words):
    if verb == "pod":
        cgroup, handler, name = words
        print(call(socket, "RunPodSandbox", message(_1=pod_config(cgroup, name), _2=handler))[1].decode())
    elif verb == "container":
        pod, cgroup, name, image, *rest = words
        split = rest.index("--")
        config = container_config(name, image, rest[:split], rest[split + 1 :])
        print(call(socket, "CreateContainer",
                   message(_1=pod, _2=config, _3=pod_config(cgroup, "pod")))[1].decode())
    elif verb == "start":
        call(socket, "StartContainer", message(_1=words[0]))
    elif verb == "exec":
        answer = call(socket, "ExecSync", message(_1=words[0], _2=list(words[1:]), _3=60))
        sys.stdout.buffer.write(answer.get(1, b""))
        sys.stderr.buffer.write(answer.get(2, b""))
        sys.stdout.flush()
        sys.exit(answer.get(3, 0))
    elif verb == "remove":
        call(socket, "StopContainer", message(_1=words[0]))
        call(socket, "RemoveContainer", message(_1=words[0]))
    elif verb == "remove-pod":
        call(socket, "StopPodSandbox", message(_1=words[0]))
        call(socket, "RemovePodSandbox", message(_1=words[0]))
    else:
        sys.exit("no such verb: " + verb)


main(*sys.argv[1:])
