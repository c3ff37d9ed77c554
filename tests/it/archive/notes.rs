//! The notes for envelopes that are not written yet: each poll has its own.

use super::*;

#[tokio::test]
async fn polls_with_equal_answers_do_not_take_each_others_notes_away() {
    for engine in ENGINES {
        let place = Place::folder();
        let mut world = world(engine, &place).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        forbid_envelopes(&place);
        for account in ["default", "other", "default"] {
            world.account = account;
            world.avatars(r#"{"avatar_id":"b"}"#).await;
        }
        // This poll fails since the clock was set back.
        let now = world.now();
        world.set_clock(now.minus(std::time::Duration::from_secs(86_400)));
        let report = world.avatars(r#"{"avatar_id":"b"}"#).await;
        assert!(report.error.unwrap().message.contains("set the clock"));
        world.set_clock(now);
        assert_eq!(files(&place, "received/").len(), 3, "{:?}", place.files());
        allow_envelopes(&place);
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        assert_eq!(files(&place, "received/"), [""; 0]);
        assert_eq!(files(&place, "polls/").len(), 5);
        let (mut target, done) = replayed(&place, Engine::Sqlite).await;
        assert_eq!(done.unwrap(), Replayed { polls: 6, failed: 1 });
        assert_eq!(world.everything().await, target.everything().await);
    }
}

#[tokio::test]
async fn a_damaged_note_counts_as_none_and_what_follows_is_kept() {
    for spoil in ["", "no zstd", "{}"] {
        let place = Place::folder();
        let mut world = world(Engine::Sqlite, &place).await;
        world.avatars(r#"{"avatar_id":"a"}"#).await;
        forbid_envelopes(&place);
        world.avatars(r#"{"avatar_id":"b"}"#).await;
        allow_envelopes(&place);
        let note = files(&place, "received/").remove(0);
        match spoil {
            "{}" => put(&place, &note, spoil),
            _ => std::fs::write(place.root().join(note), spoil).unwrap(),
        }
        world.avatars(r#"{"avatar_id":"c"}"#).await;
        world.avatars(r#"{"avatar_id":"d"}"#).await;
        let kept = files(&place, "polls/");
        assert_eq!(kept.len(), 3, "{kept:?}");
        assert!(kept[1].contains("0003") && kept[2].contains("0004"), "{kept:?}");
        let error = replayed(&place, Engine::Sqlite).await.1.unwrap_err();
        assert!(error.message.contains("poll 2 is not in the archive"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_envelope_keeps_nothing_from_being_kept_after_it() {
    let place = Place::folder();
    let mut world = world(Engine::Sqlite, &place).await;
    world.avatars(r#"{"avatar_id":"a"}"#).await;
    let file = files(&place, "polls/").remove(0);
    std::fs::write(place.root().join(file), "no zstd").unwrap();
    world.avatars(r#"{"avatar_id":"b"}"#).await;
    assert_eq!(files(&place, "polls/").len(), 2);
    let error = archive_of(&place).envelopes().await.unwrap_err();
    assert!(error.message.contains("polls/000000000001.json.zst"), "{error}");
}
