//! The location of the database: the values that `database` in the configuration accepts.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use percent_encoding::percent_decode_str;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::error::{Error, Result};

/// A SQLite file or a PostgreSQL database. Printed without password and parameters.
#[derive(Clone)]
pub enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// A server, a database and, by `options[search_path]`, a schema.
    Postgres {
        /// Everything that the URL contains, including the password.
        options: Box<PgConnectOptions>,
        /// The URL to show to people, without password and parameters.
        shown: String,
    },
}

/// The parameters of a PostgreSQL URL that are accepted, besides `options[NAME]`.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// The form of a PostgreSQL URL.
const FORM: &str = "postgres://user:password@host:5432/database?options[search_path]=schema";

impl Location {
    /// Parses a `sqlite:` URL or a `postgres://` or `postgresql://` URL. Any other text is used literally
    /// as the name of a file.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for text that looks like a URL of another form. The message never
    /// contains a password.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        refuse_nearly_a_url(text)?;
        let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("postgres" | "postgresql") => Self::postgres(text),
            Some("sqlite") => Self::sqlite_url(&text["sqlite:".len()..]),
            Some("file") => Err(Error::config(
                "database: file: URIs are not supported; give only the path (for a file whose name \
                 begins with file:, ./file:NAME)",
            )),
            _ => Self::file_named(text.to_owned()),
        }
    }

    /// Returns text that [`Location::parse`] accepts without its password, to be typed again; `None` for
    /// text that it does not accept. PostgreSQL then takes the password from its usual sources.
    pub fn without_password(text: &str) -> Option<String> {
        if Self::parse(text).ok()?.file().is_some() {
            return Some(text.to_owned());
        }
        let mut url = Url::parse(text.trim()).ok()?;
        // This fails only for a URL without a host, which has no password here.
        let _ = url.set_password(None);
        let is_password = |part: &str| {
            let name = part.split('=').next().unwrap_or_default();
            percent_decode_str(name).decode_utf8_lossy() == "password"
        };
        let parts = url.query().unwrap_or_default().split('&').filter(|part| !is_password(part));
        let query = parts.collect::<Vec<_>>().join("&");
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        Some(url.into())
    }

    /// Parses a SQLite URL; `rest` is the text after `sqlite:`.
    fn sqlite_url(rest: &str) -> Result<Self> {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if let Some((_, parameters)) = path.split_once('?') {
            return Err(Error::config(format!(
                "database: '?{}' cannot be set for a SQLite file; give only the path",
                parameters.split('=').next().unwrap_or_default()
            )));
        }
        Self::file_named(percent_decode_str(path).decode_utf8_lossy().into_owned())
    }

    fn file_named(path: String) -> Result<Self> {
        match path.as_str() {
            "" | ":memory:" => Err(Error::config(
                "database: a history needs a file; give a file name such as heygen.db",
            )),
            _ => Ok(Self::Sqlite(PathBuf::from(path))),
        }
    }

    fn postgres(text: &str) -> Result<Self> {
        let url = postgres_url(text)?;
        // sqlx's message may quote the URL, including its password.
        let options = PgConnectOptions::from_str(url.as_str()).map_err(|_| unreadable())?;
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let database = options.get_database().unwrap_or(options.get_username());
        let shown = format!("postgres://{}@{host}/{database}", options.get_username());
        Ok(Self::Postgres { options: Box::new(options), shown })
    }

    /// Returns the schema of the tables: `main` for a file; else the first that the URL names, or `public`.
    pub fn schema(&self) -> String {
        let path = self.search_path();
        let first = path.as_ref().and_then(|path| path.split(',').next());
        match (self, first) {
            (Self::Sqlite(_), _) => "main".into(),
            (Self::Postgres { .. }, first) => first.unwrap_or("public").trim().into(),
        }
    }

    /// Returns the `search_path` that the URL sets, if any.
    pub fn search_path(&self) -> Option<String> {
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

    /// Whether both are certainly the same: the same file, after resolving symbolic links, or the same
    /// user, server, database and search path, spelled the same.
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

    /// Returns the path of the file; `None` for PostgreSQL.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres { .. } => None,
        }
    }
}

/// Parses the URL of a server, and adds the user that connects if it contains none.
fn postgres_url(text: &str) -> Result<Url> {
    refuse_open_password(text)?;
    let mut url = Url::parse(text).map_err(|_| unreadable())?;
    let mut has_user = !url.username().is_empty();
    let parts: Vec<String> =
        url.query().unwrap_or_default().split('&').map(str::to_owned).collect();
    // An empty `user` counts as unset.
    let parts: Vec<String> =
        parts.into_iter().filter(|part| !part.is_empty() && part != "user=").collect();
    url.set_query(Some(parts.join("&").as_str()).filter(|query| !query.is_empty()));
    for part in &parts {
        let (name, value) = part.split_once('=').ok_or_else(unreadable)?;
        let name = percent_decode_str(name).decode_utf8_lossy();
        refuse_unknown(&name)?;
        has_user |= name == "user" && !value.is_empty();
    }
    if !has_user && std::env::var_os("PGUSER").is_none_or(|user| user.is_empty()) {
        // As libpq does.
        let user = whoami::username().map_err(|_| {
            Error::config(
                "database: the URL has no user, and the system has no name for the user that runs \
                 this program; put it into the URL (postgres://user@host/database) or PGUSER",
            )
        })?;
        url.query_pairs_mut().append_pair("user", &user);
    }
    Ok(url)
}

fn unreadable() -> Error {
    Error::config(format!("database: the postgres:// URL cannot be read; its form is {FORM}"))
}

