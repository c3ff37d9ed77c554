//! Values from the environment: `HEYGEN_SYNC_` and a key's name set that key, `DATABASE_URL` the
//! database. The list of keys is derived from [`Config`].

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Env, sections::Config, values};
use crate::error::{Error, Result};

const PREFIX: &str = "HEYGEN_SYNC_";

/// Variables with the prefix that are not keys: the one that names the configuration file.
const OTHERS: [&str; 1] = ["HEYGEN_SYNC_CONFIG"];

/// Older names of keys: the variable without the prefix, old and new.
const RENAMED: [(&str, &str); 1] = [("NOTIFY__FORMAT", "NOTIFY__KIND")];

/// Overrides `table` with the values of the environment.
pub fn lay_over(table: &mut Table, env: &Env) -> Result<()> {
    if let Some(database) = env.get("DATABASE_URL")
        && env.get("HEYGEN_SYNC_DATABASE").is_none()
    {
        set(table, &["database".into()], read("DATABASE_URL", &["database".into()], database)?);
    }
    let known = known()?;
    for (name, value) in env.beginning_with(PREFIX) {
        if let Some(key) = name.strip_prefix(PREFIX)
            && !OTHERS.contains(&name.as_str())
        {
            let renamed = RENAMED.iter().find(|(then, _)| *then == key);
            let path = path(&name, renamed.map_or(key, |(_, now)| now), &known)?;
            if let Some(Value::Array(_)) = table.get(&path[0]) {
                return Err(Error::config(format!(
                    "the environment variable {name} sets a key of a single section, but [[{}]] is \
                     a list: name a variable there, as in url_env = \"{name}\", or unset this one",
                    path[0]
                )));
            }
            set(table, &path, read(&name, &path, &value)?);
        }
    }
    Ok(())
}

/// Returns every key, as the tree of the serialized defaults: in JSON, since it has `null` for an
/// unset key.
pub fn known() -> Result<Json> {
    serde_json::to_value(Config::default()).map_err(Error::unforeseen)
}

/// Returns the key that a variable sets: `API__BASE_URL` is `api.base_url`.
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

/// Returns the error for a variable that sets no key, with the names that are possible at `path`.
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

/// Reads the value of a variable as TOML if that fits the key, else as plain text.
fn read(name: &str, path: &[String], text: &str) -> Result<Value> {
    let fault = |what: String| Error::config(format!("the environment variable {name}{what}"));
    if text.contains('\u{fffd}') {
        return Err(fault(" is not valid UTF-8: correct it or unset it".into()));
    }
    let plain = Value::String(text.to_owned());
    let Ok(value) = text.parse::<Value>() else {
        return check(path, &plain).map(|()| plain).map_err(fault);
    };
    match check(path, &value) {
        Ok(()) => Ok(value),
        Err(what) => check(path, &plain).map(|()| plain).map_err(|_| fault(what)),
    }
}

/// Checks whether the key accepts the value; the error states why not.
fn check(path: &[String], value: &Value) -> Result<(), String> {
    let mut table = Table::new();
    set(&mut table, path, value.clone());
    // A variable's value has no quotes.
    let message = |e| {
        let what = values::plain(&e).replacen(" is not a known key", " contains an unknown key", 1);
        what.replace(", in quotes", "").replace(" in quotes", "")
    };
    table.try_into::<Config>().map(|_| ()).map_err(message)
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
