"""Lays out the pages of the site for mdBook: pages.py PROGRAM FOLDER

Pages of docs/ and of the top folder lie side by side there. A link to another file of the repository
leads to its address, the `repository` of Cargo.toml. Two pages are made: the commands, of their --help, and
the configuration, of the comments in config.toml.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
REPOSITORY = tomllib.loads(Path("Cargo.toml").read_text())["package"]["repository"]
BOOK = f"""[book]
title = "heygen-sync"
language = "en"
src = "src"

[build]
build-dir = "html"
create-missing = false

[output.html]
git-repository-url = "{REPOSITORY}"
"""
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")


def page(source: Path, pages: dict[str, str]) -> str:
    """The text of a page, with its links as they are in the site."""

    def moved(found: re.Match) -> str:
        target, _, fragment = found[2].partition("#")
        if not target or "://" in target:
            return found[0]
        file = os.path.normpath(source.parent / target)
        if not Path(file).exists() and file not in pages:
            raise SystemExit(f"{source}: {target} does not exist")
        if file in pages:
            target = pages[file]
        elif file.startswith("docs/screenshots/") or file == "docs/openapi.json":
            target = file.removeprefix("docs/")
        else:
            target = f"{REPOSITORY}/blob/main/{file}"
        return found[1] + target + (f"#{fragment}" if fragment else "") + found[3]

    text = source.read_text()
    # Only outside of blocks of code.
    parts = re.split(r"(^ *```.*?^ *```)", text, flags=re.M | re.S)
    return "".join(part if at % 2 else LINK.sub(moved, part) for at, part in enumerate(parts))


def commands(program: str) -> str:
    """Every command's help, as it is printed."""

    def printed(*words: str) -> str:
        env = {**os.environ, "COLUMNS": "96", "NO_COLOR": "1"}
        return subprocess.run([program, *words], check=True, capture_output=True, text=True, env=env).stdout

    def below(text: str) -> list[str]:
        listed = re.search(r"^Commands:\n((?:  .*\n)+)", text, flags=re.M)
        names = re.findall(r"^  (\S+)", listed[1], flags=re.M) if listed else []
        return [name for name in names if name != "help"]

    out = ["# Command reference\n\nMade of `heygen-sync COMMAND --help`.\n"]

    def describe(words: list[str]) -> None:
        text = printed(*words, "--help")
        name = " ".join(["heygen-sync", *words])
        out.append(f"\n{'#' * (2 + max(0, len(words) - 1))} {name}\n\n```text\n{text.strip()}\n```\n")
        for verb in below(text):
            describe([*words, verb])

    describe([])
    return "".join(out)


def configuration() -> str:
    """config.toml, section by section; the comments before a key are its meaning."""
    out = ["# Configuration reference\n\nMade of [config.toml](config.toml), which has every key with its default.\n"]
    notes: list[str] = []
    begun = False  # whether the head of the file is over

    def text() -> str:
        joined = "\n".join(notes).strip().replace("<", "&lt;")
        notes.clear()
        return f"\n{joined}\n" if joined else ""

    def sections(line: str) -> str | None:
        found = re.match(r"#?\[+([a-z]+)\]+$", line)
        return found and found[1]

    seen = set()
    for line in Path("config.toml").read_text().splitlines():
        if (name := sections(line)) is not None:
            if name not in seen:
                seen.add(name)
                out.append(f"\n## {name}\n")
            out.append(text())
        elif re.match(r"#?[a-z_]+ = ", line):
            if not begun and "## " not in out[-1]:
                out.append("\n## The top of the file\n")
            begun = True
            key, default = line.lstrip("#").split(" = ", 1)
            note = "not set; for example" if line.startswith("#") else "default"
            out.append(f"\n### {key}\n\n{note}: `{default}`\n" + text())
        elif line.startswith("#"):
            notes.append(line.lstrip("# ").rstrip())
        elif not line and not begun:
            out.append(text())
    return "".join(out)


def main(program: str, folder: Path) -> None:
    source = folder / "src"
    source.mkdir(parents=True)
    (folder / "book.toml").write_text(BOOK)
    pages = {f"docs/{file.name}": file.name for file in Path("docs").glob("*.md")}
    pages |= {name: name.replace("README", "index") for name in TOP}
    made = {"command-reference.md": commands(program), "configuration-reference.md": configuration()}
    pages |= {f"docs/{name}": name for name in made}
    for file, name in pages.items():
        if name not in made:
            text = Path(file).read_text() if name == "SUMMARY.md" else page(Path(file), pages)
            (source / name).write_text(text)
    for name, text in made.items():
        (source / name).write_text(text.replace("(config.toml)", f"({REPOSITORY}/blob/main/config.toml)"))
    shutil.copytree("docs/screenshots", source / "screenshots")
    shutil.copy("docs/openapi.json", source)
    listed = set(re.findall(r"\(([^)]+\.md)\)", (source / "SUMMARY.md").read_text()))
    left = set(pages.values()) - listed - {"SUMMARY.md"}
    if left:
        raise SystemExit(f"docs/SUMMARY.md does not list {', '.join(sorted(left))}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