/// Refuses a password with an unencoded `/`, `?` or `#`: it would end the host early, and the rest of the
/// password would become the database, which messages show. It is detected by a later `@` or by the `#`.
fn refuse_open_password(text: &str) -> Result<()> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let path = rest.split('?').next().unwrap_or_default();
    let lost = if authority.is_empty() { path } else { rest };
    match lost.contains('@') || rest.contains('#') {
        true => Err(Error::config(format!(
            "database: the postgres:// URL cannot be read; its form is {FORM}: in user, password \
             and parameters write %40 for @, %2F for /, %3F for ?, %23 for #"
        ))),
        false => Ok(()),
    }
}

/// Refuses an unknown parameter: it might be meant as one for security, or be a part of a password.
fn refuse_unknown(name: &str) -> Result<()> {
    let option = name.strip_prefix("options[").and_then(|name| name.strip_suffix(']'));
    if PARAMETERS.contains(&name) || option.is_some_and(|option| !option.is_empty()) {
        return Ok(());
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.[]".contains(c)) {
        return Err(unreadable());
    }
    let remedy = match name {
        "search_path" | "schema" | "currentSchema" => {
            "name the schema with options[search_path]=SCHEMA".to_owned()
        }
        _ => format!("known are {} and options[NAME]", PARAMETERS.join(", ")),
    };
    Err(Error::config(format!(
        "database: the postgres:// URL has an unknown parameter '{name}'; {remedy}"
    )))
}

/// Refuses text that was meant as a server: it must not become a file whose name contains a password.
fn refuse_nearly_a_url(text: &str) -> Result<()> {
    let lower = text.to_ascii_lowercase();
    let begins = |scheme: &str| lower.starts_with(scheme);
    if ["postgres://", "postgresql://", "sqlite:", "file:", ".", "/"].into_iter().any(begins) {
        return Ok(());
    }
    let is_scheme =
        |text: &&str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if let Some((other, _)) = lower.split_once("://").filter(|(other, _)| is_scheme(other)) {
        return Err(Error::config(format!(
            "database: '{other}://' is not supported; give a file name, sqlite:… or postgres://…"
        )));
    }
    let scheme = begins("postgres:") || begins("postgresql:") || lower.contains("://");
    let words = ["host=", "user=", "password=", "dbname="].iter().any(|word| lower.contains(word));
    let login = lower.split_once('@').is_some_and(|(login, _)| login.contains(':'));
    match scheme || words || login {
        true => Err(Error::config(format!(
            "database: this looks like a PostgreSQL server, not a file; give it as {FORM} (a file \
             with such a name as ./NAME)"
        ))),
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
        for uri in
            ["file:h.db", "FILE:h.db?mode=memory", "file:///h.db", "sqlite:h.db?cache=shared"]
        {
            assert!(shown(uri).starts_with("error: "), "{uri}");
        }
    }

    #[test]
    fn every_other_name_is_that_of_a_file() {
        for name in ["h.db?mode=memory", "a%20b.db", "./file:h.db", "C:h.db", "#1.db", "./:memory:"]
        {
            assert_eq!(shown(name), name);
        }
        assert_eq!(shown("sqlite:file:a%3Fb.db"), "file:a?b.db");
    }

    #[test]
    fn an_unknown_parameter_of_a_server_is_refused_by_its_name() {
        for name in ["sslmod", "connect_timeout", "options[x", "options[]", "ssl-mode"] {
            let message = shown(&format!("postgres://u@h/d?sslmode=require&{name}=verify-full"));
            assert!(
                message.starts_with("error: ") && message.contains(&format!("'{name}'")),
                "{message}"
            );
            assert!(
                message.contains("sslrootcert") && !message.contains("verify-full"),
                "{message}"
            );
        }
        for name in ["search_path", "schema", "currentSchema"] {
            let message = shown(&format!("postgres://u@h/d?{name}=heygen"));
            assert!(
                message.contains(name) && message.contains("options[search_path]=SCHEMA"),
                "{message}"
            );
        }
        for known in PARAMETERS {
            let value = match known {
                "hostaddr" => "127.0.0.1",
                "port" => "1",
                "sslmode" => "require",
                _ => "x",
            };
            let message = shown(&format!("postgres://u@h/d?{known}={value}&options[a.b]=c"));
            assert!(message.starts_with("postgres://"), "{message}");
        }
    }

    #[test]
    fn what_is_nearly_a_url_becomes_no_file() {
        for nearly in [
            "postgres:u:secret@db",
            "POSTGRESQL:secret",
            "u:secret@h/a",
            "host=db user=u password=secret",
        ] {
            let message = shown(nearly);
            assert!(
                message.contains("postgres://user") && !message.contains("secret"),
                "{message}"
            );
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
            "postgres:///d?host=h&user=u&password=a&secret",
            "postgres:///d?host=h&user=u&password=a&%secret=b",
            "postgres://u:12/secret@h/d",
            "postgres://u:a/secret@h/d",
            "postgres://u:a@secret@h/d",
            "postgres://u:a@b/secret@h/d",
            "postgres://u:12?secret@h/d",
            "postgres://u:12?secret=b@h/d",
            "postgres://u:12/3?secret=b@h/d",
            "postgres://u:12#secret@h/d",
            "postgres:///u:secret@h/d",
            "host=h user=u password=secret://x",
            "u:secret://h/d",
            "jdbc:postgresql://h/d?user=u&password=secret",
        ] {
            let message = format!("{} {:?}", shown(url), Location::parse(url));
            assert!(!message.contains("secret"), "{message}");
        }
        assert_eq!(shown("postgres://u:secret@h:6543/d"), "postgres://u@h:6543/d");
    }
}
