"""Runs the blocks of code of docs/analysis.md in a folder with a real heygen.db, and looks at what
they made. A block stands behind a marker that says what becomes of it:

    <!-- run -->          sh by bash, python by python, sql by DuckDB, which must give rows
    <!-- file: PATH -->   is written to PATH
    <!-- serve -->        Datasette, asked for its pages while it runs; with `: 1.0` that version

A block without a marker is an error. What speaks of PostgreSQL runs with its variables, on a copy of
the database. Arguments: the repository, the folder, the folder of Datasette 1.0's programs.
"""

import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

import duckdb
import duckdb_extensions

from server import free_port, postgres

REPOSITORY, FOLDER, NEWER = map(pathlib.Path, sys.argv[1:])
FENCE = re.compile(
    r"(?:<!-- (run|serve|serve: 1\.0|file: (\S+)) -->\n)?```(\w*)\n(.*?)^```$", re.S | re.M
)
TYPES = {
    "text": "VARCHAR",
    "JSON": "VARCHAR",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP WITH TIME ZONE",
}


def run(*command):
    subprocess.run(command, cwd=FOLDER, check=True)


def make_database():
    """Two polls, a week apart: a name differs and an avatar has gone for another. Two of now: a group
    and a voice."""
    first = (REPOSITORY / "examples/saved-response.json").read_text()
    later = first.replace("Jonas Standing", "Jonas").replace("Akiko_greenhouse_public", "Bo")
    group = {"id": "mira", "name": "Mira", "looks_count": 2}
    voice = {"voice_id": "calm", "name": "Calm", "language": "English", "type": "public"}
    page = {"has_more": False, "next_token": None}
    polls = [
        ("avatars", first, ["--observed-at", "2026-11-02"]),
        ("avatars", later, ["--observed-at", "2026-11-09"]),
        ("avatar_groups", json.dumps({"data": [group], **page}), []),
        ("voices", json.dumps({"data": [voice], **page}), []),
    ]
    for catalogue, body, when in polls:
        (FOLDER / "saved.json").write_text(body)
        run("heygen-sync", "sync", "--from", "saved.json", "--catalogue", catalogue, *when)


def run_block(language, code, server):
    # A command of heygen-sync is about the file, unless it is told otherwise.
    if re.search(r"DATABASE_URL|--target server", code):
        os.environ.update(server)
    else:
        [os.environ.pop(name, None) for name in server]
    if language == "sh":
        run("bash", "-euo", "pipefail", "-c", code)
    elif language == "python":
        run(sys.executable, "-c", code)
    elif language == "sql":
        rows = duckdb.sql(code).fetchall()
        assert rows, f"no rows: {code}"
    else:
        sys.exit(f"nobody knows how to run {language}")


