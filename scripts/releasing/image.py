"""Makes a container image as an OCI archive without a container engine:
image.py PROGRAM LICENCES VERSION ARCHIVE

It holds what the Dockerfile's image holds: the program, the libraries of this machine that it is linked
to, certificate authorities, and a user; and the licences of all of them. The same files give the same bytes.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
USER = 10001
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
FILES = {
    "etc/passwd": f"heygen:x:{USER}:{USER}::/data:/sbin/nologin\n",
    "etc/group": f"heygen:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# What this machine's packages say of the libraries and of the authorities.
COPYRIGHTS = ("usr/share/doc/libc6/copyright", "usr/share/doc/ca-certificates/copyright")


def tarball(files: dict[str, tuple[bytes, int]], folders: dict[str, int]) -> bytes:
    """A tar with these files (content and mode) and folders (owner)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        parents = {str(parent) for name in files for parent in Path(name).parents} - {"."}
        for name in sorted(parents | set(folders)):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, EPOCH
            info.uid = info.gid = folders.get(name, 0)
            tar.addfile(info)
        for name, (content, mode) in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(content), mode, EPOCH
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def root(program: Path, licences: Path) -> bytes:
    files = {name: (text.encode(), 0o644) for name, text in FILES.items()}
    files["usr/local/bin/heygen-sync"] = (program.read_bytes(), 0o755)
    files["usr/share/doc/heygen-sync/LICENCES-OF-DEPENDENCIES.txt"] = (licences.read_bytes(), 0o644)
    for name in COPYRIGHTS:
        files[name] = (Path("/", name).read_bytes(), 0o644)
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    files["etc/ssl/certs/ca-certificates.crt"] = (authorities.read_bytes(), 0o644)
    linked = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for library in re.findall(r"/\S+", linked):
        files[library.lstrip("/")] = (Path(library).read_bytes(), 0o755)
    return tarball(files, {"data": USER})


def main(program: Path, licences: Path, version: str, archive: Path) -> None:
    blobs: dict[str, bytes] = {}

    def blob(content: bytes, media_type: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    layer = root(program, licences)
    created = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = {
        "created": created,
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Env": ["PATH=/usr/local/bin"],
            "Entrypoint": ["heygen-sync"],
            "Cmd": ["daemon"],
            "WorkingDir": "/data",
            "Volumes": {"/data": {}},
            "Labels": {
                "org.opencontainers.image.title": "heygen-sync",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": created, "created_by": "scripts/releasing/image.py"}],
    }
    kind = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{kind}.config.v1+json"),
        "layers": [blob(gzip.compress(layer, 9, mtime=0), f"{kind}.layer.v1.tar+gzip")],
    }
    described = blob(json.dumps(manifest).encode(), f"{kind}.manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": version}
    blobs["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()
    blobs["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    archive.write_bytes(tarball({name: (content, 0o644) for name, content in blobs.items()}, {}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
