//! Hints for an invalid command line whose intention is clear.

use std::ffi::OsString;

use clap::{
    builder::StyledStr,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

/// Words that people try, and the verb that they mean. clap itself suggests corrections of typos.
const MEANT: [(&[&str], &str); 10] = [
    (&["poll", "pull", "fetch", "update", "run", "import", "refresh"], "sync"),
    (&["list", "ls", "avatars", "dump", "show-all", "catalogue", "catalog"], "export"),
    (&["log", "diff", "feed", "events", "news"], "changes"),
    (&["show", "get", "versions", "item"], "history"),
    (&["gallery", "web", "ui", "browse", "server"], "serve"),
    (&["doctor", "test", "validate", "preflight", "config"], "check"),
    (&["backup", "migrate", "move", "clone"], "copy"),
    (&["restore", "rebuild"], "replay"),
    (&["info", "health", "state"], "status"),
    (&["rename", "accounts"], "account"),
];

/// Returns the error with a hint; `words` is the command line.
pub(super) fn hinted(mut error: Error, words: &[OsString]) -> Error {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let verb = context(&error, ContextKind::InvalidSubcommand);
            let meant = MEANT.iter().find(|(words, _)| words.contains(&verb.as_str()));
            if let Some((_, verb)) = meant {
                let verbs = ContextValue::Strings(vec![(*verb).to_owned()]);
                error.insert(ContextKind::SuggestedSubcommand, verbs);
            }
        }
        ErrorKind::UnknownArgument => {
            let word = context(&error, ContextKind::InvalidArg);
            let flag = "--accept-removals";
            let follows = |pair: &[OsString]| pair[0] == flag && pair[1] == *word;
            if words.windows(2).any(follows) {
                let hint = StyledStr::from(format!("write it with '=': {flag}={word}"));
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
            }
        }
        _ => {}
    }
    error
}

fn context(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, parse};

    fn message_for(line: &str) -> String {
        parse(line.split(' ').map(OsString::from)).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_verb_suggests_the_one_that_is_meant() {
        for (wrong, right) in
            [("histroy", "history"), ("synch", "sync"), ("poll", "sync"), ("log", "changes")]
        {
            let message = message_for(&format!("heygen-sync {wrong}"));
            assert!(message.contains(&format!("'{right}'")), "{message}");
        }
    }

    #[test]
    fn a_number_beside_accept_removals_hints_at_the_equals_sign() {
        let message = message_for("heygen-sync sync --accept-removals 5");
        assert!(message.contains("--accept-removals=5"), "{message}");
    }

    #[test]
    fn every_suggested_verb_exists() {
        use clap::CommandFactory;
        for (_, verb) in MEANT {
            assert!(Arguments::command().find_subcommand(verb).is_some(), "{verb}");
        }
    }
}
