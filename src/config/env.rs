//! The environment: `HEYGEN_SYNC_` and a key's name set that key, `DATABASE_URL` the database.
//! Which keys there are is found from [`Config`]; what they mean is not known here.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fmt,
    os::unix::process::CommandExt,
    process::Command,
};

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Config, values};
use crate::error::{Error, Result};

const PREFIX: &str = "HEYGEN_SYNC_";

/// Variables with the prefix that are no key: the one that names the configuration file.
const OTHERS: [&str; 1] = ["HEYGEN_SYNC_CONFIG"];

/// The environment's variables; one that is set and empty counts as unset. They hold keys, so `Debug`
/// shows none.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The process's own. What is not UTF-8 is kept with replacement characters, and refused
    /// where it is asked for.
    pub fn of_process() -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// The value of the variable `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The variables whose names begin with `prefix`.
    pub fn beginning_with(&self, prefix: &str) -> impl Iterator<Item = (String, String)> {
        let all = self.0.iter().filter(move |(name, _)| name.starts_with(prefix));
        all.map(|(name, value)| (name.clone(), value.clone()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(variables.filter(|(_, value): &(String, String)| !value.is_empty()).collect())
    }
}

/// Variables that libraries read by themselves: of databases, certificates, proxies and colours.
fn is_read_by_a_library(name: &OsStr) -> bool {
    const NAMES: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR", "CLICOLOR"];
    let name = name.to_string_lossy();
    name.starts_with("PG")
        || name.to_ascii_lowercase().ends_with("_proxy")
        || NAMES.contains(&&*name)
}

/// Makes a variable that is set and empty count as unset for libraries too: starts this program anew
/// without them, since a process cannot safely unset its own. Returns where there is none; where the
/// program cannot be started, it goes on with them.
pub fn unset_empty() {
    let is_empty =
        |(name, value): &(OsString, OsString)| value.is_empty() && is_read_by_a_library(name);
    let empty: Vec<OsString> = env::vars_os().filter(is_empty).map(|(name, _)| name).collect();
    let (false, Ok(program)) = (empty.is_empty(), env::current_exe()) else { return };
    let mut anew = Command::new(program);
    let mut arguments = env::args_os();
    if let Some(name) = arguments.next() {
        anew.arg0(name);
    }
    anew.args(arguments);
    for name in empty {
        anew.env_remove(name);
    }
    let _ = anew.exec();
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}

/// Lays what the environment sets over `table`.
pub fn overlay(table: &mut Table, env: &Env) -> Result<()> {
    if let Some(database) = env.get("DATABASE_URL")
        && env.get("HEYGEN_SYNC_DATABASE").is_none()
    {
        set(table, &["database".into()], read("DATABASE_URL", &["database".into()], database)?);
    }
    let known = known()?;
    for (name, value) in &env.0 {
        if let Some(key) = name.strip_prefix(PREFIX)
            && !OTHERS.contains(&name.as_str())
        {
            let path = path(name, key, &known)?;
            set(table, &path, read(name, &path, value)?);
        }
    }
    Ok(())
}

/// Every key, as the tree that the defaults make when they are written down: JSON, since it has
/// a word for what is unset.
pub fn known() -> Result<Json> {
    serde_json::to_value(Config::default()).map_err(Error::unforeseen)
}

/// The key that a variable sets: `API__BASE_URL` is `api.base_url`.
fn path(name: &str, key: &str, known: &Json) -> Result<Vec<String>> {
    let mut path = Vec::new();
    let mut here = known;
    for part in key.split("__") {
        let lower = part.to_ascii_lowercase();
        let next = here.get(&lower).filter(|_| part == part.to_ascii_uppercase());
        here = next.ok_or_else(|| no_key(name, &path, here))?;
        path.push(lower);
    }
    if here.is_object() { Err(no_key(name, &path, here)) } else { Ok(path) }
}

/// The error for a variable that sets no key, with the names that could stand at `path`.
fn no_key(name: &str, path: &[String], here: &Json) -> Error {
    let start: String = path.iter().map(|part| part.to_ascii_uppercase() + "__").collect();
    let names: Vec<String> = here
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let more = if value.is_object() { "__…" } else { "" };
            format!("{PREFIX}{start}{}{more}", key.to_ascii_uppercase())
        })
        .collect();
    let known = match names.as_slice() {
        [] => String::new(),
        names => format!(" (known: {})", names.join(", ")),
    };
    Error::config(format!(
        "the environment variable {name} sets no known key{known}: correct its name or unset it"
    ))
}

/// The value of a variable as TOML if that fits the key, else as plain text.
fn read(name: &str, path: &[String], text: &str) -> Result<Value> {
    let fault = |what: String| Error::config(format!("the environment variable {name}{what}"));
    if text.contains('\u{fffd}') {
        return Err(fault(" is not valid UTF-8: mend it or unset it".into()));
    }
    let plain = Value::String(text.to_owned());
    let Ok(value) = text.parse::<Value>() else {
        return judge(path, &plain).map(|()| plain).map_err(fault);
    };
    match judge(path, &value) {
        Ok(()) => Ok(value),
        Err(what) => judge(path, &plain).map(|()| plain).map_err(|_| fault(what)),
    }
}

/// Whether the key takes the value; if not, why.
fn judge(path: &[String], value: &Value) -> Result<(), String> {
    let mut table = Table::new();
    set(&mut table, path, value.clone());
    // A variable's value stands without quotes.
    let told = |e| {
        let what = values::plain(&e).replacen(" is no known key", " holds an unknown key", 1);
        what.replace(", in quotes", "").replace(" in quotes", "")
    };
    table.try_into::<Config>().map(|_| ()).map_err(told)
}

fn set(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            table.insert(name.clone(), value);
        }
        [section, rest @ ..] => {
            let section =
                table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                set(section, rest, value);
            }
        }
    }
}
