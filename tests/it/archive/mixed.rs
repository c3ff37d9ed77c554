//! An archive takes the polls of one database only, and reports this to every other.

use super::*;

/// Polls once more; returns whether that wrote an envelope.
async fn kept(world: &mut World, place: &Place, id: &str) -> bool {
    let before = files(place, "polls/");
    let report = world.avatars(&format!(r#"{{"avatar_id":"{id}"}}"#)).await;
    assert_eq!(report.row.outcome, "succeeded");
    assert_eq!(files(place, "received/"), [""; 0]);
    files(place, "polls/") != before
}

/// Asserts that the archive still replays to the tables of this world.
async fn assert_replayed(world: &mut World, place: &Place, polls: u64) {
    let (mut target, done) = replayed(place, Engine::Sqlite).await;
    assert_eq!(done.unwrap().polls, polls);
    assert_eq!(world.everything().await, target.everything().await);
}

#[tokio::test]
async fn nothing_of_a_second_database_gets_between_the_polls_of_the_first() {
    for engine in ENGINES {
        let place = Place::folder();
        let mut first = world(engine, &place).await;
        assert!(kept(&mut first, &place, "a").await);
        let mut second = world(engine, &place).await;
        for id in ["b", "c", "d"] {
            assert!(!kept(&mut second, &place, id).await, "{id}");
        }
        // Not even after polls that failed or were not archived.
        second.poll_file("<html>").await;
        assert!(!kept(&mut second, &place, "e").await);
        second.archive = None;
        assert!(!kept(&mut second, &place, "f").await);
        second.archive = Some(archive_of(&place));
        assert!(!kept(&mut second, &place, "g").await);
        for id in ["h", "i"] {
            assert!(kept(&mut first, &place, id).await, "{id}");
        }
        assert_replayed(&mut first, &place, 3).await;
    }
}

#[tokio::test]
async fn a_second_database_does_not_fill_what_the_first_left_out() {
    let place = Place::folder();
    let mut first = world(Engine::Sqlite, &place).await;
    first.archive = None;
    assert!(!kept(&mut first, &place, "a").await);
    first.archive = Some(archive_of(&place));
    assert!(kept(&mut first, &place, "b").await);
    let mut second = world(Engine::Sqlite, &place).await;
    assert!(!kept(&mut second, &place, "c").await);
    assert!(kept(&mut first, &place, "d").await);
}

#[tokio::test]
async fn what_was_to_be_made_up_for_is_not_put_behind_another_databases_polls() {
    let place = Place::folder();
    let mut second = world(Engine::Sqlite, &place).await;
    second.archive = None;
    second.avatars(r#"{"avatar_id":"b"}"#).await;
    second.archive = Some(archive_of(&place));
    forbid_envelopes(&place);
    second.avatars(r#"{"avatar_id":"c"}"#).await;
    allow_envelopes(&place);
    assert_eq!(files(&place, "received/").len(), 1);
    let mut first = world(Engine::Sqlite, &place).await;
    first.avatars(r#"{"avatar_id":"a"}"#).await;
    assert!(!kept(&mut second, &place, "d").await);
    assert_eq!(files(&place, "polls/").len(), 1);
    assert!(kept(&mut first, &place, "e").await);
}

/// Returns the database as it was after `copied` polls; the original is polled further.
async fn restored(world: &mut World, place: &Place, copied: usize) -> World {
    let (mut target, done) = replayed(place, Engine::Postgres).await;
    assert_eq!(done.unwrap().polls, copied as u64);
    for id in ["x", "y"] {
        assert!(kept(world, place, id).await);
    }
    // Later than all its polls.
    target.set_clock(world.now());
    target.archive = Some(archive_of(place));
    target
}

#[tokio::test]
async fn a_database_from_a_backup_never_goes_on_behind_polls_that_it_does_not_know() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    for id in ["a", "b"] {
        assert!(kept(&mut world, &place, id).await);
    }
    let mut old = restored(&mut world, &place, 2).await;
    let archive = archive_of(&place);
    assert!(archive.is_of(Some(world.store())).await.is_ok());
    let said = archive.is_of(Some(old.store())).await.unwrap_err();
    assert!(said.message.contains("contains another poll 4"), "{said}");
    for id in ["c", "d", "e", "f"] {
        assert!(!kept(&mut old, &place, id).await, "{id}");
        assert!(archive.is_of(Some(old.store())).await.is_err());
    }
    assert_replayed(&mut world, &place, 4).await;
    // The documented way out: delete what was archived after the backup.
    for file in &files(&place, "polls/")[2..] {
        std::fs::remove_file(place.root().join(file)).unwrap();
    }
    archive.is_of(Some(old.store())).await.unwrap();
}

#[tokio::test]
async fn polls_that_failed_after_a_backup_do_not_hide_it() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    assert!(kept(&mut world, &place, "a").await);
    let mut old = restored(&mut world, &place, 1).await;
    for _ in 0..2 {
        old.poll_file("<html>").await;
    }
    assert!(!kept(&mut old, &place, "c").await);
    assert!(!kept(&mut old, &place, "d").await);
    assert!(kept(&mut world, &place, "z").await);
}

#[tokio::test]
async fn an_empty_archive_is_anybodys_and_an_account_may_be_renamed() {
    let place = Place::s3();
    let mut world = world(Engine::Sqlite, &place).await;
    let archive = archive_of(&place);
    archive.is_of(Some(world.store())).await.unwrap();
    archive.is_of(None).await.unwrap();
    assert!(kept(&mut world, &place, "a").await);
    assert!(archive.is_of(None).await.is_err());
    let now = world.now();
    world.store().rename_account("default", "new", now).await.unwrap();
    world.account = "new";
    archive.is_of(Some(world.store())).await.unwrap();
    assert!(kept(&mut world, &place, "b").await);
}
