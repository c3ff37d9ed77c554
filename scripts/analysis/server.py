"""A PostgreSQL server for one run, from local programs, in a folder of its own; gone with its `with`."""

import contextlib
import glob
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def program(name):
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    assert found, f"{name} of PostgreSQL is not installed"
    return found


@contextlib.contextmanager
def postgres():
    """Its variables of the environment, as libpq reads them, and `DATABASE_URL`."""
    # The server refuses to run as root.
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="heygen-sync-pg-") as folder:
        if as_owner:
            shutil.chown(folder, "postgres")
        data, port = str(pathlib.Path(folder, "data")), free_port()

        def run(name, *arguments):
            command = [*as_owner, program(name), "-D", data, *arguments]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        run("initdb", "-N", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield {
                "PGHOST": "127.0.0.1",
                "PGPORT": str(port),
                "PGUSER": "postgres",
                "PGDATABASE": "postgres",
                "DATABASE_URL": f"postgres://postgres@127.0.0.1:{port}/postgres",
            }
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
