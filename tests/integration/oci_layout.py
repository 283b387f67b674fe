#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oci_layout.py DIR LAYERS.json: writes an OCI image layout with the tag "image", for tests.

LAYERS.json is {"config": {...}, "layers": [[entry, ...], ...]}; an entry is
{"name": N, "type": "file|dir|link|symlink|char|fifo", "data": S, "size": N, "target": S, "mode": N, "xattrs": {K: V}}.
Names go into the archive as they stand: "../x", "/x" and whiteouts too. A layer may be {"entries": [...],
"compress": "none|gzip|zstd", "tail": N} to choose its form."""
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.LNKTYPE,
    "symlink": tarfile.SYMTYPE,
    "char": tarfile.CHRTYPE,
    "fifo": tarfile.FIFOTYPE,
}


def archive(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for e in entries:
            info = tarfile.TarInfo(e["name"])
            info.type = TYPES[e.get("type", "file")]
            info.mode = e.get("mode", 0o755 if e.get("type") == "dir" else 0o644)
            info.linkname = e.get("target", "")
            info.uid, info.gid = e.get("uid", 0), e.get("gid", 0)
            info.mtime = 1700000000
            if e.get("type") == "char":
                info.devmajor, info.devminor = e.get("major", 1), e.get("minor", 3)
            for key, value in e.get("xattrs", {}).items():
                info.pax_headers["SCHILY.xattr." + key] = value
            data = e.get("data", "").encode()
            if "size" in e:  # bytes that do not compress
                data = hashlib.shake_128(e["name"].encode()).digest(e["size"])
            info.size = len(data) if info.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(data) if info.size else None)
    return out.getvalue()


def put(directory, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(directory, "blobs", "sha256", digest), "wb") as f:
        f.write(data)
    return "sha256:" + digest, len(data)


def compressed(data, how):
    if how == "none":
        return data, "application/vnd.oci.image.layer.v1.tar"
    if how == "zstd":
        packed = subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
        return packed, "application/vnd.oci.image.layer.v1.tar+zstd"
    return gzip.compress(data, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip"


def main():
    directory, description = sys.argv[1], json.load(open(sys.argv[2]))
    os.makedirs(os.path.join(directory, "blobs", "sha256"), exist_ok=True)
    layers, diff_ids = [], []
    for layer in description["layers"]:
        layer = layer if isinstance(layer, dict) else {"entries": layer}
        data = archive(layer["entries"]) + b"\0" * layer.get("tail", 0)
        diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
        packed, media = compressed(data, layer.get("compress", "gzip"))
        digest, size = put(directory, packed)
        layers.append({"mediaType": media, "digest": digest, "size": size})
    if "diff_ids" in description:
        diff_ids = description["diff_ids"]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": description.get("config", {}),
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    digest, size = put(directory, json.dumps(config).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size},
        "layers": layers,
    }
    digest, size = put(directory, json.dumps(manifest).encode())
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": manifest["mediaType"],
                "digest": digest,
                "size": size,
                "annotations": {"org.opencontainers.image.ref.name": "image"},
            }
        ],
    }
    with open(os.path.join(directory, "index.json"), "w") as f:
        json.dump(index, f)
    with open(os.path.join(directory, "oci-layout"), "w") as f:
        json.dump({"imageLayoutVersion": "1.0.0"}, f)


main()
