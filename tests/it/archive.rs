//! The archive: it stores every answer once and no signature, never fails a poll, and a replay of
//! it gives the same tables with the same digests on either engine.

mod by_command;
mod git;
mod mixed;
mod notes;

use std::{path::Path, sync::Arc};

use heygen_sync::{
    archive::Archive,
    catalog::{api_version::ApiVersion, catalogue::Catalogue, diff::Accepted, stripped::Bodies},
    config::Version,
    error::{Error, Kind},
    mirror::Blobs,
    poll::replay::{Replayed, replay},
};

use crate::{
    fake,
    mirror::place::Place,
    sequences,
    world::{ENGINES, Engine, World, body},
};

/// Words that occur in signed URLs only.
const SIGNATURES: [&str; 4] = ["Signature", "Key-Pair-Id", "Expires=", "Policy="];

fn archive_of(place: &Place) -> Arc<Archive> {
    let aws = place.aws.clone().into_iter();
    Arc::new(Archive::new(Blobs::of_archive(&place.store, Path::new(""), aws).unwrap()))
}

async fn world(engine: Engine, place: &Place) -> World {
    let mut world = World::start(engine).await;
    world.archive = Some(archive_of(place));
    world
}

/// Replays the world's archive into a new database.
async fn replayed(place: &Place, engine: Engine) -> (World, Result<Replayed, Error>) {
    let archive = archive_of(place);
    let envelopes = archive.envelopes().await.unwrap();
    loop {
        let mut target = World::start(engine).await;
        let clock = target.clock();
        let done = replay(target.store(), &clock, &archive, &envelopes, &|_| ()).await;
        // Another test may be starting a process right now, which then has our lock file open as well.
        if done.as_ref().is_err_and(|error| error.kind == Kind::Busy) {
            continue;
        }
        return (target, done);
    }
}

/// Returns the files in a folder of the store with their texts, decompressed.
fn texts(place: &Place, folder: &str) -> Vec<(String, String)> {
    let files = place.files().into_iter().filter(|file| file.starts_with(folder));
    files.map(|file| (file.clone(), text(place, &file))).collect()
}

fn text(place: &Place, file: &str) -> String {
    let packed = std::fs::read(place.root().join(file)).unwrap();
    String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap()
}

fn put(place: &Place, file: &str, text: &str) {
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    std::fs::write(place.root().join(file), packed).unwrap();
}

/// Returns the files of the store, without those of the S3 server itself.
fn files(place: &Place, folder: &str) -> Vec<String> {
    place.files().into_iter().filter(|file| file.starts_with(folder)).collect()
}

