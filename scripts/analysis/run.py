"""Runs the blocks of code of docs/analysis.md in a folder with a real heygen.db, and looks at what
they made. A block stands behind a marker that says what becomes of it:

    <!-- run -->          sh by bash, python by python, sql by DuckDB, which must give rows
    <!-- file: PATH -->   is written to PATH
    <!-- serve -->        Datasette, asked for its pages while it runs

A block without a marker is an error. Arguments: the repository, the folder.
"""

import json
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

import duckdb

REPOSITORY, FOLDER = map(pathlib.Path, sys.argv[1:])
FENCE = re.compile(r"(?:<!-- (run|serve|file: (\S+)) -->\n)?```(\w*)\n(.*?)^```$", re.S | re.M)
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
    """Two polls, a week apart: a name differs and an avatar has gone for another."""
    first = (REPOSITORY / "examples/saved-response.json").read_text()
    later = first.replace("Jonas Standing", "Jonas").replace("Akiko_greenhouse_public", "Bo")
    for day, body in (("2026-11-02", first), ("2026-11-09", later)):
        (FOLDER / "saved.json").write_text(body)
        run("heygen-sync", "sync", "--from", "saved.json", "--observed-at", day)


def run_block(language, code):
    if language == "sh":
        run("bash", "-euo", "pipefail", "-c", code)
    elif language == "python":
        run(sys.executable, "-c", code)
    elif language == "sql":
        rows = duckdb.sql(code).fetchall()
        assert rows, f"no rows: {code}"
    else:
        sys.exit(f"nobody knows how to run {language}")


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


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


def serve(code):
    port = free_port()
    # On a busy machine a facet takes longer than usual; one that is not done is left out.
    patience = ["--setting", "facet_time_limit_ms", "60000", "--setting", "sql_time_limit_ms", "60000"]
    server = subprocess.Popen([*code.split(), "--port", str(port), *patience], cwd=FOLDER)
    try:
        look_at_datasette(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(30)


def look_at_datasette(site):
    metadata = json.loads((FOLDER / "metadata.json").read_text())
    assert metadata["title"] in get(f"{site}/")
    tables = metadata["databases"]["heygen"]["tables"]
    pages = 0
    for name, table in tables.items():
        if table.get("hidden"):
            continue
        told = json.loads(get(f"{site}/heygen/{name}.json"))
        wanted = {f if isinstance(f, str) else f["array"] for f in table.get("facets", [])}
        shown = {facet["name"] for facet in told["facet_results"].values()}
        assert shown == wanted, f"{name}: facets {shown}, not {wanted}"
        page = get(f"{site}/heygen/{name}")
        for text in (table["title"], table["description"], *list(table["columns"].values())[:1]):
            text = text.replace("'", "&#39;")
            assert text in page, f"{name}: {text}"
        pages += 1
    genders = json.loads(get(f"{site}/heygen/avatars.json"))["facet_results"]["gender"]["results"]
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


def main():
    os.chdir(FOLDER)
    make_database()
    count = 0
    for marker, path, language, code in FENCE.findall((REPOSITORY / "docs/analysis.md").read_text()):
        count += 1
        print(f"--- {marker or 'no marker'}: {code.strip().splitlines()[0]}", flush=True)
        if path:
            (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
            (FOLDER / path).write_text(code)
        elif marker == "serve":
            serve(code)
        elif marker == "run":
            run_block(language, code)
        else:
            sys.exit(f"docs/analysis.md: a block without a marker: {code}")
    look_at_parquet()
    print(f"all {count} snippets of docs/analysis.md run")


main()
