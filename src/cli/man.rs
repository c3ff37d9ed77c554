//! `completions` and `man`: print the files that packages install.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_mangen::roff::{Roff, bold, roman};

use super::output::print;
use crate::error::{Error, Result};

/// Write shell completions to stdout
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> Result<u8> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut command, "heygen-sync", &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}

/// Write the manual page to stdout (heygen-sync man | man -l -)
#[derive(Debug, Args)]
pub struct Man {}

impl Man {
    pub(super) fn run(self, command: Command) -> Result<u8> {
        let mut page = vec![];
        let written = render(command, &mut page);
        written
            .map_err(|fault| Error::unforeseen(format!("cannot write the manual page: {fault}")))?;
        print(&String::from_utf8_lossy(&page))?;
        Ok(0)
    }
}

/// The exit codes, and what each means.
const EXIT_CODES: [(u8, &str); 13] = [
    (0, "done"),
    (1, "unexpected error, or verify found a mismatch"),
    (2, "usage"),
    (3, "removals held"),
    (4, "some previews failed"),
    (5, "some ids are not usable"),
    (10, "changed (--exit-code only)"),
    (65, "the answer is not a catalogue"),
    (69, "the API cannot be reached"),
    (74, "database or file error"),
    (75, "another poll is running"),
    (77, "access refused (key, plan or scope)"),
    (78, "configuration error, or no key"),
];

/// Returns the exit codes as the end of the help.
pub(super) fn exit_codes() -> String {
    let all = EXIT_CODES.map(|(code, meaning)| format!("{code} {meaning}"));
    format!("Exit codes: {}", all.join(" · "))
}

/// The environment variables that are read.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("HEYGEN_API_KEY", "The API key of the account 'default'."),
    ("HEYGEN_API_KEY_FILE", "The path of a file that contains it."),
    ("DATABASE_URL", "The database: a file (SQLite) or a postgres:// URL."),
    ("HEYGEN_SYNC_CONFIG", "The configuration file."),
    (
        "HEYGEN_SYNC_SECTION__KEY",
        "Any key of the configuration file, such as HEYGEN_SYNC_MIRROR__ENABLED=true.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Set by systemd: the folder with the credentials api_key, notify_secret and notify_secret_NAME.",
    ),
    (
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL",
        "How S3 is reached, for a mirror or an archive in a bucket.",
    ),
    (
        "PGPASSWORD, PGSSLMODE, PGSSLROOTCERT and others",
        "Whatever a postgres:// URL leaves out, as in libpq.",
    ),
    ("HTTPS_PROXY, NO_PROXY, NO_COLOR", "Their usual meaning. The mirror uses no proxy."),
];

/// The files and where they are.
const FILES: [(&str, &str); 4] = [
    (
        "./config.toml, ~/.config/heygen-sync/config.toml, /etc/heygen-sync/config.toml",
        "The configuration: the first of these that exists. $XDG_CONFIG_HOME replaces ~/.config.",
    ),
    ("heygen.db", "The database, in the working directory unless configured otherwise."),
    ("heygen.db.*", "Lock files of a SQLite database. They need not be deleted."),
    ("mirror/, archive/", "The default stores of pictures and videos, and of answers."),
];

/// Renders one page for all verbs, each with its flags and examples.
fn render(mut command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    command.build();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    roff.to_writer(page)?;
    let verbs = || command.get_subcommands().filter(|verb| verb.get_name() != "help");
    for verb in verbs() {
        render_verb("heygen-sync", verb, page)?;
    }
    let mut roff = Roff::new();
    listed(&mut roff, "ENVIRONMENT", ENVIRONMENT);
    roff.text([roman("An empty variable counts as unset.")]);
    listed(&mut roff, "FILES", FILES);
    let codes = EXIT_CODES.map(|(code, meaning)| (code.to_string(), meaning));
    listed(&mut roff, "EXIT STATUS", codes);
    roff.control("SH", ["EXAMPLES"]);
    for help in verbs().filter_map(after_help) {
        if let Some(examples) = help.strip_prefix(EXAMPLES) {
            as_it_is(&mut roff, examples.split("\n\n").next().unwrap_or_default());
        }
    }
    roff.to_writer(page)
}

const EXAMPLES: &str = "Examples:\n";

fn after_help(verb: &Command) -> Option<String> {
    verb.get_after_help().map(ToString::to_string)
}

/// Renders a verb: its description, synopsis, own flags, and the end of its help without the
/// examples; then its own verbs.
fn render_verb(above: &str, verb: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{above} {}", verb.get_name());
    let mut roff = Roff::new();
    roff.control("SS", [name.as_str()]);
    roff.text([roman(verb.get_about().map(ToString::to_string).unwrap_or_default())]);
    roff.control("PP", []);
    roff.to_writer(page)?;
    let man = clap_mangen::Man::new(verb.clone().bin_name(name.clone()));
    let mut own = vec![];
    man.render_synopsis_section(&mut own)?;
    man.render_options_section(&mut own)?;
    // The headings would end the COMMANDS section; the flags of all verbs are above.
    for line in String::from_utf8_lossy(&own).lines() {
        match line {
            r#".SH "GLOBAL OPTIONS""# => break,
            ".SH SYNOPSIS" | ".SH OPTIONS" => {}
            line => writeln!(page, "{line}")?,
        }
    }
    let help = after_help(verb).unwrap_or_default();
    let rest = match help.strip_prefix(EXAMPLES) {
        Some(examples) => examples.split_once("\n\n").map_or("", |(_, rest)| rest),
        None => &help,
    };
    let mut roff = Roff::new();
    roff.control("PP", []);
    for line in rest.lines() {
        roff.text([roman(line)]);
    }
    roff.to_writer(page)?;
    let mut below = verb.get_subcommands().filter(|verb| verb.get_name() != "help");
    below.try_for_each(|verb| render_verb(&name, verb, page))
}

/// Adds a section of terms and their meanings.
fn listed<T: Into<String>>(
    roff: &mut Roff,
    title: &str,
    entries: impl IntoIterator<Item = (T, &'static str)>,
) {
    roff.control("SH", [title]);
    for (term, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    }
    roff.control("PP", []);
}

/// Adds lines whose line breaks are kept.
fn as_it_is(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}
