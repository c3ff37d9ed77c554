//! How this process is called in lists of connections.

use crate::system::host;

/// What a colleague sees in `pg_stat_activity`: who holds the lock, and where.
pub fn application_name() -> String {
    name_of(&host(), std::process::id())
}

/// PostgreSQL keeps 63 bytes: of a long host's name (a pod's) the beginning, of the rest all.
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
