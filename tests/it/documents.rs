//! The examples of the README are run: its first command, and its queries on both engines.

use crate::home::{Home, at_home};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// Returns the arguments of the `cargo run` in the block after a marker of the README.
fn arguments(marker: &str) -> Vec<String> {
    let readme = readme();
    let block = readme.split(&format!("<!-- {marker} -->\n```sh\n")).nth(1).unwrap();
    let line = block.lines().next().unwrap().split_once(" -- ").unwrap().1;
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/");
    line.split(' ').map(|word| word.replace("examples/", examples)).collect()
}

#[tokio::test]
async fn the_first_command_of_the_readme_keeps_out_of_the_real_history() {
    let home = Home::sqlite().await;
    let first = arguments("first-command");
    let ran = home.run(&first.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((ran.code, ran.stdout.contains("9 items added")), (0, true), "{ran:?}");
    assert!(home.folder().join("demo.db").exists() && !home.folder().join("heygen.db").exists());
    assert_eq!(arguments("then-serve"), ["--database", "demo.db", "serve"]);
    assert!(first.starts_with(&["--database".to_owned(), "demo.db".to_owned()]));
    for line in readme().lines().filter(|line| line.contains(" sync --from examples/")) {
        assert!(line.contains("--database demo.db sync"), "{line}");
    }
}

#[test]
fn the_readme_is_short() {
    assert!(readme().lines().count() < 250, "move something to docs/");
}

/// Returns the code blocks of the README that follow `<!-- query -->`.
fn queries() -> Vec<String> {
    let readme = readme();
    let blocks = readme.split("<!-- query -->\n```sql\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

at_home! {
    async fn the_queries_of_the_readme_answer_what_they_ask(home: Home) {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/saved-response.json");
        let poll = |body: &str, time: &str| {
            home.file("saved.json", body);
            assert_eq!(home.sync(&["--from", "saved.json", "--observed-at", time]).0, 0);
        };
        let first = std::fs::read_to_string(example).unwrap();
        poll(&first, "2026-10-20");
        let later = first.replace("Jonas Standing", "Jonas").replace("Akiko_greenhouse_public", "Bo");
        poll(&later, "2026-11-20");
        let mut counts = vec![];
        for sql in queries() {
            counts.push(home.count(&sql).await);
        }
        assert_eq!(counts, [1, 1]);
    }
}
