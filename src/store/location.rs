//! Where the database is: what `database` in the configuration may say.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;

use crate::error::{Error, Result};

/// A SQLite file or a PostgreSQL database. Prints without password and parameters.
#[derive(Clone)]
pub enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// A server, a database and, by `options[search_path]`, a schema.
    Postgres {
        /// All that the URL says, the password included.
        options: Box<PgConnectOptions>,
        /// The same for people.
        shown: String,
    },
}

impl Location {
    /// Reads a path, a `sqlite:` URL or a `postgres://` or `postgresql://` URL.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        refuse_nearly_a_url(text)?;
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("postgres" | "postgresql") => Self::postgres(text),
            Some("sqlite") | None => Self::sqlite(text),
            Some(other) => Err(Error::config(format!(
                "database: '{other}://' is no database that this program knows; \
                 give a file name, sqlite:… or postgres://…"
            ))),
        }
    }

    fn sqlite(text: &str) -> Result<Self> {
        let path = match text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("sqlite:")) {
            Some(_) => {
                let rest = &text[7..];
                let rest = rest.strip_prefix("//").unwrap_or(rest);
                percent_decode_str(rest).decode_utf8_lossy().into_owned()
            }
            None => text.to_owned(),
        };
        if path.is_empty() || path == ":memory:" {
            return Err(Error::config(
                "database: a history needs a file; give a file name such as heygen.db",
            ));
        }
        if let Some((_, parameters)) =
            path.split_once('?').filter(|_| text.to_ascii_lowercase().starts_with("sqlite:"))
        {
            return Err(Error::config(format!(
                "database: '?{}' cannot be set for a SQLite file; give the path alone",
                parameters.split('=').next().unwrap_or_default()
            )));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }

    fn postgres(text: &str) -> Result<Self> {
        // sqlx's message may quote the URL; the kind of fault is all that may be told.
        let options = PgConnectOptions::from_str(text).map_err(|_| {
            Error::config(
                "database: the postgres:// URL cannot be read; its form is \
                 postgres://user:password@host:5432/database?options[search_path]=schema",
            )
        })?;
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let database = options.get_database().unwrap_or(options.get_username());
        let shown = format!("postgres://{}@{host}/{database}", options.get_username());
        Ok(Self::Postgres { options: Box::new(options), shown })
    }

    /// The `search_path` that the URL asks for, if it does.
    pub(super) fn search_path(&self) -> Option<String> {
        let Self::Postgres { options, .. } = self else { return None };
        let all = options.get_options()?;
        // As sqlx writes them: `-c name=value`, with a backslash before a space within a value.
        let at = all.rfind("search_path=")? + "search_path=".len();
        let mut value = String::new();
        let mut letters = all[at..].chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => value.extend(letters.next()),
                ' ' => break,
                other => value.push(other),
            }
        }
        Some(value)
    }

    /// Whether both are surely one place: the same file by any name, or the same server, database
    /// and search path in the same words.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(two)) => {
                let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
                real(one) == real(two)
            }
            (Self::Postgres { shown: one, .. }, Self::Postgres { shown: two, .. }) => {
                one == two && self.search_path() == other.search_path()
            }
            _ => false,
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres { .. } => None,
        }
    }
}

/// What was meant for a server must not become a file that is named by a password.
fn refuse_nearly_a_url(text: &str) -> Result<()> {
    let lower = text.to_ascii_lowercase();
    if lower.contains("://") || lower.starts_with("sqlite:") || lower.starts_with(['.', '/']) {
        return Ok(());
    }
    let scheme = lower.starts_with("postgres:") || lower.starts_with("postgresql:");
    let words = ["host=", "user=", "password=", "dbname="].iter().any(|word| lower.contains(word));
    let login = lower.split_once('@').is_some_and(|(login, _)| login.contains(':'));
    match scheme || words || login {
        true => Err(Error::config(
            "database: this looks like a PostgreSQL server, not like a file; give it as \
             postgres://user:password@host:5432/database (a file of such a name as ./NAME)",
        )),
        false => Ok(()),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Location::parse(text)
            .map_or_else(|error| format!("error: {}", error.message), |l| l.to_string())
    }

    #[test]
    fn a_file_may_be_a_path_or_a_sqlite_url() {
        assert_eq!(shown("heygen.db"), "heygen.db");
        assert_eq!(shown("sqlite:heygen.db"), "heygen.db");
        assert_eq!(shown("sqlite://a/heygen.db"), "a/heygen.db");
        assert_eq!(shown("sqlite:///var/lib/x%20y.db"), "/var/lib/x y.db");
        assert!(shown(":memory:").contains("needs a file"));
        assert!(shown("sqlite::memory:").contains("needs a file"));
        assert!(shown("sqlite://x.db?mode=ro").contains("?mode"));
        assert!(shown("mysql://h/x").contains("mysql"));
    }

    #[test]
    fn what_is_nearly_a_url_becomes_no_file() {
        for nearly in [
            "postgres:u:secret@db",
            "POSTGRESQL:secret",
            "u:secret@h/a",
            "host=db user=u password=secret",
        ] {
            let told = shown(nearly);
            assert!(told.contains("postgres://user") && !told.contains("secret"), "{told}");
        }
        assert_eq!(shown("./u:x@h"), "./u:x@h");
        assert_eq!(shown("me@work.db"), "me@work.db");
        assert!(shown("SQLITE:x.db?mode=ro").contains("?mode"));
    }

    #[test]
    fn the_password_of_a_server_never_shows() {
        for url in [
            "postgres://u:secret@h:6543/d?sslmode=require&password=secret",
            "postgresql://u:secret@h/d?options[search_path]=s",
            "postgres://u:secret@h:notaport/d",
            "postgres:///d?host=/run/postgresql&user=u&password=secret",
        ] {
            let told = format!("{} {:?}", shown(url), Location::parse(url));
            assert!(!told.contains("secret"), "{told}");
        }
        assert_eq!(shown("postgres://u:secret@h:6543/d"), "postgres://u@h:6543/d");
    }
}
