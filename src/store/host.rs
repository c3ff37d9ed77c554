//! The name of this process in lists of connections.

use crate::system::host;

/// Returns the name to show in `pg_stat_activity`: which process holds the lock, and on which host.
pub fn application_name() -> String {
    name_of(&host(), std::process::id())
}

/// Cuts a long host name (a pod's) so that the name has at most the 63 bytes that PostgreSQL keeps.
fn name_of(host: &str, pid: u32) -> String {
    let end = format!(" pid {pid}");
    let start = format!("heygen-sync {host}");
    let start = start.chars().filter(char::is_ascii).take(63 - end.len());
    start.chain(end.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_a_server_shows_ends_with_the_process() {
        assert_eq!(name_of("box", 7), "heygen-sync box pid 7");
        let long = name_of(&"né".repeat(60), u32::MAX);
        assert_eq!(long.len(), 63);
        assert!(long.starts_with("heygen-sync nnn") && long.ends_with("n pid 4294967295"));
    }
}
