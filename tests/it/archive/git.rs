//! `import-git`: a repository of commits comes out as if each had been polled by hand.

use std::{path::Path, process::Command, time::Duration};

use heygen_sync::{
    catalog::diff::Accepted,
    config::Removals,
    error::Kind,
    git::Repository,
    poll::{
        Request, Source,
        import::{Import, import},
        poll,
    },
    time::Timestamp,
};
use tempfile::TempDir;

use crate::{
    sequences,
    world::{World, on_both},
};

/// A repository called `scraped`, made by the real git.
pub struct Scraped(TempDir);

impl Scraped {
    pub fn new() -> Self {
        let new = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(new.folder()).unwrap();
        new.git(0, &["init", "--quiet", "--initial-branch=main"]);
        new
    }

    pub fn folder(&self) -> std::path::PathBuf {
        self.0.path().join("scraped")
    }

    fn git(&self, at: i64, args: &[&str]) -> String {
        let date = format!("{} +0000", at.max(1_000_000_000));
        let ran = Command::new("git")
            .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
            .args(args)
            .current_dir(self.folder())
            .env("HOME", self.0.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_WORK_TREE")
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.org")])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c@example.org")])
            .envs([("GIT_AUTHOR_DATE", "1000000000 +0000"), ("GIT_COMMITTER_DATE", &date)])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{args:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }

    pub fn write(&self, path: &str, body: impl AsRef<[u8]>) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
    }

    /// Commits what stands there; gives the commit's name.
    pub fn commit(&self, at: i64) -> String {
        self.git(at, &["add", "--all"]);
        self.git(at, &["commit", "--quiet", "--allow-empty", "--message=x"]);
        self.git(at, &["rev-parse", "HEAD"])
    }
}

const PATH: &str = "data/list [1].json";

/// Commits that touched the file with what it said and when each counts as observed.
fn fifty(scraped: &Scraped) -> Vec<(String, Vec<u8>, i64)> {
    let mut all = vec![];
    let (mut date, mut last) = (1_700_000_000, 0);
    for (number, told) in sequences::history(150).into_iter().enumerate() {
        // Forward, but now and then at the same second or backwards.
        date += [3600, 0, -7200, 86_400]
            [usize::from(number % 9 == 4) + 2 * usize::from(number % 11 == 7)];
        if all.last().is_some_and(|(_, body, _)| *body == told.body) {
            continue;
        }
        if number % 8 == 3 {
            scraped.write("other.txt", number.to_string());
            scraped.commit(date);
        }
        let body = match number {
            20 => vec![],
            _ => told.body,
        };
        match number {
            20 => std::fs::remove_file(scraped.folder().join(PATH)).unwrap(),
            _ => scraped.write(PATH, &body),
        }
        let id = scraped.commit(date);
        last = (date * 1000).max(last + 1);
        all.push((id, body, last));
        if all.len() == 50 {
            break;
        }
    }
    all
}

async fn imported(
    world: &mut World,
    scraped: &Scraped,
    removals: &Removals,
) -> Result<heygen_sync::poll::import::Imported, heygen_sync::error::Error> {
    let repository = Repository::open(&scraped.folder()).await.unwrap();
    let commits = repository.commits(PATH).await.unwrap();
    let of = Import {
        account: "default",
        repository: &repository,
        path: PATH,
        removals,
        mirror: false,
        accepted: Accepted::UpTo(3),
        archive: None,
        deadline: Duration::from_secs(60),
    };
    let clock = world.clock();
    loop {
        // A lock may be held by a process that another test is just starting; an import goes on.
        match import(world.store(), &clock, &of, &commits, &|| ()).await {
            Err(error) if error.kind == Kind::Busy => continue,
            done => return done,
        }
    }
}

