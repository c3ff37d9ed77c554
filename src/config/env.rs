//! The environment variables.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fmt,
    process::Command,
};

use crate::system;

/// The environment variables; one that is set and empty counts as unset. They contain keys, so
/// `Debug` shows none.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// Returns the variables of the process. A value that is not UTF-8 is kept with replacement
    /// characters, and rejected when it is used.
    pub fn of_process() -> Self {
        let text = |text: OsString| text.to_string_lossy().into_owned();
        env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// Returns the value of the variable `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the variables whose names begin with `prefix`.
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

/// Whether libraries read the variable by themselves (for databases, certificates, proxies, colours).
fn is_read_by_a_library(name: &OsStr) -> bool {
    const NAMES: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NO_COLOR", "CLICOLOR"];
    let name = name.to_string_lossy();
    name.starts_with("PG")
        || name.to_ascii_lowercase().ends_with("_proxy")
        || NAMES.contains(&&*name)
}

/// Makes a variable that is set and empty count as unset for libraries, too: restarts this program
/// without them, since a process cannot safely unset its own. Returns if there is none, or if the
/// program cannot be restarted.
pub fn unset_empty() {
    let is_empty =
        |(name, value): &(OsString, OsString)| value.is_empty() && is_read_by_a_library(name);
    let empty: Vec<OsString> = env::vars_os().filter(is_empty).map(|(name, _)| name).collect();
    let (false, Ok(program)) = (empty.is_empty(), env::current_exe()) else { return };
    let mut anew = Command::new(program);
    let mut arguments = env::args_os();
    let name = arguments.next();
    anew.args(arguments);
    for name in empty {
        anew.env_remove(name);
    }
    let _ = system::become_program(&mut anew, name);
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}
