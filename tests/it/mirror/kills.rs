//! The real binary: killed, with a full disk, without its store; its messages and exit codes.

use heygen_sync::time::Clock;

use super::{
    cdn::{FakeCdn, Fault, Thing},
    place::Place,
};
use crate::{
    fake::Kind,
    home::{Home, Ran, at_home},
};

const ENV: [(&str, &str); 5] = [
    ("HEYGEN_SYNC_MIRROR__ENABLED", "true"),
    ("HEYGEN_SYNC_MIRROR__STORE", "store"),
    ("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[\"127.0.0.1\"]"),
    ("HEYGEN_SYNC_MIRROR__REQUESTS_PER_SECOND", "20000"),
    ("HEYGEN_SYNC_MIRROR__CONCURRENCY", "8"),
];

fn photo(home: &Home, cdn: &FakeCdn, id: &str, thing: Thing) {
    let url = cdn.put(&format!("/{id}"), thing);
    home.heygen.add_photo(id);
    home.heygen.set(Kind::TalkingPhoto, id, "preview_image_url", url.as_str());
}

/// Returns the findings of `verify --assets`, as `row: finding`.
fn findings(home: &Home) -> Vec<String> {
    findings_with(home, &ENV[1..2])
}

fn findings_with(home: &Home, env: &[(&str, &str)]) -> Vec<String> {
    let ran = home.run_with(env, &["verify", "--assets", "--format", "json"]);
    let rows: Vec<serde_json::Value> =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(ran.code, i32::from(!rows.is_empty()), "{ran:?}");
    let told = |row: &serde_json::Value| {
        format!("{}: {}", row["row"].as_str().unwrap(), row["finding"].as_str().unwrap())
    };
    rows.iter().map(told).collect()
}

/// Returns the environment variables of the store.
fn at(place: &Place) -> Vec<(&str, &str)> {
    let store = [("HEYGEN_SYNC_MIRROR__STORE", place.store.as_str())];
    store.into_iter().chain(place.aws.iter().map(|(k, v)| (k.as_str(), v.as_str()))).collect()
}