async fn polled_by_hand(
    world: &mut World,
    commits: &[(String, Vec<u8>, i64)],
    removals: &Removals,
) {
    let clock = world.clock();
    for (id, body, at) in commits {
        loop {
            let source = Source::Saved { name: format!("scraped@{id}:{PATH}"), body: body.clone() };
            let request = Request {
                account: "default",
                trigger: "file",
                source,
                removals,
                mirror: false,
                accepted: Accepted::UpTo(3),
                observed_at: Some(Timestamp::from_millis(*at)),
                archive: None,
                deadline: Duration::from_secs(60),
                notify: None,
            };
            match poll(world.store(), &clock, request).await {
                Err(error) if error.kind == Kind::Busy => tokio::task::yield_now().await,
                done => break drop(done.unwrap()),
            }
        }
    }
}

on_both! {
    async fn fifty_commits_come_out_as_if_each_had_been_polled_by_hand(world: World) {
        let scraped = Scraped::new();
        let commits = fifty(&scraped);
        assert_eq!(commits.len(), 50);
        let removals = Removals { after_polls: None, min_count: 1, max_share: 0.5 };
        let done = imported(&mut world, &scraped, &removals).await.unwrap();
        assert_eq!(done.polls + done.known, 50, "{done:?}");
        let everything = world.everything().await;
        let dump = world.dump().await;
        world.start_over().await;
        let now = world.now();
        world.set_clock(now);
        polled_by_hand(&mut world, &commits, &removals).await;
        assert_eq!(everything, world.everything().await);
        assert_eq!(dump, world.dump().await);
        let failed = world.cell("SELECT count(*) FROM polls WHERE outcome = 'failed'").await;
        assert!(failed.parse::<u64>().unwrap() >= 1);
        // Again: nothing is left to do. One commit more: it alone is polled.
        assert_eq!(imported(&mut world, &scraped, &removals).await.unwrap().polls, 0);
        scraped.write(PATH, "<html>");
        let id = scraped.commit(1_900_000_000);
        let more = imported(&mut world, &scraped, &removals).await.unwrap();
        assert_eq!((more.polls, more.failed, more.known), (1, 1, 50));
        let error = world.cell("SELECT error FROM polls WHERE poll_id = 51").await;
        assert!(error.starts_with(&format!("scraped@{id}:{PATH}: ")), "{error}");
    }

    async fn a_merge_counts_as_what_it_brought_to_the_first_parent(world: World) {
        let scraped = Scraped::new();
        let list = |id: &str| crate::world::body(&format!(r#"{{"avatar_id":"{id}"}}"#), "");
        scraped.write(PATH, list("a"));
        let first = scraped.commit(1_700_000_000);
        scraped.git(0, &["checkout", "--quiet", "-b", "side"]);
        for id in ["b", "c"] {
            scraped.write(PATH, list(id));
            scraped.commit(1_700_000_100);
        }
        scraped.git(0, &["checkout", "--quiet", "main"]);
        scraped.write("other.txt", "x");
        scraped.commit(1_700_000_200);
        scraped.git(1_700_000_300, &["merge", "--quiet", "--no-ff", "--message=m", "side"]);
        let merge = scraped.git(0, &["rev-parse", "HEAD"]);
        imported(&mut world, &scraped, &Removals::default()).await.unwrap();
        let sources = world.lines("SELECT source FROM polls ORDER BY poll_id").await;
        let expected = [first, merge].map(|id| format!("scraped@{id}:{PATH}"));
        assert_eq!(sources, expected);
    }
}

#[tokio::test]
async fn a_file_is_named_from_the_repositorys_top_and_may_not_be_there() {
    let scraped = Scraped::new();
    scraped.write(PATH, "x");
    scraped.commit(1_700_000_000);
    let inside = Repository::open(&scraped.folder().join("data")).await.unwrap();
    assert_eq!(inside.name(), "data");
    let commits = inside.commits(PATH).await.unwrap();
    assert_eq!(inside.file(&commits[0], PATH).await.unwrap().as_deref(), Some(&b"x"[..]));
    assert_eq!(inside.file(&commits[0], "data").await.unwrap(), None);
    assert_eq!(inside.file(&commits[0], "none").await.unwrap(), None);
    assert!(!inside.is_shallow().await.unwrap());
    assert!(Repository::open(Path::new("/")).await.is_err());
}
