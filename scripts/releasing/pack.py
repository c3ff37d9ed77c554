"""Packs a folder as .tar.gz, the same bytes each time: pack.py FOLDER ARCHIVE

Entries are sorted, owned by root, and dated SOURCE_DATE_EPOCH.
"""

import gzip
import os
import sys
import tarfile
from pathlib import Path


def entry(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = int(os.environ["SOURCE_DATE_EPOCH"])
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info


def pack(folder: Path, archive: Path) -> None:
    with open(archive, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(folder, folder.name, filter=entry)  # sorted by tarfile


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
