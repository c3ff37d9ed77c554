//! What the documents show is run: the README's queries, on both engines.

use crate::home::{Home, at_home};

/// The code blocks of the README that follow `<!-- query -->`.
fn queries() -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
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
        assert_eq!(counts, [1, 1, 1, 1, 3]);
    }
}
