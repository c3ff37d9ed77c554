//! The command that accepts held removals, as polls, `status`, the gallery and notices print it.

use super::row::PollRow;
use crate::{
    catalog::held::HeldSet,
    words::{shell_word, shell_words},
};

/// Returns the `sync` command that accepts exactly the removals that `poll` held, with the source of that
/// poll. It starts with `program`: the program and its flags, quoted for a shell.
pub fn accepting_command(program: &str, poll: &PollRow, held: HeldSet) -> String {
    let from = poll.source.as_deref().filter(|_| poll.trigger == "file");
    let from_words = from.map_or(vec![], |from| vec!["--from", from]);
    let accept = format!("--accept-removals={held}");
    let of = ["--account", poll.account.as_str(), "--catalogue", poll.catalogue().as_str()];
    let own = of.into_iter().chain(from_words);
    let words = shell_words(own);
    let stdin = if from == Some("-") { " < FILE" } else { "" };
    format!("{program} sync {words} {}{stdin}", shell_word(&accept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_reads_what_the_poll_has_read() {
        let mut poll = PollRow { account: "a b".into(), ..PollRow::default() };
        poll.source = Some("https://api.heygen.com/v2/avatars".into());
        let held = "2-1a2b3c4d".parse().unwrap();
        let command = |poll: &PollRow| accepting_command("heygen-sync -q", poll, held);
        assert_eq!(
            command(&poll),
            "heygen-sync -q sync --account 'a b' --catalogue avatars --accept-removals=2-1a2b3c4d"
        );
        (poll.trigger, poll.source) = ("file".into(), Some("-".into()));
        let expected = "heygen-sync -q sync --account 'a b' --catalogue avatars --from - --accept-removals=2-1a2b3c4d < FILE";
        assert_eq!(command(&poll), expected);
    }
}
