//! The cost of a run of all three catalogues next to three processes for one each: ratios, not times.
//!
//! `cargo bench --bench catalogues -- [LOOKS]` (default 10000, with 4 % as many groups and 20 % as many
//! voices). A local server always gives the same answer; each round polls it in one process, then in
//! three, and the next round in the reverse order. The median of the rounds counts.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot run has nothing to say"
)]

#[allow(unused_imports, reason = "the tests use more of it")]
#[path = "../tests/it/fake/mod.rs"]
mod fake;

use std::{path::Path, process::Command, time::Instant};

use fake::{FakeHeyGen, KEY};

const ROUNDS: usize = 9;
const CATALOGUES: [&str; 3] = ["avatars", "avatar_groups", "voices"];

fn main() {
    let looks = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(10_000);
    let heygen = FakeHeyGen::start();
    for nth in 0..looks {
        heygen.add_avatar(&format!("a{nth:06}"), |look| {
            look.set_look("group_id", format!("g{:06}", nth % (looks / 25)));
        });
    }
    (0..looks / 25).for_each(|nth| heygen.add_group(&format!("g{nth:06}")));
    (0..looks / 5).for_each(|nth| heygen.add_voice(&format!("v{nth:06}"), nth % 20 == 0));
    let folder = tempfile::tempdir().expect("a folder");
    sync(&heygen, folder.path(), &[]);
    let three = || CATALOGUES.map(|one| sync(&heygen, folder.path(), &["--catalogue", one]));
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let before = (round % 2 == 0).then(three);
            let one = sync(&heygen, folder.path(), &[]);
            let three: f64 = before.unwrap_or_else(three).iter().sum();
            one / three
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("| looks | groups | voices | one run / three runs, same answer again |");
    println!("|---|---|---|---|");
    println!("| {looks} | {} | {} | {:.2} × |", looks / 25, looks / 5, ratios[ROUNDS / 2]);
}

/// Returns the seconds that a run of the command takes.
fn sync(heygen: &FakeHeyGen, folder: &Path, args: &[&str]) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heygen-sync"));
    command.arg("sync").args(args).current_dir(folder).env_clear();
    command.env("HEYGEN_API_KEY", KEY).env("HEYGEN_SYNC_API__BASE_URL", heygen.base_url());
    command.env("HEYGEN_SYNC_API__VERSION", "v3");
    command.env("HEYGEN_SYNC_API__CATALOGUES", format!("{CATALOGUES:?}"));
    let started = Instant::now();
    let ran = command.output().expect("runs");
    let seconds = started.elapsed().as_secs_f64();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    seconds
}