async fn killed_at_random_it_loses_nothing_and_leaves_nothing(home: Home, place: Place) {
    let kills: u64 = if std::env::var_os("HEYGEN_SYNC_TEST_FULL").is_some() { 50 } else { 4 };
    // Every check after a kill asks the fake S3 for every file.
    let each = if place.aws.is_empty() { 60 } else { 15 };
    let env = [&ENV[..], &at(&place)].concat();
    let findings = || findings_with(&home, &env);
    let cdn = FakeCdn::start(Clock::system());
    let total = (kills + 2) * each;
    for n in 0..total {
        let size = if n % 20 == 7 { 1_500_000 } else { 4_000 };
        photo(&home, &cdn, &format!("p{n}"), Thing::picture(n, size));
    }
    assert_eq!(home.run_with(&env, &["sync", "--no-mirror"]).code, 0);
    let mut dice = fastrand::Rng::with_seed(5);
    for _ in 0..kills {
        let wanted = cdn.total() + dice.u64(1..each);
        let mut command = home.command(&["mirror"]);
        let mut child = command.envs(env.clone()).spawn().unwrap();
        // Under load it may end before the first check.
        let begun = std::time::Instant::now();
        while cdn.total() < wanted && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(120), "it gets nowhere");
            std::thread::yield_now();
        }
        let _ = child.kill();
        child.wait().unwrap();
        home.until_alone().await;
        assert_eq!(findings(), Vec::<String>::new());
        if !home.is_sqlite() {
            // As after the leases of the killed process have expired.
            let end =
                "UPDATE assets SET next_attempt_at = NULL WHERE state = 'pending' RETURNING 1";
            home.count(end).await;
        }
    }
    let ran = home.run_with(&env, &["mirror"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(
        ran.stderr.starts_with("heygen-sync: mirror: ") && !ran.stderr.contains("failed"),
        "{ran:?}"
    );
    assert_eq!(findings(), Vec::<String>::new());
    assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'mirrored'").await as u64, total);
    // There are no temporary files among them.
    assert_eq!(place.files().len() as u64, total);
    let asked = cdn.all_asked();
    eprintln!("{kills} kills: {} requests for {total} assets", cdn.total());
    assert!(asked.values().all(|count| u64::from(*count) <= 1 + kills));
}

/// The same on each engine with each kind of store.
mod killed_at_random_it_loses_nothing {
    use super::{Home, Place, killed_at_random_it_loses_nothing_and_leaves_nothing as killed};

    #[tokio::test]
    async fn sqlite_folder() {
        killed(Home::sqlite().await, Place::folder()).await;
    }

    #[tokio::test]
    async fn sqlite_s3() {
        killed(Home::sqlite().await, Place::s3()).await;
    }

    #[tokio::test]
    async fn postgres_folder() {
        killed(Home::postgres().await, Place::folder()).await;
    }

    #[tokio::test]
    async fn postgres_s3() {
        killed(Home::postgres().await, Place::s3()).await;
    }
}

fn small_disk(home: &Home, args: &str) -> Option<Ran> {
    let script = format!(
        "mkdir -p store && mount -t tmpfs -o size=300k tmpfs store && exec {} {args}",
        env!("CARGO_BIN_EXE_heygen-sync")
    );
    let mut command = home.command(&[]);
    let environment: Vec<_> =
        command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    let unshare = ["--user", "--mount", "--map-root-user"];
    let mount = ["mount", "-t", "tmpfs", "tmpfs", "/mnt"];
    let probe = std::process::Command::new("unshare").args(unshare).args(mount).status();
    if !probe.is_ok_and(|status| status.success()) {
        return None;
    }
    command = std::process::Command::new("unshare");
    command.args(unshare).args(["sh", "-c", &script]).current_dir(home.folder());
    command.env_clear().envs(environment).envs(ENV);
    Some(Ran::from(command.output().unwrap()))
}

at_home! {
    async fn a_full_disk_is_said_and_the_queue_goes_on_later(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "saved", Thing::picture(40, 900));
        assert_eq!(home.run_with(&ENV, &["sync"]).code, 0);
        for n in 0..40 {
            photo(&home, &cdn, &format!("p{n}"), Thing::picture(n, 40_000));
        }
        assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
        let Some(ran) = small_disk(&home, "mirror") else {
            eprintln!("not tried: this machine lets nobody mount a small disk");
            return;
        };
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(
            ran.stderr.contains("the disk is full") && ran.stderr.contains("queue is intact"),
            "{ran:?}"
        );
        // An empty disk may be one that is not mounted.
        std::fs::remove_dir_all(home.folder().join("store/sha256")).unwrap();
        let ran = home.run_with(&ENV, &["mirror", "--repair"]);
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(ran.stderr.contains("there is no store at"), "{ran:?}");
        std::fs::create_dir(home.folder().join("store/sha256")).unwrap();
        let ran = home.run_with(&ENV, &["mirror", "--repair"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'mirrored'").await, 41);
        assert_eq!(findings(&home), Vec::<String>::new());
    }

    async fn what_a_refresh_has_to_tell_is_told_once_in_the_form_of_the_log(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "dead", Thing::picture(0, 900).with(Fault::Status(403)));
        for n in 0..30 {
            photo(&home, &cdn, &format!("p{n}"), Thing::picture(n, 900));
        }
        assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
        let json = [&ENV[..], &[("HEYGEN_SYNC_LOG__FORMAT", "json")]].concat();
        let told = |ran: &Ran, what: &str| {
            let lines: Vec<serde_json::Value> =
                ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            lines.iter().filter(|line| line["message"].as_str().unwrap().contains(what)).count()
        };
        let wrong = [&json[..], &[("HEYGEN_API_KEY", "wrong")]].concat();
        let ran = home.run_with(&wrong, &["mirror"]);
        assert_eq!((ran.code, ran.stderr.lines().count()), (77, 2), "{ran:?}");
        assert_eq!((told(&ran, "no fresh links"), told(&ran, "mirror: 30 saved")), (1, 1), "{ran:?}");
        let again = "UPDATE assets SET next_attempt_at = NULL WHERE state = 'failed' RETURNING 1";
        assert_eq!(home.count(again).await, 1);
        let ran = home.run_with(&json, &["mirror"]);
        // The key was refused a moment ago: the next list is requested in ten minutes.
        assert_eq!((ran.code, told(&ran, "it needs a fresh list")), (4, 1), "{ran:?}");
    }

    async fn a_refresh_that_holds_removals_says_so_in_the_form_of_the_log(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "dead", Thing::picture(0, 900).with(Fault::Status(403)));
        for n in 0..30 {
            photo(&home, &cdn, &format!("p{n}"), Thing::picture(n, 900));
        }
        assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
        (0..30).for_each(|n| home.heygen.remove(Kind::TalkingPhoto, &format!("p{n}")));
        let json = [&ENV[..], &[("HEYGEN_SYNC_LOG__FORMAT", "json")]].concat();
        let ran = home.run_with(&json, &["mirror"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        let lines: Vec<serde_json::Value> =
            ran.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let held = lines.iter().filter(|line| line["message"].as_str().unwrap().contains("are held: "));
        assert_eq!(held.count(), 1, "{ran:?}");
    }

    async fn a_refresh_that_is_the_first_poll_of_its_day_asks_when_the_key_expires(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "dead", Thing::picture(0, 900).with(Fault::Status(403)));
        assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
        home.meddle("UPDATE polls SET started_at = '2026-01-01T00:00:00.000Z'").await;
        let soon = Clock::system().now().plus(heygen_sync::time::DAY);
        home.heygen.key_expires(&soon.to_string());
        home.file("config.toml", "[[notify]]\nkind = \"command\"\ncommand = [\"false\"]\n");
        let ran = home.run_with(&ENV, &["mirror"]);
        assert_eq!(home.count("SELECT 1 FROM polls WHERE trigger = 'refresh'").await, 1, "{ran:?}");
        assert_eq!(home.count("SELECT 1 FROM notices WHERE kind = 'api_ending'").await, 1);
    }

    async fn lists_of_the_past_ask_for_no_fresh_ones(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        let saved = |id: &str, expires: &str| {
            let url = format!("{}/{id}?Expires={expires}&Signature=dead&Key-Pair-Id=K", cdn.base);
            cdn.put(&format!("/{id}"), Thing::picture(1, 900));
            let photo = serde_json::json!({"talking_photo_id": id, "talking_photo_name": id, "preview_image_url": url});
            let list = serde_json::json!({"error": null, "data": {"avatars": [], "talking_photos": [photo]}});
            home.file(&format!("{id}.json"), list.to_string())
        };
        let files = [saved("old", "1743500000"), saved("older", "1748800000")];
        let env = [&ENV[..], &[("HEYGEN_API_KEY", "")]].concat();
        for (file, at) in files.iter().zip(["2025-04-01", "2025-06-01"]) {
            let ran = home.run_with(&env, &["sync", "--from", file, "--observed-at", at, "--accept-removals"]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{at}: {ran:?}");
        }
        assert_eq!(home.heygen.request_count(), 0);
        assert_eq!(home.count("SELECT 1 FROM polls WHERE trigger = 'file'").await, 2);
        assert_eq!(home.count("SELECT 1 FROM polls").await, 2);
    }

    async fn what_a_host_may_not_give_is_said_once_and_stands_in_the_status(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "a", Thing::picture(1, 900));
        let env = [&ENV[..], &[("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[\"other.example\"]")]].concat();
        let told = "1 skipped: 1 × its host '127.0.0.1' is not among mirror.allowed_hosts (other.example) (127.0.0.1, next try ";
        let ran = home.run_with(&env, &["sync"]);
        assert!(ran.code == 0 && ran.stderr.starts_with(&format!("heygen-sync: mirror: {told}")), "{ran:?}");
        let again = home.run_with(&env, &["sync"]);
        assert_eq!((again.code, again.stderr.as_str()), (0, ""));
        let status = home.run_with(&env, &["status", "--format", "table"]).stdout;
        assert!(status.contains("skipped: 1 × its host '127.0.0.1' is not among"), "{status}");
        let nothing = [&ENV[..], &[("HEYGEN_SYNC_MIRROR__ALLOWED_HOSTS", "[]")]].concat();
        assert_eq!(home.run_with(&nothing, &["sync"]).code, 78);
    }

    async fn the_command_says_in_a_line_what_it_did_unless_told_to_be_quiet(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "a", Thing::picture(1, 900));
        assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
        let ran = home.run_with(&ENV, &["mirror"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, "heygen-sync: mirror: 1 saved (900 B)\n"));
        assert_eq!(home.run_with(&ENV, &["mirror"]).stderr, "");
        photo(&home, &cdn, "b", Thing::picture(2, 900));
        assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
        assert_eq!(home.run_with(&ENV, &["mirror", "-q"]).stderr, "");
        assert_eq!(home.run_with(&ENV, &["mirror", "--repair", "prune", "--older-than", "1d"]).code, 2);
    }

    async fn a_store_that_cannot_be_reached_is_said_and_the_queue_is_intact(home: Home) {
        let cdn = FakeCdn::start(Clock::system());
        photo(&home, &cdn, "a", Thing::picture(1, 900));
        let s3 = [
            ("HEYGEN_SYNC_MIRROR__STORE", "s3://bucket/x"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test-secret"),
        ];
        let ran = home.run_with(&[&ENV[..], &s3].concat(), &["sync"]);
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(ran.stderr.contains("cannot write to the mirror's store s3://bucket/x"), "{ran:?}");
        assert!(!ran.stderr.contains("test-secret") && !ran.stderr.contains("Signature"));
        assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'pending'").await, 1);
        assert_eq!(home.run_with(&ENV, &["mirror"]).code, 0);
        assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'mirrored'").await, 1);
        let plain = [("AWS_ENDPOINT_URL", "http://minio.example:9000"), s3[0]];
        let ran = home.run_with(&[&ENV[..], &plain].concat(), &["mirror"]);
        assert_eq!(ran.code, 78, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_drains_the_queue_unless_told_not_to_and_says_what_failed() {
    let home = Home::sqlite().await;
    let cdn = FakeCdn::start(Clock::system());
    photo(&home, &cdn, "a", Thing::picture(1, 900));
    photo(&home, &cdn, "b", Thing::picture(2, 900).with(Fault::Instead("<html>")));
    assert_eq!(home.run(&["mirror"]).code, 78);
    assert_eq!(home.run_with(&ENV, &["sync", "--no-mirror"]).code, 0);
    assert_eq!(cdn.total(), 0);
    let ran = home.run_with(&ENV, &["sync"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, ""));
    let (told, next) = ran.stderr.split_once("next try ").unwrap();
    assert_eq!(
        told,
        "heygen-sync: mirror: 1 saved (900 B), 1 failed and will be retried: 1 × the body is HTML, \
         not a picture, video or sound (127.0.0.1, "
    );
    assert!(next.ends_with("Z)\n"), "{next}");
    let status = home.run_with(&ENV, &["status", "--format", "table"]).stdout;
    let line = format!(
        "failed: 1 × the body is HTML, not a picture, video or sound (127.0.0.1, next try {next}"
    );
    assert!(status.contains(&line), "{status}");
    let ran = home.run_with(&ENV, &["sync"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_in_json_says_what_the_mirror_did() {
    let home = Home::sqlite().await;
    let cdn = FakeCdn::start(Clock::system());
    photo(&home, &cdn, "a", Thing::picture(1, 900));
    photo(&home, &cdn, "b", Thing::picture(2, 900).with(Fault::Status(418)));
    let report = |args: &[&str]| {
        let ran = home.run_with(&ENV, &[&["sync", "--format", "json"], args].concat());
        let reports: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        (ran.code, reports[0]["mirror"].clone())
    };
    assert_eq!(report(&["--no-mirror"]), (0, serde_json::Value::Null));
    let (code, mut mirror) = report(&[]);
    let next = mirror["reasons"][0]["next_attempt_at"].take();
    assert!(next.as_str().is_some_and(|next| next.ends_with('Z')), "{next}");
    let expected = serde_json::json!({
        "exit_code": 4, "saved": 1, "bytes": 900, "unchanged": 0, "failed": 1, "gone": 0, "skipped": 0,
        "reasons": [{
            "count": 1, "why": "the server answered 418", "host": "127.0.0.1", "next_attempt_at": null
        }],
        "error": null,
    });
    assert_eq!((code, mirror), (4, expected));
    let _held = std::fs::File::open(home.folder().join("heygen.db.mirror-queue.lock")).unwrap();
    _held.lock().unwrap();
    let (code, mirror) = report(&[]);
    assert_eq!((code, &mirror["saved"]), (0, &serde_json::Value::Null));
    assert!(mirror["error"].as_str().unwrap().contains("another mirror"), "{mirror}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_tells_which_files_are_missing_spoiled_or_unknown() {
    let home = Home::sqlite().await;
    let cdn = FakeCdn::start(Clock::system());
    for n in 0..3 {
        photo(&home, &cdn, &format!("p{n}"), Thing::picture(n, 900));
    }
    assert_eq!(home.run_with(&ENV, &["sync"]).code, 0);
    assert_eq!(findings(&home), Vec::<String>::new());
    let store = home.folder().join("store");
    let mut files: Vec<_> = (0..3).map(|n| Thing::picture(n, 900).sha256()).collect();
    files.iter_mut().for_each(|sha256| *sha256 = format!("sha256/{}/{sha256}.webp", &sha256[..2]));
    std::fs::remove_file(store.join(&files[0])).unwrap();
    std::fs::write(store.join(&files[1]), "spoiled").unwrap();
    std::fs::write(store.join("sha256/stray.txt"), "stray").unwrap();
    let mut expected = vec![
        format!("{}: missing file", files[0]),
        format!("{}: spoiled file", files[1]),
        "sha256/stray.txt: unknown file".to_owned(),
    ];
    let mut told = findings(&home);
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
    let said = home.run_with(&ENV[1..2], &["verify", "--assets"]).stderr;
    assert!(
        said.contains("1 mirrored file is intact (900 B); 3 files are missing, spoiled"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_away_is_whole_again_once_it_is_back() {
    let home = Home::sqlite().await;
    let cdn = FakeCdn::start(Clock::system());
    for id in ["stays", "goes"] {
        photo(&home, &cdn, id, Thing::picture(id.len() as u64, 900));
    }
    assert_eq!(home.run_with(&ENV, &["sync"]).code, 0);
    home.heygen.remove(Kind::TalkingPhoto, "goes");
    home.sync(&["--no-mirror"]);
    let (store, away) = (home.folder().join("store"), home.folder().join("away"));
    std::fs::rename(&store, &away).unwrap();
    for verb in [&["mirror", "--repair"][..], &["mirror", "prune", "--older-than", "1d"]] {
        let ran = home.run_with(&ENV, verb);
        assert_eq!(ran.code, 74, "{ran:?}");
        assert!(ran.stderr.contains("there is no store at"), "{ran:?}");
    }
    // Given up as lost, and then restored from a backup.
    std::fs::create_dir_all(store.join("sha256")).unwrap();
    let gone = cdn.take("/goes");
    assert!(home.run_with(&ENV, &["mirror", "--repair"]).stdout.contains("missing file"));
    home.run_with(&ENV, &["mirror", "--repair"]);
    assert_eq!(findings(&home), Vec::<String>::new());
    assert_eq!(home.count("SELECT 1 FROM asset_versions WHERE pruned_at IS NOT NULL").await, 1);
    std::fs::remove_dir_all(&store).unwrap();
    std::fs::rename(&away, &store).unwrap();
    let ran = home.run_with(&ENV, &["mirror", "--repair"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(findings(&home), Vec::<String>::new());
    let whole = "SELECT 1 FROM asset_versions WHERE pruned_at IS NULL";
    assert_eq!(home.count(whole).await, 2, "{gone:?}");
    assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'mirrored'").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_does_not_hold_up_a_run() {
    let home = Home::sqlite().await;
    let cdn = FakeCdn::start(Clock::system());
    for n in 0..60 {
        photo(&home, &cdn, &format!("p{n}"), Thing::picture(n, 900).with(Fault::Status(503)));
    }
    home.sync(&["--no-mirror"]);
    let ran = home.run_with(&ENV, &["mirror"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stderr.contains("60 failed") && ran.stderr.contains("keeps failing"), "{ran:?}");
    assert!(cdn.total() < 120, "{} requests", cdn.total());
    assert_eq!(home.count("SELECT 1 FROM assets WHERE state = 'failed'").await, 60);
}
