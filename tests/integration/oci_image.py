#!/usr/bin/env -S python3 -S
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes images of OCI and of 'docker save' for tests: oci_image.py KIND OUT [--config JSON] [--arch ARCH]
[--pack gzip|zstd|none] LAYER...

KIND: layout (a folder), saved (the folder that docker save packed until version 25). LAYER: a tar."""
import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["layout", "saved"])
parser.add_argument("out")
parser.add_argument("--config", default="{}")
parser.add_argument("--arch", default="amd64")
parser.add_argument("--pack", default="gzip", choices=["gzip", "zstd", "none"])
parser.add_argument("--name", default="latest")
parser.add_argument("layers", nargs="*")
args = parser.parse_intermixed_args()


def digest(data):
    return hashlib.sha256(data).hexdigest()


def write(path, data):
    path = os.path.join(args.out, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def blob(kind, data, **more):
    write("blobs/sha256/" + digest(data), data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest(data), "size": len(data),
            **more}


def packed(data):
    if args.pack == "gzip":
        return gzip.compress(data, mtime=0), "layer.v1.tar+gzip"
    if args.pack == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout, \
            "layer.v1.tar+zstd"
    return data, "layer.v1.tar"


tars = [open(path, "rb").read() for path in args.layers]
config = json.dumps({
    "architecture": args.arch, "os": "linux", "config": json.loads(args.config),
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(tar) for tar in tars]},
}).encode()

shutil.rmtree(args.out, ignore_errors=True)
if args.kind == "layout":
    layers = []
    for tar in tars:
        data, kind = packed(tar)
        layers.append(blob(kind, data))
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": blob("config.v1+json", config), "layers": layers}).encode()
    index = blob("manifest.v1+json", manifest, annotations={"org.opencontainers.image.ref.name": args.name},
                 platform={"architecture": args.arch, "os": "linux"})
    write("index.json", json.dumps({"schemaVersion": 2, "manifests": [index]}).encode())
    write("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
else:
    names = []
    for number, tar in enumerate(tars):
        names.append(f"{number:064x}/layer.tar")
        write(names[-1], tar)
        write(f"{number:064x}/VERSION", b"1.0")
    write(digest(config) + ".json", config)
    write("manifest.json", json.dumps([{"Config": digest(config) + ".json", "RepoTags": ["it:" + args.name],
                                        "Layers": names}]).encode())