/// Makes random polls of two accounts over both versions of the API, the last of them good.
async fn random_polls(world: &mut World, polls: usize) {
    for (number, told) in sequences::history(polls - 2).into_iter().enumerate() {
        world.account = ["default", "other"][usize::from(number % 7 > 4)];
        let version = if number % 20 < 13 { ApiVersion::V2 } else { ApiVersion::V3 };
        world.version = Version::Fixed(version);
        world.removals.after_polls = Some(told.after_polls);
        (world.removals.min_count, world.removals.max_share) = (1, 0.5);
        world.accepted = told.accepted.map_or(Accepted::None, Accepted::UpTo);
        world.poll_file(told.body).await;
    }
    world.poll_file("<html>").await;
    world.poll_file(body(r#"{"avatar_id":"last","n":1e400}"#, "")).await;
}

#[tokio::test]
async fn a_replay_of_200_random_polls_gives_the_same_tables_and_digests_on_both_engines() {
    for engine in ENGINES {
        let place = Place::folder();
        let mut world = world(engine, &place).await;
        world.heygen.paging(|paging| paging.plain = true);
        random_polls(&mut world, 200).await;
        let everything = world.everything().await;
        let outcomes = world
            .lines("SELECT outcome, api_version, count(*) FROM polls GROUP BY 1, 2 ORDER BY 1, 2")
            .await;
        assert!(outcomes.len() >= 5, "{outcomes:?}");
        for to in ENGINES {
            let (mut target, done) = replayed(&place, to).await;
            assert_eq!(done.unwrap().polls, 200);
            assert_eq!(everything, target.everything().await, "{engine:?} to {to:?}");
            assert_eq!(target.lines("SELECT url FROM assets").await, [""; 0]);
        }
    }
}

async fn signed_story(world: &mut World) {
    let heygen = &world.heygen;
    heygen.add_avatar("a", |avatar| avatar.set("tags", serde_json::json!(["x", "y"])));
    heygen.add_avatar("b", |_| ());
    heygen.add_photo("p");
    heygen.sign_urls(1_800_000_000);
    world.poll().await;
    for seed in 0..3 {
        world.heygen.resign();
        world.heygen.shuffle(seed);
        world.poll().await;
    }
}

#[tokio::test]
async fn no_signature_is_kept_and_the_same_answer_only_once() {
    for (place, v3) in [(Place::folder(), false), (Place::folder(), true), (Place::s3(), false)] {
        let mut world = world(Engine::Sqlite, &place).await;
        if v3 {
            world = world.of_v3();
        }
        signed_story(&mut world).await;
        assert!(world.cell("SELECT max(signed_url) FROM assets").await.contains("Signature"));
        assert_eq!(files(&place, "answers/").len(), 1, "{:?}", place.files());
        assert_eq!(files(&place, "polls/").len(), 4);
        for (file, text) in [texts(&place, "answers/"), texts(&place, "polls/")].concat() {
            assert!(!SIGNATURES.iter().any(|word| text.contains(word)), "{file}: {text}");
        }
        world.heygen.rename(fake::Kind::Avatar, "a", "Another");
        world.poll().await;
        assert_eq!(files(&place, "answers/").len(), 2);
        let (mut target, done) = replayed(&place, Engine::Postgres).await;
        assert_eq!(done.unwrap(), Replayed { polls: 5, failed: 0 });
        assert_eq!(world.everything().await, target.everything().await);
    }
}

#[tokio::test]
async fn groups_and_voices_are_replayed_as_polls_of_their_own() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    world.heygen.add_group("g");
    world.heygen.add_voice("public", false);
    world.heygen.add_voice("private", true);
    for catalogue in [Catalogue::AvatarGroups, Catalogue::Voices, Catalogue::AvatarGroups] {
        assert_eq!(world.poll_of(catalogue).await.row.outcome, "succeeded");
    }
    let (mut target, done) = replayed(&place, Engine::Postgres).await;
    assert_eq!(done.unwrap(), Replayed { polls: 3, failed: 0 });
    assert_eq!(world.everything().await, target.everything().await);
}

#[tokio::test]
async fn a_kept_answer_is_one_that_a_poll_takes() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    signed_story(&mut world).await;
    let (_, text) = texts(&place, "answers/").remove(0);
    let report = world.poll_file(text).await;
    assert!(report.diff.unwrap().lists.iter().all(|list| list.opened.is_empty()));
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_costs_no_poll_and_the_replay_names_the_gap() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    world.avatars(r#"{"avatar_id":"a"}"#).await;
    let before = world.everything().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let broken = file.path().join("store").display().to_string();
    let broken = Blobs::of_archive(&broken, Path::new(""), std::iter::empty()).unwrap();
    let working = world.archive.replace(Arc::new(Archive::new(broken)));
    for id in ["b", "c"] {
        let report = world.avatars(&format!(r#"{{"avatar_id":"a"}},{{"avatar_id":"{id}"}}"#)).await;
        assert_eq!(report.row.outcome, "succeeded");
    }
    world.archive = working;
    world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"d"}"#).await;
    assert_eq!(files(&place, "polls/").len(), 2);
    let (mut target, done) = replayed(&place, Engine::Sqlite).await;
    let error = done.unwrap_err();
    assert_eq!(error.kind, Kind::Storage);
    assert!(error.message.contains("polls 2 to 3 are not in the archive"), "{error}");
    assert!(error.message.contains("contains what was known before poll 4"), "{error}");
    assert_eq!(before, target.everything().await);
}

#[tokio::test]
async fn what_was_altered_ends_the_replay_at_its_poll() {
    for (file, from, to) in [
        ("answers/", "second", "other"),
        ("polls/000000000003", "\"tool_version\": \"", "\"tool_version\": \"x"),
        ("polls/000000000003", "\"host\": \"", "\"host\": \"x"),
        ("polls/000000000003", "\"min_count\": 20", "\"min_count\": 21"),
    ] {
        let place = Place::folder();
        let mut world = world(Engine::Sqlite, &place).await;
        for name in ["first", "<html>", "second"] {
            let body = match name {
                "<html>" => name.into(),
                name => body(&format!(r#"{{"avatar_id":"a","avatar_name":"{name}"}}"#), ""),
            };
            world.poll_file(body).await;
        }
        let (name, text) = texts(&place, file)
            .into_iter()
            .find(|(_, text)| text.contains(from))
            .unwrap_or_else(|| panic!("{from}: {:?}", texts(&place, file)));
        put(&place, &name, &text.replacen(from, to, 1));
        let (mut target, done) = replayed_or_refused(&place).await;
        let error = done.unwrap_err();
        assert!(
            error.message.contains(if file == "answers/" { "damaged" } else { "poll 3" }),
            "{error}"
        );
        let polls = target.cell("SELECT count(*) FROM polls").await;
        assert!(["0", "2"].contains(&polls.as_str()), "{from}: {polls}");
    }
}

/// Like [`replayed`], but an archive that cannot be read at all is an error as well.
async fn replayed_or_refused(place: &Place) -> (World, Result<Replayed, Error>) {
    match archive_of(place).envelopes().await {
        Ok(_) => replayed(place, Engine::Sqlite).await,
        Err(error) => (World::start(Engine::Sqlite).await, Err(error)),
    }
}

/// Prevents all envelopes from being written until [`allow_envelopes`], as if the process had ended
/// after the commit.
fn forbid_envelopes(place: &Place) {
    let polls = place.root().join("polls");
    if polls.exists() {
        std::fs::rename(&polls, place.root().with_file_name("aside")).unwrap();
    }
    std::fs::create_dir_all(place.root()).unwrap();
    std::fs::write(polls, "").unwrap();
}

fn allow_envelopes(place: &Place) {
    let polls = place.root().join("polls");
    std::fs::remove_file(&polls).unwrap();
    let aside = place.root().with_file_name("aside");
    if aside.exists() {
        std::fs::rename(aside, polls).unwrap();
    }
}

#[tokio::test]
async fn a_poll_that_ended_between_commit_and_archive_is_made_up_for_by_the_next() {
    for engine in ENGINES {
        let place = Place::folder();
        let mut world = world(engine, &place).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        forbid_envelopes(&place);
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
        world.poll_file("<html>").await;
        world.account = "other";
        world.avatars(r#"{"avatar_id":"c"}"#).await;
        world.account = "default";
        assert_eq!(files(&place, "received/").len(), 2, "{:?}", place.files());
        allow_envelopes(&place);
        // A failed poll writes no envelope and leaves nothing staged.
        world.poll_file("<html>").await;
        assert_eq!(files(&place, "polls/").len(), 1);
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        assert_eq!(files(&place, "received/"), [""; 0]);
        assert_eq!(files(&place, "polls/").len(), 4);
        for (file, text) in texts(&place, "") {
            assert!(!SIGNATURES.iter().any(|word| text.contains(word)), "{file}: {text}");
        }
        let (mut target, done) = replayed(&place, Engine::Sqlite).await;
        assert_eq!(done.unwrap(), Replayed { polls: 6, failed: 2 });
        assert_eq!(world.everything().await, target.everything().await);
    }
}

#[tokio::test]
async fn two_who_poll_at_once_keep_each_others_polls_and_none_twice() {
    for place in [Place::folder(), Place::s3()] {
        let mut world = world(Engine::Sqlite, &place).await;
        let archive = archive_of(&place);
        let first = body(r#"{"avatar_id":"a"}"#, "");
        let row = world.poll_file(first.clone()).await.row;
        let (started_at, hash) = (row.started_at.unwrap(), row.response_sha256.unwrap());
        // As if the first poll has been committed and has not written its envelope yet.
        std::fs::remove_file(place.root().join("polls/000000000001.json.zst")).unwrap();
        let stored = archive.stage(Bodies::whole(first), started_at, Some(&hash)).await.unwrap();
        world.account = "other";
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        assert_eq!(files(&place, "polls/").len(), 2, "{:?}", place.files());
        let before = texts(&place, "");
        archive.keep(world.store(), 1, stored).await.unwrap();
        assert_eq!(before, texts(&place, ""));
        assert_eq!(replayed(&place, Engine::Sqlite).await.1.unwrap().polls, 2);
    }
}

#[tokio::test]
async fn an_account_that_was_renamed_in_between_has_its_last_name() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    world.account = "old";
    world.avatars(r#"{"avatar_id":"a"}"#).await;
    world.poll_file("<html>").await;
    let now = world.now();
    world.store().rename_account("old", "new", now).await.unwrap();
    // Another account takes over the name.
    world.avatars(r#"{"avatar_id":"x"}"#).await;
    world.account = "new";
    world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"b"}"#).await;
    let (mut target, done) = replayed(&place, Engine::Postgres).await;
    assert_eq!(done.unwrap(), Replayed { polls: 4, failed: 1 });
    assert_eq!(world.everything().await, target.everything().await);
}