def get(url, patience=60):
    """The page; waits while nobody listens yet."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.status == 200, url
                return answer.read().decode()
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def serve(code, programs):
    port = free_port()
    # On a busy machine a facet takes longer than usual; one that is not done is left out.
    patience = ["--setting", "facet_time_limit_ms", "60000", "--setting", "sql_time_limit_ms", "60000"]
    name, *arguments = code.split()
    command = [programs / name, *arguments, "--port", str(port), *patience]
    server = subprocess.Popen(command, cwd=FOLDER)
    try:
        look_at_datasette(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(30)


def facets(told):
    """The facets of a page in either form."""
    return told["facet_results"].get("results", told["facet_results"])


def look_at_datasette(site):
    metadata = json.loads((FOLDER / "metadata.json").read_text())
    assert metadata["title"] in get(f"{site}/")
    tables = metadata["databases"]["heygen"]["tables"]
    pages = 0
    for name, table in tables.items():
        if table.get("hidden"):
            continue
        told = json.loads(get(f"{site}/heygen/{name}.json?_extra=facet_results"))
        wanted = {f if isinstance(f, str) else f["array"] for f in table.get("facets", [])}
        shown = {facet["name"] for facet in facets(told).values()}
        assert shown == wanted, f"{name}: facets {shown}, not {wanted}"
        page = get(f"{site}/heygen/{name}")
        for text in (table["title"], table["description"], *list(table["columns"].values())[:1]):
            text = text.replace("'", "&#39;")
            assert text in page, f"{name}: {text}"
        pages += 1
    told = json.loads(get(f"{site}/heygen/avatars.json?_extra=facet_results"))
    genders = facets(told)["gender"]["results"]
    assert {g["value"]: g["count"] for g in genders} == {"female": 3, "male": 1, "unknown": 2}, genders
    print(f"Datasette: the front page and {pages} tables and views, each with its facets")


def dictionary():
    """The type of each column of each table, as docs/data-dictionary.md tells it."""
    types, table = {}, None
    for line in (REPOSITORY / "docs/data-dictionary.md").read_text().splitlines():
        if line.startswith("### "):
            table = types.setdefault(line[4:], {})
        elif column := re.match(r"\| `(\w+)` \| (\w+) \|", line):
            table[column[1]] = column[2]
    return types


def look_at_parquet():
    """Types by the dictionary, values as SQLite has them."""
    tables = dictionary()
    for file, table, order in (
        ("avatars", "avatars", "account, avatar_id"),
        ("avatar_history", "avatar_history", "account, avatar_id, version"),
        ("changes", "changes", "poll_id, kind, item_id, field NULLS FIRST"),
    ):
        described = duckdb.sql(f"DESCRIBE FROM '{file}.parquet'").fetchall()
        for column, kind, *_ in described:
            expected = TYPES[tables[table].get(column, "text")]
            assert kind == expected, f"{file}.{column} is {kind}, not {expected}"
        columns = [column for column, *_ in described if column in tables[table]]
        times = [column for column in columns if tables[table][column] == "time"]
        as_text = ", ".join(
            f"strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')"
            if column in times
            else f"CAST({column} AS INTEGER)"
            if tables[table][column] == "boolean"
            else column
            for column in columns
        )
        read = duckdb.sql(f"SELECT {as_text} FROM '{file}.parquet' ORDER BY {order}").fetchall()
        where = " WHERE removed_at IS NULL" if file == "avatars" else ""
        with sqlite3.connect(FOLDER / "heygen.db") as database:
            sql = f"SELECT {', '.join(columns)} FROM {table}{where} ORDER BY {order}"
            told = database.execute(sql).fetchall()
        assert read == told and told, f"{file}: {read} is not {told}"
        print(f"{file}.parquet: {len(described)} columns of the right types, {len(read)} rows alike")


def look_at_duckdb(server):
    """Every table and view of both databases is queried, with the types of the dictionary."""
    types = {**TYPES, "JSON": ("JSON", "VARCHAR[]")}
    for kind, place in (("sqlite", "heygen.db"), ("postgres", server["DATABASE_URL"])):
        connection = duckdb.connect()
        connection.sql(f"ATTACH '{place}' AS heygen (TYPE {kind}, READ_ONLY)")
        connection.sql((FOLDER / "heygen.sql").read_text())
        tables = dictionary()
        del tables["search_names"]
        for table, columns in tables.items():
            connection.sql(f"FROM {table}").fetchall()
            for name, told, *_ in connection.sql(f"DESCRIBE {table}").fetchall():
                assert told in types[columns[name]], f"{kind} {table}.{name} is {told}"
        print(f"DuckDB on {kind}: {len(tables)} tables and views of the right types")


def main():
    os.chdir(FOLDER)
    for name in ("sqlite_scanner", "postgres_scanner"):
        duckdb_extensions.import_extension(name)
    make_database()
    with postgres() as server:
        run("heygen-sync", "copy", "--from", "heygen.db", "--to", server["DATABASE_URL"])
        run_blocks(server)
        look_at_duckdb(server)
    look_at_parquet()


def run_blocks(server):
    count = 0
    for marker, path, language, code in FENCE.findall((REPOSITORY / "docs/analysis.md").read_text()):
        count += 1
        print(f"--- {marker or 'no marker'}: {code.strip().splitlines()[0]}", flush=True)
        if path:
            (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / path).write_text(code)
        elif marker == "serve":
            serve(code, pathlib.Path(sys.executable).parent)
        elif marker:
            serve(code, NEWER) if "1.0" in marker else run_block(language, code, server)
        else:
            sys.exit(f"docs/analysis.md: a block without a marker: {code}")
    print(f"all {count} snippets of docs/analysis.md run")


main()
