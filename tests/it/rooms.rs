//! Modules (rooms) only use those in lower layers, no two files import each other, and each module
//! keeps out of what it must not know. The compiler would accept violations; these tests do not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The layers, from the top. A module may use those in lower layers, and of its own layer only
/// those named in [`ALLOWED`].
const FLOORS: [&[&str]; 9] = [
    &["main"],
    &["cli"],
    &["daemon", "web", "mcp"],
    &["answers"],
    &["poll", "notify", "verify", "feed", "metrics", "ids"],
    &["archive"],
    &["heygen", "mirror", "store", "config"],
    &["catalog"],
    &["error", "time", "words", "system"],
];

/// Exceptions within a layer: the settings are read; the mirror's queue is stored, and a poll writes
/// the notices about it.
const ALLOWED: [(&str, &str); 5] = [
    ("heygen", "config"),
    ("mirror", "config"),
    ("mirror", "store"),
    ("store", "config"),
    ("poll", "notify"),
];

type Rule = (&'static [&'static str], Option<&'static [&'static str]>, &'static str);

/// Restricted words, the modules that may contain them (`None`: all but the catalogue), and why.
const KEPT_OUT: [Rule; 5] = [
    (
        &["sqlx", "reqwest", "tokio", "std::fs", "std::net", "Utc::now", "async fn"],
        None,
        "the core is pure",
    ),
    (
        &["Utc::now", "SystemTime::now", "Local::now", "Clock::system"],
        Some(&["main", "daemon", "time"]),
        "time comes in by argument",
    ),
    (&["sqlx::"], Some(&["store"]), "only the store knows SQL"),
    (
        &["std::os::", "rustix::", "signal::unix", "signal::windows", "cfg(unix)", "target_os"],
        Some(&["system"]),
        "the rest is the same on every operating system",
    ),
    (
        &["ApiVersion::V2", "ApiVersion::V3"],
        Some(&["poll"]),
        "the compiler asks for each `match` of a new version; the rest does not know them by name",
    ),
];

/// A file of `src` and the module that it belongs to.
struct File {
    path: PathBuf,
    room: String,
    code: String,
}

#[test]
fn arrows_between_rooms_only_go_down() {
    let mut upward = vec![];
    for file in files() {
        for (line, target) in targets(&file.code) {
            if !may_know(&file.room, &target) {
                upward.push(format!("{}: {} → {target}: {line}", file.path.display(), file.room));
            }
        }
    }
    assert_eq!(upward, Vec::<String>::new());
}

#[test]
fn an_upward_arrow_is_found_however_it_is_written() {
    for code in [
        "use crate::store::Store;",
        "use crate::{\n    error::Error,\n    store::{Store, lock},\n};",
        "fn f() { crate::store::open() }",
        "use crate::{error::Error, store};",
    ] {
        let targets: Vec<String> = targets(code).into_iter().map(|(_, target)| target).collect();
        assert!(targets.iter().any(|target| target == "store"), "{code}: {targets:?}");
    }
    assert!(!may_know("catalog", "store") && !may_know("store", "heygen"));
    assert!(may_know("poll", "store") && may_know("store", "store"));
    assert!(!may_know("nowhere", "error"));
}

#[test]
fn no_two_source_files_import_each_other() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/measure-house");
    let measured = Command::new("python3").arg(script).arg("--list").output().unwrap();
    let text = String::from_utf8(measured.stdout).unwrap();
    let (_, found) = text.split_once("files in import cycles:\n").expect("the list of imports");
    let found = found.lines().take_while(|line| line.starts_with(' ')).collect::<Vec<_>>();
    assert!(found.is_empty(), "import cycles: {found:#?}");
}

#[test]
fn rooms_keep_out_of_what_they_do_not_know() {
    let mut found = vec![];
    for file in files() {
        for (words, rooms, why) in KEPT_OUT {
            let free = match rooms {
                Some(rooms) => rooms.contains(&file.room.as_str()),
                None => file.room != "catalog",
            };
            let words = words.iter().filter(|word| !free && file.code.contains(**word));
            found.extend(words.map(|word| format!("{}: {word} ({why})", file.path.display())));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

fn may_know(room: &str, target: &str) -> bool {
    let floor = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    match (floor(room), floor(target)) {
        (Some(from), Some(to)) => room == target || to > from || ALLOWED.contains(&(room, target)),
        _ => false,
    }
}

/// Returns the files of `src` without their unit tests, and without `lib.rs`, the overview.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = vec![];
    walk(&root, &mut paths);
    let kept =
        paths.into_iter().filter(|path| !path.ends_with("tests.rs") && !path.ends_with("lib.rs"));
    let files: Vec<File> = kept.map(|path| read(&root, path)).collect();
    assert!(files.len() > 20, "too few files are read");
    files
}

fn read(root: &Path, path: PathBuf) -> File {
    let inside = path.strip_prefix(root).unwrap();
    let room = inside.iter().next().unwrap().to_str().unwrap();
    let room = room.strip_suffix(".rs").unwrap_or(room).to_owned();
    let text = fs::read_to_string(&path).unwrap();
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    File { path: inside.to_owned(), room, code }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
}

/// Returns the modules that `code` names after `crate::` (or the library's own name, as in `main`),
/// each with its line.
fn targets(code: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    for start in ["crate::", "heygen_sync::"] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let line = code[at..].lines().next().unwrap_or_default().to_owned();
            let heads = match rest.strip_prefix('{') {
                Some(group) => heads_of_group(group),
                None => vec![head(rest)],
            };
            found.extend(heads.into_iter().map(|head| (line.clone(), head)));
        }
    }
    found
}

/// Returns the first name of each path of a `use crate::{…}`.
fn heads_of_group(group: &str) -> Vec<String> {
    let mut heads = vec![];
    let mut depth = 0;
    let mut fresh = true;
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && c.is_alphanumeric() => {
                heads.push(head(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
