//! What the configuration accepts, rejects and reports, and that the shipped file contains all of it.

#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf, time::Duration};

use secrecy::ExposeSecret;
use serde_json::Value as Json;
use tempfile::TempDir;
use url::Url;

use super::*;
use crate::{
    catalog::{api_version::ApiVersion, catalogue::Catalogue},
    error::{Error, Kind},
};

const SHIPPED: &str = include_str!("../../config.toml");

/// A machine with its own working directory, home and system folder.
struct Machine {
    folder: TempDir,
    sources: Sources,
}

fn machine() -> Machine {
    let folder = TempDir::new().unwrap();
    let sources = Sources {
        config: None,
        database: None,
        env: Env::default(),
        working_dir: folder.path().join("work"),
        system_dir: folder.path().join("etc"),
    };
    fs::create_dir(&sources.working_dir).unwrap();
    Machine { folder, sources }
}

impl Machine {
    fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn env(mut self, variables: &[(&str, &str)]) -> Self {
        self.sources.env = variables.iter().copied().collect();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap().0
    }

    /// Returns the message of the error, without the folder's name.
    fn error(&self) -> String {
        let error = Config::load(&self.sources).unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        error.message.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// Returns the keys, or the messages if there is none.
    fn keys(&self) -> Vec<(String, Result<String, String>)> {
        self.load()
            .api_keys(&self.sources)
            .into_iter()
            .map(|(name, key)| {
                let key = key.map(|key| key.expose_secret().to_owned()).map_err(|e| {
                    assert_eq!(e.kind, Kind::Config);
                    e.message.replace(&format!("{}/", self.folder.path().display()), "")
                });
                (name, key)
            })
            .collect()
    }

    fn key(&self) -> Result<String, String> {
        self.keys().remove(0).1
    }
}

fn of_file(text: &str) -> Machine {
    machine().file("work/config.toml", text)
}

fn of_env(variables: &[(&str, &str)]) -> Machine {
    machine().env(variables)
}

/// Returns every key of the defaults, `section.key`, with its default.
fn leaves(tree: &Json, prefix: &str) -> Vec<(String, Json)> {
    tree.as_object()
        .unwrap()
        .iter()
        .flat_map(|(name, value)| match value.is_object() {
            true => leaves(value, &format!("{prefix}{name}.")),
            false => vec![(format!("{prefix}{name}"), value.clone())],
        })
        .collect()
}

fn holds(table: &toml::Table, key: &str) -> bool {
    match key.split_once('.') {
        Some((section, key)) => match table.get(section) {
            Some(toml::Value::Table(section)) => holds(section, key),
            Some(toml::Value::Array(blocks)) => {
                blocks.iter().filter_map(|block| block.as_table()).any(|block| holds(block, key))
            }
            _ => false,
        },
        None => table.contains_key(key),
    }
}

#[test]
fn without_a_file_the_defaults_hold() {
    let (config, origin) = Config::load(&machine().sources).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(origin.to_string(), "defaults");
    assert_eq!(config.database, "heygen.db");
    assert_eq!(config.api.base_url.as_str(), "https://api.heygen.com/");
    assert_eq!(config.removals.after_polls_on(ApiVersion::V2), 1);
    assert_eq!(config.removals.after_polls_on(ApiVersion::V3), 2);
}

#[test]
fn a_variable_that_is_set_and_empty_counts_as_unset() {
    let keys = leaves(&overlay::known().unwrap(), "");
    let names = keys
        .iter()
        .map(|(key, _)| format!("HEYGEN_SYNC_{}", key.to_uppercase().replace('.', "__")));
    let others =
        ["DATABASE_URL", "HEYGEN_SYNC_CONFIG", "HEYGEN_SYNC_NO_KEY", "HEYGEN_API_KEY_FILE"];
    let names: Vec<String> = names.chain(others.map(str::to_owned)).collect();
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(of_env(&variables).load(), Config::default());
    variables.push(("HEYGEN_API_KEY", "k"));
    assert_eq!(of_env(&variables).key(), Ok("k".into()));
    let account = "[[accounts]]\nname = \"a\"\napi_key_env = \"MINE\"\n";
    let error = of_file(account).env(&[("MINE", "")]).key().unwrap_err();
    assert!(error.contains("MINE is unset or empty"), "{error}");
}

#[test]
fn white_space_at_the_end_of_a_key_is_trimmed_wherever_it_comes_from() {
    let account = |source: &str| format!("[[accounts]]\nname = \"a\"\n{source}\n");
    for end in ["", " ", "\n", "\r\n", " \t\n\n"] {
        let key = format!("k y{end}");
        let of_file = |config: &str| of_file(config).file("work/key", &key);
        assert_eq!(of_env(&[("HEYGEN_API_KEY", key.as_str())]).key(), Ok("k y".into()), "{key:?}");
        let named = machine().file("work/key", &key).env(&[("HEYGEN_API_KEY_FILE", "key")]);
        assert_eq!(named.key(), Ok("k y".into()), "{key:?}");
        assert_eq!(of_file(&account("api_key_file = \"key\"")).key(), Ok("k y".into()), "{key:?}");
        let by_name = of_file(&account("api_key_env = \"K\"")).env(&[("K", key.as_str())]);
        assert_eq!(by_name.key(), Ok("k y".into()), "{key:?}");
    }
    assert!(of_env(&[("HEYGEN_API_KEY", " \n")]).key().unwrap_err().contains("is empty"));
}

#[test]
fn a_path_that_begins_with_the_home_folder_leads_there() {
    let text = "database = \"~/a.db\"\n[mirror]\nstore = \"~/m\"\n[archive]\nstore = \"~x/~/a\"\n\
        [serve]\ntoken_file = \"~/t\"\npreview_cache_folder = \"~/v\"\n[notify]\nsecret_file = \"~/s\"\nurl_file = \"~/u\"\n[metrics]\ntextfile = \"~/p\"\n\
        [publish]\nfile = \"~/c\"\n\
        [[accounts]]\nname = \"a\"\napi_key_file = \"~/k\"\n";
    let config = of_file(text).env(&[("HOME", "/home/me")]).load();
    assert_eq!(config.database, "/home/me/a.db");
    assert_eq!(
        (config.mirror.store.as_str(), config.archive.store.as_str()),
        ("/home/me/m", "~x/~/a")
    );
    let Notify { secret_file, url_file, .. } = &config.notify[0];
    let files = [&config.serve.token_file, secret_file, url_file, &config.metrics.textfile];
    let files = files.into_iter().chain([&config.accounts[0].api_key_file, &config.publish.file]);
    let files = files.chain([&config.serve.preview_cache_folder]);
    let files: Vec<&str> = files.map(|file| file.as_ref().unwrap().to_str().unwrap()).collect();
    assert_eq!(files, ["t", "s", "u", "p", "k", "c", "v"].map(|name| format!("/home/me/{name}")));
    let archived = of_file("[archive]\nstore = \"~/a\"\n").env(&[("HOME", "/home/me")]).load();
    assert_eq!(archived.archive.store, "/home/me/a");
    let error = of_file(text).error();
    assert!(error.contains("'~/a.db': there is no home folder"), "{error}");
    let machine = machine().file("key", "k\n");
    let home = machine.path("").display().to_string();
    let machine = machine.env(&[("HOME", home.as_str()), ("HEYGEN_API_KEY_FILE", "~/key")]);
    assert_eq!(machine.key(), Ok("k".into()));
}

#[test]
fn what_is_nearly_a_url_is_no_folder_for_files() {
    for store in [
        "s3:/bucket",
        "s3:bucket",
        "S3:/bucket",
        "s3:",
        "s3://",
        "s3:///p",
        "gs://b",
        "file:/x",
        "a/b://c",
    ] {
        for section in ["mirror", "archive"] {
            let error = of_file(&format!("[{section}]\nstore = \"{store}\"\n")).error();
            assert!(
                error.contains("must be a folder's name, or s3://bucket/prefix"),
                "{store}: {error}"
            );
        }
    }
    for store in ["s3://b", "s3://b/p", "s3", "a:b", "/x/s3:/y", "./s3:/b"] {
        assert_eq!(of_file(&format!("[mirror]\nstore = \"{store}\"\n")).load().mirror.store, store);
    }
}

#[test]
fn catalogues_are_known_and_named_once() {
    for wrong in ["[]", "['avatars', 'avatars']", "['looks']", "'avatars'"] {
        let error = of_file(&format!("[api]\ncatalogues = {wrong}\n")).error();
        assert!(error.contains("must be a list of one or more of"), "{wrong}: {error}");
    }
}

#[test]
fn the_shipped_file_says_the_defaults() {
    assert_eq!(of_file(SHIPPED).load(), Config::default());
    let table: toml::Table = SHIPPED.parse().unwrap();
    for (key, default) in leaves(&overlay::known().unwrap(), "") {
        let set = !default.is_null() && default.as_array().is_none_or(|list| !list.is_empty());
        // The keys of a list's blocks only have defaults once there is a block.
        let set = set && !key.starts_with("notify.");
        assert_eq!(holds(&table, &key), set, "{key} in config.toml");
    }
}

#[test]
fn the_shipped_file_shows_every_key_once_its_examples_are_uncommented() {
    let is_example = |line: &&str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['))
    };
    let text: Vec<&str> =
        SHIPPED.lines().map(|line| if is_example(&line) { &line[1..] } else { line }).collect();
    let text = text.join("\n");
    let table: toml::Table = text.parse().unwrap();
    for (key, _) in leaves(&overlay::known().unwrap(), "") {
        assert!(holds(&table, &key), "{key} in config.toml");
    }
    let config = of_file(&text).load();
    assert_eq!((config.accounts.len(), config.notify.len()), (2, 4));
}

#[test]
fn the_first_file_found_counts_alone() {
    let mut machine = machine()
        .file("etc/config.toml", "database = 'etc'\nremovals.min_count = 1")
        .file("home/.config/heygen-sync/config.toml", "database = 'home'")
        .file("xdg/heygen-sync/config.toml", "database = 'xdg'")
        .file("named.toml", "database = 'named'")
        .file("flag.toml", "database = 'flag'");
    let (home, xdg) = (machine.path("home"), machine.path("xdg"));
    let (home, xdg) = (home.to_str().unwrap(), xdg.to_str().unwrap());
    let named = machine.path("named.toml");
    assert_eq!(machine.load().database, "etc");
    machine = machine.env(&[("HOME", home)]);
    assert_eq!(machine.load().database, "home");
    assert_eq!(machine.load().removals.min_count, 20);
    machine = machine.env(&[("HOME", home), ("XDG_CONFIG_HOME", "relative")]);
    assert_eq!(machine.load().database, "home");
    machine = machine.env(&[("HOME", home), ("XDG_CONFIG_HOME", xdg)]);
    assert_eq!(machine.load().database, "xdg");
    machine = machine.file("work/config.toml", "database = 'work'");
    assert_eq!(machine.load().database, "work");
    machine = machine.env(&[("HEYGEN_SYNC_CONFIG", named.to_str().unwrap())]);
    assert_eq!(machine.load().database, "named");
    machine.sources.config = Some("../flag.toml".into());
    let (config, origin) = Config::load(&machine.sources).unwrap();
    assert_eq!((config.database.as_str(), origin.to_string().as_str()), ("flag", "../flag.toml"));
}

#[test]
fn a_named_file_that_is_missing_or_unreadable_is_an_error() {
    let mut missing = machine().file("work/config.toml", "");
    missing.sources.config = Some("no.toml".into());
    assert_eq!(
        missing.error(),
        "there is no configuration file 'no.toml', which --config names: correct the name or \
         leave it out"
    );
    let missing = of_env(&[("HEYGEN_SYNC_CONFIG", "no.toml")]);
    assert!(missing.error().contains("which HEYGEN_SYNC_CONFIG names"));
    let folder = machine().file("work/config.toml/x", "");
    assert!(folder.error().starts_with("cannot read the configuration file 'work/config.toml': "));
}

#[test]
fn a_fault_in_the_file_is_told_with_its_line_and_key() {
    let long = "x".repeat(129);
    let accounts = |more: &str| format!("\n[[accounts]]\nname = 'a'\napi_key_env = 'A'\n{more}");
    for (text, message) in [
        (
            "\n[removals]\nmax_shar = 1",
            "3: removals.max_shar is not a known key (known: after_polls, min_count, max_share): \
             correct it or remove it",
        ),
        (
            "api_key = 'secret'",
            "1: api_key is not a known key (known: database, api, removals, mirror, archive, publish, serve, notify, daemon, metrics, log, accounts): correct it \
             or remove it",
        ),
        ("removals.max_shar = 1", "1: removals.max_shar is not a known key (known: after"),
        ("removals = { max_shar = 1 }", "1: removals.max_shar is not a known key (known: after"),
        ("[mirrors]", "1: mirrors is not a known key"),
        ("\n\n[removals]\n\nmax_share = 1.5", "5: removals.max_share must be a number from 0 to 1"),
        ("removals.max_share = nan", "1: removals.max_share must be a number from 0 to 1"),
        ("removals.max_share = '1'", "1: removals.max_share must be a number from 0 to 1"),
        ("removals.after_polls = 0", "1: removals.after_polls must be a whole number from 1 to "),
        ("removals.min_count = -1", "1: removals.min_count must be a whole number, 0 or more"),
        ("removals.min_count = 1.5", "1: removals.min_count must be a whole number, 0 or more"),
        ("removals = 5", "1: removals must be a section of keys"),
        ("[api]\ntimeout = 0", "2: api.timeout must be a duration above 0 and up to a day, "),
        ("[api]\ntimeout = '3 moons'", "2: api.timeout must be a duration above 0 and up to a day"),
        ("api.timeout = 1e300", "1: api.timeout must be a duration"),
        ("api.timeout = 2026-11-23", "1: api.timeout must be a duration"),
        ("api.retry_time = '0s'", "1: api.retry_time must be a duration above 0"),
        ("api.connect_timeout = '2 days'", "1: api.connect_timeout must be a duration above 0"),
        ("api.max_response = '1 elephant'", "1: api.max_response must be a size above 0, such as"),
        ("api.retries = 101", "1: api.retries must be a whole number from 0 to 100"),
        ("api.version = 'v1'", "1: api.version must be \"v2\" or \"v3\" or \"auto\""),
        ("api.version = 2", "1: api.version must be \"v2\" or \"v3\" or \"auto\""),
        ("database = 5", "1: database must be a file's name or a database's URL, in quotes"),
        ("database = ''", "1: database must be a file's name"),
        (
            "database = 'a'\ndatabase = 'b'",
            "2: database: this key occurs twice in its section: remove one",
        ),
        ("accounts = 'secret'", "1: accounts must be a list such as [{ name = "),
        (&accounts("[[accounts]]\napi_key_env = 'B'"), "5: accounts[2] must have name: add it"),
        (&accounts("[[accounts]]\nname = 'b'"), "5: accounts[2] must have api_key_env or api_"),
        (&accounts("api_key_file = 'f'"), "2: accounts[1] must have api_key_env or api_key_file, "),
        (
            &accounts("api_key = 'secret'"),
            "5: accounts[1].api_key is not a known key (known: name, ",
        ),
        (
            &accounts("[[accounts]]\nname = ''\napi_key_env = 'B'"),
            "5: accounts[2] must have a name",
        ),
        (
            &accounts("[[accounts]]\nname = \"a\\n\"\napi_key_env = 'B'"),
            "5: accounts[2] must have a",
        ),
        (
            &accounts(&format!("[[accounts]]\nname = '{long}'\napi_key_env = 'B'")),
            "5: accounts[2] must have a name of 1 to 128 bytes",
        ),
        (
            &accounts("[[accounts]]\nname = 'a'\napi_key_env = 'B'"),
            "5: accounts[2] must have a name that no other account has",
        ),
    ] {
        let error = of_file(text).error();
        let message_part = error.strip_prefix("work/config.toml:").unwrap();
        assert!(message_part.starts_with(message), "{text}\n  {message_part}\n  {message}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_its_line_and_without_its_text() {
    for (text, start) in [
        ("\ndatabase = postgres://u:secret@h/d\n", "2: database: "),
        ("\n[api]\n# slow\ntimeout = 3m", "4: api.timeout: "),
        ("\nsecret==\n", "2: "),
        ("\n[secret", "2: "),
        ("database = \"secret", "1: database: "),
        ("database = 'a' secret", "1: database: "),
        ("database = \"secret\u{0}\"", "1: database: "),
    ] {
        let error = of_file(text).error();
        assert!(error.starts_with(&format!("work/config.toml:{start}")), "{error}");
        assert!(!error.contains("secret"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn durations_and_sizes_may_be_text_or_numbers() {
    let config = of_file(
        "[api]\ntimeout = 90\nconnect_timeout = '1m 30s'\nretry_time = 0.5\nmax_response = '1MB'",
    )
    .load();
    assert_eq!(config.api.timeout, Duration::from_secs(90));
    assert_eq!(config.api.connect_timeout, Duration::from_secs(90));
    assert_eq!(config.api.retry_time, Duration::from_millis(500));
    assert_eq!(config.api.max_response, 1_000_000);
    assert_eq!(of_file("api.max_response = 7").load().api.max_response, 7);
    assert_eq!(of_file("api.max_response = '2 MiB'").load().api.max_response, 2 << 20);
}

#[test]
fn the_key_is_sent_over_plain_http_to_loopback_only() {
    for url in [
        "https://api.example",
        "https://api.example/prefix/",
        "http://localhost:8080/x",
        "http://127.0.0.1",
        "http://127.9.9.9:1",
        "http://[::1]:80",
    ] {
        let config = of_env(&[("HEYGEN_SYNC_API__BASE_URL", url)]).load();
        assert_eq!(config.api.base_url, Url::parse(url).unwrap());
    }
    for (url, message) in [
        ("http://api.example", "must begin with https://: over plain http"),
        ("http://localhost.example", "must begin with https://: over plain http"),
        ("http://128.0.0.1", "must begin with https://: over plain http"),
        ("http://[::2]", "must begin with https://: over plain http"),
        ("ftp://api.example", "must begin with https://"),
        ("api.example", "must be an http(s) URL"),
        ("https://", "must be an http(s) URL"),
        ("https://u:secret@api.example", "must not contain a user name"),
        ("https://u@api.example", "must not contain a user name"),
        ("https://api.example?a=secret", "must have no query"),
        ("https://api.example#a", "must have no query"),
    ] {
        let error = of_env(&[("HEYGEN_SYNC_API__BASE_URL", url)]).error();
        let start = format!("the environment variable HEYGEN_SYNC_API__BASE_URL {message}");
        assert!(error.starts_with(&start), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn the_environment_stands_over_the_file_for_every_key() {
    let values = [
        ("database", "env.db"),
        ("api.base_url", "https://env.example/"),
        ("api.catalogues", "['voices', 'avatars']"),
        ("api.version", "v3"),
        ("api.timeout", "1m"),
        ("api.connect_timeout", "7"),
        ("api.max_response", "1 MB"),
        ("api.retries", "1"),
        ("api.retry_time", "1h"),
        ("removals.after_polls", "3"),
        ("removals.min_count", "5"),
        ("removals.max_share", "1"),
        ("mirror.enabled", "true"),
        ("mirror.store", "s3://bucket/previews"),
        ("mirror.allowed_hosts", "['files.example', '::1']"),
        ("mirror.pictures", "false"),
        ("mirror.videos", "false"),
        ("mirror.audio", "true"),
        ("mirror.concurrency", "3"),
        ("mirror.requests_per_second", "4"),
        ("mirror.max_file", "5 MB"),
        ("mirror.recheck", "30d"),
        ("archive.enabled", "true"),
        ("archive.store", "s3://bucket/answers"),
        ("serve.listen", "[::1]:9000"),
        ("serve.token_env", "TOKEN"),
        ("serve.token_file", "/run/token"),
        ("serve.behind_proxy", "true"),
        ("serve.live_previews", "false"),
        ("serve.preview_cache", "5 MB"),
        ("serve.preview_cache_folder", "/var/cache/previews"),
        ("serve.preview_cache_folder_size", "6 MB"),
        ("serve.hosts", "['gallery.example']"),
        ("notify.name", "ops"),
        ("notify.kind", "email"),
        ("notify.url", "smtps://mail.example"),
        ("notify.url_env", ""),
        ("notify.url_file", ""),
        ("notify.secret_env", "SECRET"),
        ("notify.secret_file", "/run/secret"),
        ("notify.from", "heygen@example.org"),
        ("notify.to", "['Ops <ops@example.org>']"),
        ("notify.command", "[]"),
        ("notify.timeout", "5s"),
        ("notify.events", "['held', 'stale']"),
        ("notify.accounts", "['a']"),
        ("notify.watch", "['a', 'b']"),
        ("notify.stale_after", "26h"),
        ("notify.ping_start", "http://127.0.0.1:8000/start"),
        ("notify.ping_success", "http://localhost/"),
        ("notify.ping_failure", "https://monitor.example/fail"),
        ("daemon.schedule", "0 30 5 * * MON-FRI"),
        ("daemon.timezone", "Europe/Berlin"),
        ("daemon.jitter", "0s"),
        ("daemon.listen", "[::1]:9001"),
        ("daemon.stop_time", "5"),
        ("metrics.textfile", "/run/a.prom"),
        ("publish.file", "/srv/p.db"),
        ("log.format", "json"),
        ("accounts", "[{ name = 'a', api_key_env = 'A' }]"),
    ];
    let mut keys: Vec<String> =
        leaves(&overlay::known().unwrap(), "").into_iter().map(|(key, _)| key).collect();
    let mut tried: Vec<String> = values.iter().map(|(key, _)| key.to_string()).collect();
    keys.sort();
    tried.sort();
    assert_eq!(keys, tried, "a new key wants its line above");
    let machine = of_file("database = 'file.db'\n[api]\ntimeout = 1\n[removals]\nmin_count = 4");
    let variables: Vec<(String, &str)> = values
        .iter()
        .map(|(key, value)| {
            (format!("HEYGEN_SYNC_{}", key.to_uppercase().replace('.', "__")), *value)
        })
        .collect();
    let borrowed: Vec<(&str, &str)> = variables.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let config = machine.env(&borrowed).load();
    let account = Account { name: "a".into(), api_key_env: Some("A".into()), api_key_file: None };
    let expected = Config {
        database: "env.db".into(),
        api: Api {
            base_url: Url::parse("https://env.example").unwrap(),
            catalogues: vec![Catalogue::Voices, Catalogue::Avatars],
            version: Version::Fixed(ApiVersion::V3),
            timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(7),
            max_response: 1_000_000,
            retries: 1,
            retry_time: Duration::from_secs(3600),
        },
        serve: Serve {
            listen: "[::1]:9000".into(),
            token_env: Some("TOKEN".into()),
            token_file: Some("/run/token".into()),
            behind_proxy: true,
            live_previews: Some(false),
            preview_cache: 5_000_000,
            preview_cache_folder: Some("/var/cache/previews".into()),
            preview_cache_folder_size: 6_000_000,
            hosts: vec!["gallery.example".into()],
        },
        daemon: Daemon {
            schedule: "0 30 5 * * MON-FRI".into(),
            timezone: "Europe/Berlin".into(),
            jitter: Duration::ZERO,
            listen: "[::1]:9001".into(),
            stop_time: Duration::from_secs(5),
        },
        metrics: Metrics { textfile: Some("/run/a.prom".into()) },
        publish: Publish { file: Some("/srv/p.db".into()) },
        log: Log { format: LogFormat::Json },
        removals: Removals { after_polls: Some(3), min_count: 5, max_share: 1.0 },
        mirror: Mirror {
            enabled: true,
            store: "s3://bucket/previews".into(),
            allowed_hosts: vec!["files.example".into(), "::1".into()],
            pictures: false,
            videos: false,
            audio: true,
            concurrency: 3,
            requests_per_second: 4,
            max_file: 5_000_000,
            recheck: Duration::from_secs(30 * 86_400),
        },
        notify: vec![Notify {
            name: Some("ops".into()),
            kind: ReceiverKind::Email,
            url: Url::parse("smtps://mail.example").ok(),
            url_env: None,
            url_file: None,
            secret_env: Some("SECRET".into()),
            secret_file: Some("/run/secret".into()),
            from: Some("heygen@example.org".into()),
            to: vec!["Ops <ops@example.org>".into()],
            command: vec![],
            timeout: Some(Duration::from_secs(5)),
            events: vec![Event::Held, Event::Stale],
            accounts: vec!["a".into()],
            watch: vec!["a".into(), "b".into()],
            stale_after: Some(Duration::from_secs(26 * 3600)),
            ping_start: Url::parse("http://127.0.0.1:8000/start").ok(),
            ping_success: Url::parse("http://localhost/").ok(),
            ping_failure: Url::parse("https://monitor.example/fail").ok(),
        }],
        archive: ArchiveSection { enabled: true, store: "s3://bucket/answers".into() },
        accounts: vec![account],
    };
    assert_eq!(config, expected);
}

#[test]
fn a_receiver_is_asked_over_https_or_on_this_machine_and_never_shown() {
    let url = "http://receiver.example/hook-SECRET";
    let error = of_file(&format!("[notify]\nurl = '{url}'")).error();
    assert!(error.contains("2: notify.url must be") && !error.contains("SECRET"), "{error}");
    for key in ["ping_start", "ping_success", "ping_failure"] {
        let error = of_file(&format!("[notify]\n{key} = '{url}'")).error();
        assert!(error.contains(key) && !error.contains("SECRET"), "{error}");
    }
    let config = of_file("[notify]\nurl = 'https://receiver.example/hook-SECRET'").load();
    assert!(!format!("{config:?}").contains("SECRET"), "{config:?}");
}

#[test]
fn a_section_is_one_receiver_and_each_block_of_a_list_is_another() {
    let names = |text: &str| -> Vec<String> {
        of_file(text).load().notify.iter().map(|block| block.name().to_owned()).collect()
    };
    assert_eq!(names("[notify]\nurl = 'https://a.example'\nformat = 'slack'"), ["slack"]);
    let list = "[[notify]]\nurl = 'https://a.example'\n[[notify]]\nname = 'ops'\nkind = 'command'\n\
                command = ['tell']\n[[notify]]\nping_success = 'https://m.example'";
    assert_eq!(names(list), ["webhook", "ops", "webhook"]);
    let env = of_env(&[
        ("HEYGEN_SYNC_NOTIFY__URL", "https://a.example"),
        ("HEYGEN_SYNC_NOTIFY__FORMAT", "slack"),
    ]);
    let env = env.load().notify;
    assert_eq!((env.len(), env[0].kind), (1, ReceiverKind::Slack));
    let both = of_file(list).env(&[("HEYGEN_SYNC_NOTIFY__URL", "https://SECRET.example")]).error();
    assert!(both.contains("[[notify]] is a list") && !both.contains("SECRET"), "{both}");
}

#[test]
fn a_receiver_that_could_never_be_told_is_refused_with_its_line() {
    for (block, message) in [
        ("", "must have url, url_env, url_file or command, or a ping"),
        (
            "url = 'https://SECRET.example'\nurl_env = 'A'",
            "must have url, url_env or url_file, and only one",
        ),
        ("url = 'smtps://SECRET.example'", "must have a url that begins with https://"),
        (
            "kind = 'email'\nurl = 'https://SECRET.example'",
            "must have a url that begins with https://",
        ),
        ("kind = 'email'\nurl = 'smtps://SECRET.example'", "must have from and to"),
        ("url_env = 'A'\nevents = ['stale']", "must have stale_after"),
        ("url_env = 'A'\nevents = ['watched']", "must have ids in watch"),
        ("url_env = 'A'\ncommand = ['x']", "must have kind = \"command\""),
        ("url_env = 'A'\nto = ['a@example.org']", "must have kind = \"email\""),
        ("name = 'first'\nurl_env = 'A'", "must have a name that no other receiver has"),
    ] {
        let first = "[[notify]]\nname = 'first'\nurl_env = 'A'\n";
        let error = of_file(&format!("{first}[[notify]]\n{block}")).error();
        assert!(error.contains(&format!("config.toml:4: notify[2] {message}")), "{block}\n{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
    for (block, message) in [
        ("kind = 'fax'", "kind must be \"webhook\" or \"slack\" or \"email\" or \"command\""),
        ("events = ['changed']", "must be \"baseline\" or"),
        ("url = 'smtp://SECRET.example'", "url must be a URL in quotes that begins with https://"),
        ("to = ['nobody']", "to must be a list of addresses"),
        ("timeout = '2m'", "timeout must be a duration above 0 and up to a minute"),
    ] {
        let error = of_file(&format!("[notify]\n{block}")).error();
        assert!(error.contains("config.toml:2: notify.") && error.contains(message), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
    // The environment may complete a section; what is still wrong then is reported.
    let section = of_file("[notify]\nkind = 'email'\nurl = 'smtps://m.example'").error();
    assert!(section.contains("notify must have from and to"), "{section}");
}

#[test]
fn the_password_of_a_mail_server_may_be_in_its_url_or_apart() {
    let server = |url: &str, more: &str| {
        let text = format!(
            "[notify]\nkind = 'email'\nfrom = 'a@b.example'\nto = ['c@d.example']\nurl_env = 'U'\n{more}"
        );
        let machine = of_file(&text).env(&[("U", url), ("P", "p w")]);
        match machine.load().notify[0].receiver(&machine.sources) {
            Ok(Receiver::Email(mail)) => Ok(mail.server.to_string()),
            Ok(_) => Err("no mail".into()),
            Err(error) => Err(error.message),
        }
    };
    assert_eq!(
        server("smtps://u@m.example", "secret_env = 'P'"),
        Ok("smtps://u:p%20w@m.example".into())
    );
    assert_eq!(server("smtps://u:q@m.example", ""), Ok("smtps://u:q@m.example".into()));
    for here in ["smtp://localhost:25", "smtp://127.0.0.1:25", "smtp://[::1]:25"] {
        assert_eq!(server(here, ""), Ok(here.into()));
    }
    assert!(server("smtps://u@m.example", "").unwrap_err().contains("set secret_env"));
    for wrong in [
        "smtp://u:SECRET@m.example",
        "https://SECRET.example",
        "smtp://SECRET.example?tls=opportunistic",
        "smtp://192.0.2.1/?SECRET",
    ] {
        let error = server(wrong, "").unwrap_err();
        assert!(error.contains("is not an allowed URL") && !error.contains("SECRET"), "{error}");
    }
}

#[test]
fn a_secret_is_taken_as_it_is_or_as_standard_webhooks_write_it() {
    let key = |secret: &str| {
        let machine = of_file("[notify]\nurl = 'https://r.example'\nsecret_env = 'S'");
        let machine = machine.env(&[("S", secret)]);
        match machine.load().notify[0].receiver(&machine.sources) {
            Ok(Receiver::Webhook(_, key)) => Ok(key.expose_secret().to_vec()),
            Ok(_) => Err("no webhook".into()),
            Err(error) => Err(error.message),
        }
    };
    assert_eq!(key("plain"), Ok(b"plain".to_vec()));
    assert_eq!(key("whsec_aGV5"), Ok(b"hey".to_vec()));
    assert!(key("whsec_!").unwrap_err().contains("the rest is not base64"));
    assert!(key("").unwrap_err().contains("is unset or empty"));
}

#[test]
fn the_database_comes_from_the_flag_then_its_key_then_database_url_then_the_file() {
    let url = ("DATABASE_URL", "url.db");
    let mut machine = of_file("database = 'file.db'");
    assert_eq!(machine.load().database, "file.db");
    machine = machine.env(&[url]);
    assert_eq!(machine.load().database, "url.db");
    machine = machine.env(&[url, ("HEYGEN_SYNC_DATABASE", "2026")]);
    assert_eq!(machine.load().database, "2026");
    machine.sources.database = Some("flag.db".into());
    assert_eq!(machine.load().database, "flag.db");
    machine.sources.database = Some(String::new());
    assert!(machine.error().starts_with("--database must not be empty"));
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value, message) in [
        ("HEYGEN_SYNC_API__TIMEOUT", "soon", "must be a duration above 0"),
        ("HEYGEN_SYNC_DAEMON__SCHEDULE", "hourly", "must be a cron expression of 5 or 6 fields"),
        (
            "HEYGEN_SYNC_DAEMON__SCHEDULE",
            "0 0 30 2 *",
            "must be a cron expression of 5 or 6 fields",
        ),
        ("HEYGEN_SYNC_DAEMON__SCHEDULE", "0 0 0 1 1 * 2030", "must be a cron expression of 5 or 6"),
        ("HEYGEN_SYNC_DAEMON__TIMEZONE", "Berlin", "must be the name of a time zone"),
        ("HEYGEN_SYNC_DAEMON__JITTER", "25h", "must be a duration up to a day"),
        ("HEYGEN_SYNC_LOG__FORMAT", "xml", "must be \"text\" or \"json\""),
        ("HEYGEN_SYNC_REMOVALS__MAX_SHARE", "nan", "must be a number from 0 to 1"),
        ("HEYGEN_SYNC_API__VERSION", "v7", "must be \"v2\" or \"v3\" or \"auto\""),
        ("HEYGEN_SYNC_ACCOUNTS", "sk_secret", "must be a list such as"),
        ("HEYGEN_SYNC_API__VERSION", "2", "must be \"v2\" or \"v3\" or \"auto\""),
        (
            "HEYGEN_SYNC_ACCOUNTS",
            "[{ name = 'a', key = 'secret' }]",
            "contains an unknown key (known: n",
        ),
        ("HEYGEN_SYNC_DATABASE", "secret\u{fffd}", "is not valid UTF-8"),
        ("HEYGEN_SYNC_REMOVALS__MAX_SHAR", "1", "sets no known key (known: HEYGEN_SYNC_REMOVALS__"),
        ("HEYGEN_SYNC_REMOVAL__MAX_SHARE", "1", "sets no known key (known: HEYGEN_SYNC_ACCOUNTS,"),
        ("HEYGEN_SYNC_REMOVALS", "{}", "sets no known key (known: HEYGEN_SYNC_REMOVALS__AFTER_"),
        ("HEYGEN_SYNC_DATABASE__URL", "secret", "sets no known key: correct its name or unset it"),
        ("HEYGEN_SYNC_Database", "secret", "sets no known key (known: "),
        ("HEYGEN_SYNC_", "secret", "sets no known key (known: "),
    ] {
        let error = of_env(&[(name, value)]).error();
        let start = format!("the environment variable {name} {message}");
        assert!(error.starts_with(&start), "{error}\n{start}");
        assert!(!error.contains("secret"), "{error}");
    }
    let error = of_env(&[("HEYGEN_SYNC_ACCOUNTS", "[{ name = 'a' }]")]).error();
    let start = "the environment variable HEYGEN_SYNC_ACCOUNTS[1] must have api_key_env or";
    assert!(error.starts_with(start), "{error}");
}

#[test]
fn debug_shows_no_password_and_no_variable() {
    let machine = of_env(&[("DATABASE_URL", "postgres://u:secret@h/d?password=secret")]);
    let shown = format!("{:?} {:?}", machine.load(), machine.sources);
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn the_default_account_has_its_key_from_the_environment_a_file_or_systemd() {
    assert_eq!(of_env(&[("HEYGEN_API_KEY", "k 1")]).keys(), [("default".into(), Ok("k 1".into()))]);
    let machine = machine().file("work/key", "k2\r\n").file("cred/api_key", "k3");
    let credentials = machine.path("cred");
    let credentials = ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap());
    let machine = machine.env(&[credentials, ("HEYGEN_API_KEY_FILE", "key")]);
    assert_eq!(machine.key(), Ok("k2".into()));
    let machine = machine.env(&[credentials]);
    assert_eq!(machine.key(), Ok("k3".into()));
    let machine = machine.env(&[("CREDENTIALS_DIRECTORY", "/nowhere")]);
    assert!(
        machine.key().unwrap_err().contains("set HEYGEN_API_KEY to it, or HEYGEN_API_KEY_FILE")
    );
    let machine = machine.env(&[("HEYGEN_API_KEY", "a"), ("HEYGEN_API_KEY_FILE", "key")]);
    assert!(machine.key().unwrap_err().starts_with("both HEYGEN_API_KEY and HEYGEN_API_KEY_FILE"));
}

#[test]
fn a_key_that_cannot_be_sent_is_refused_and_not_told() {
    for key in ["secret\nx", "secret\tx", "secret\u{e9}", "secret\u{7f}", "secret\0"] {
        let error = of_env(&[("HEYGEN_API_KEY", key)]).key().unwrap_err();
        assert!(error.starts_with("HEYGEN_API_KEY contains more than the API key"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let error = of_env(&[("HEYGEN_API_KEY", "\n")]).key().unwrap_err();
    assert!(error.starts_with("HEYGEN_API_KEY is empty"), "{error}");
    for (text, message) in [
        ("\n", "the file 'work/key' is empty: put the API key there"),
        ("secret\n\nx", "the file 'work/key' contains more than the API key"),
        (&"x".repeat(70_000), "the file 'work/key' is too long"),
    ] {
        let machine = machine().file("work/key", text).env(&[("HEYGEN_API_KEY_FILE", "key")]);
        let error = machine.key().unwrap_err();
        assert!(error.starts_with(message) && !error.contains("secret"), "{error}");
    }
    let error = of_env(&[("HEYGEN_API_KEY_FILE", "no")]).key().unwrap_err();
    assert!(error.starts_with("cannot read the API key from the file 'work/no': "), "{error}");
}

#[test]
fn configured_accounts_have_each_their_key_or_their_error() {
    let accounts = "[[accounts]]\nname = 'a'\napi_key_env = 'A'\n[[accounts]]\nname = 'b'\n\
                    api_key_file = 'b.key'\n[[accounts]]\nname = 'c'\napi_key_env = 'C'\n\
                    [[accounts]]\nname = 'd'\napi_key_env = 'sk_secret'";
    let machine = of_file(accounts)
        .file("work/b.key", "key-b\n")
        .env(&[("A", "key-a"), ("HEYGEN_API_KEY", "other")]);
    let missing = |name: &str, what: &str| {
        Err(format!(
            "account '{name}': there is no API key: {what} is unset or empty; set it, or \
             correct api_key_env"
        ))
    };
    assert_eq!(
        machine.keys(),
        [
            ("a".to_owned(), Ok("key-a".to_owned())),
            ("b".to_owned(), Ok("key-b".to_owned())),
            ("c".to_owned(), missing("c", "C")),
            ("d".to_owned(), missing("d", "the variable of its api_key_env")),
        ]
    );
}

proptest::proptest! {
    #[test]
    fn no_text_of_a_file_or_a_variable_makes_it_panic(
        text in "([a-z_.]{0,9}|database|api|timeout|accounts|[=\"'\\[\\]{}\n #é]|[0-9.]{1,3}){0,20}",
    ) {
        let _ = file::read("config.toml", &text);
        for name in ["HEYGEN_SYNC_ACCOUNTS", "HEYGEN_SYNC_API__TIMEOUT", "HEYGEN_SYNC_DATABASE"] {
            let _ = overlay::lay_over(&mut toml::Table::new(), &[(name, text.as_str())].into_iter().collect());
        }
        let _ = overlay::lay_over(
            &mut toml::Table::new(),
            &[(format!("HEYGEN_SYNC_{text}"), "1")].into_iter().collect(),
        );
    }
}

#[test]
fn a_blank_token_is_refused_as_the_gallerys_password() {
    let expect_refused = |machine: Machine| {
        let error = machine.load().serve.token(&machine.sources).unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(error.message.contains("the gallery's password"), "{}", error.message);
        assert!(!error.message.contains("API key"), "{}", error.message);
    };
    for blank in ["", "\n", " \n", "\t\r\n"] {
        let config = "[serve]\ntoken_file = \"token\"\n";
        expect_refused(machine().file("work/config.toml", config).file("work/token", blank));
    }
    let config = "[serve]\ntoken_env = \"GALLERY\"\n";
    expect_refused(machine().file("work/config.toml", config).env(&[("GALLERY", " ")]));
}

#[test]
fn a_bad_file_of_a_receiver_is_not_called_that_of_the_api_key() {
    for (key, what) in [("url_file", "the URL"), ("secret_file", "the secret")] {
        for (text, wrong) in [("\n", "is empty"), ("a\nb", "contains more than")] {
            let block = if key == "url_file" { "kind = 'slack'" } else { "url = 'https://h'" };
            let config = format!("[notify]\n{block}\n{key} = 'f'\n");
            let machine = of_file(&config).file("work/f", text);
            let error = machine.load().notify[0].receiver(&machine.sources).err().unwrap();
            let Error { kind, message } = error;
            assert_eq!(kind, Kind::Config);
            assert!(message.contains(wrong) && message.contains(what), "{message}");
            assert!(!message.contains("key"), "{message}");
        }
    }
}
