//! The rows of the views for a small hand-made history, equal on both engines; and that one
//! statement renames an account.

use heygen_sync::catalog::kind::Kind;

use super::engine::{Engine, both};

/// Returns both engines with the sample history in them.
async fn sampled() -> [Engine; 2] {
    let mut engines = both().await;
    for engine in &mut engines {
        engine.run(include_str!("sample.sql")).await;
    }
    engines
}

/// Asserts that both engines show exactly `expected` in the columns of a view; sorted, unless `ordered`.
async fn expect(view: &str, columns: &str, ordered: bool, expected: &[&str]) {
    let columns: Vec<_> = columns.split_whitespace().collect();
    let mut expected: Vec<_> = expected.iter().map(|&line| line.to_owned()).collect();
    for mut engine in sampled().await {
        let mut lines = engine.lines(view, &columns).await;
        if !ordered {
            lines.sort();
            expected.sort();
        }
        assert_eq!(lines, expected, "{view}");
    }
}

#[tokio::test]
async fn changes_tell_of_added_changed_removed_and_restored_and_never_of_learned() {
    let columns = "poll_id observed_at previous_poll_at account kind item_id name change field \
                   old_value new_value";
    let one = "2026-11-01T05:00:01.000Z";
    let two = "2026-11-02T05:00:01.000Z";
    let four = "2026-11-04T05:00:01.000Z";
    let five = "2026-11-05T05:00:01.000Z";
    let six = "2026-11-06T23:59:59.999Z";
    let expected = [
        format!("1|{one}|∅|default|avatar|a1|Ann|added|∅|∅|∅"),
        format!("1|{one}|∅|default|avatar|a2|Bob|added|∅|∅|∅"),
        format!("1|{one}|∅|default|avatar|a3|Cy|added|∅|∅|∅"),
        format!("1|{one}|∅|default|talking_photo|t1|Tea|added|∅|∅|∅"),
        format!("2|{two}|{one}|default|avatar|a1|Ann new|changed|avatar_name|Ann|Ann new"),
        format!("2|{two}|{one}|default|avatar|a1|Ann new|changed|premium|true|false"),
        format!("2|{two}|{one}|default|avatar|a4|∅|added|∅|∅|∅"),
        format!("2|{two}|{one}|default|talking_photo|t2|Two|added|∅|∅|∅"),
        format!("5|{five}|{four}|default|avatar|a3|Cy|removed|∅|∅|∅"),
        format!("6|{six}|{five}|default|avatar|a3|Cy|restored|gender|∅|female"),
        format!("6|{six}|{five}|default|avatar|a3|Cy|restored|∅|∅|∅"),
        format!("6|{six}|{four}|default|talking_photo|t2|Two|removed|∅|∅|∅"),
        "7|2026-11-07T00:00:00.000Z|∅|studio|avatar|a1|Ann|added|∅|∅|∅".to_owned(),
    ];
    expect("changes", columns, false, &expected.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn daily_changes_count_items_and_not_fields_by_the_day_in_utc() {
    let expected = [
        "2026-11-01|default|avatar|3|0|0|0",
        "2026-11-01|default|talking_photo|1|0|0|0",
        "2026-11-02|default|avatar|1|1|0|0",
        "2026-11-02|default|talking_photo|1|0|0|0",
        "2026-11-05|default|avatar|0|0|1|0",
        "2026-11-06|default|avatar|0|0|0|1",
        "2026-11-06|default|talking_photo|0|0|1|0",
        "2026-11-07|studio|avatar|1|0|0|0",
    ];
    for mut engine in sampled().await {
        if let Engine::Postgres(..) = engine {
            engine.run("SET TIME ZONE 'Asia/Tokyo'").await;
        }
        let columns = ["day", "account", "kind", "added", "changed", "removed", "restored"];
        let mut lines = engine.lines("daily_changes", &columns).await;
        lines.sort();
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn fields_keep_the_last_known_type_and_both_times() {
    let columns = "account kind field json_type carried_since vanished_at";
    let expected = [
        "default|avatar|avatar_id|string|2026-11-01T05:00:01.000Z|∅",
        "default|avatar|tags|array|2026-11-01T05:00:01.000Z|∅",
        "default|avatar|voice|number|string|2026-11-05T05:00:01.000Z|2026-11-04T05:00:01.000Z",
        "studio|avatar|avatar_id|string|2026-11-07T00:00:00.000Z|∅",
    ];
    expect("fields", columns, false, &expected).await;
}

#[tokio::test]
async fn a_current_avatar_shows_when_it_was_last_listed_and_only_links_that_work() {
    let columns = "account avatar_id last_listed_at preview_image_link preview_image_file \
                   preview_video_link preview_video_expires_at preview_video_file";
    let expected = [
        "default|a1|2026-11-06T23:59:59.999Z|∅|∅|https://cdn/a1v|∅|∅",
        "default|a2|2026-11-02T05:00:01.000Z|https://cdn/a2|sha256/ab/a2.png|∅|∅|∅",
        "default|a3|2026-11-06T23:59:59.999Z|∅|∅|https://cdn/a3v?s|9000-01-01T00:00:00.000Z|sha256/ab/a3.mp4",
        "default|a4|2026-11-06T23:59:59.999Z|∅|∅|∅|∅|∅",
        "studio|a1|2026-11-07T00:00:00.000Z|https://cdn/none|∅|∅|∅|∅",
    ];
    expect("current_avatars", columns, false, &expected).await;
    let columns = "avatar_id premium tags extra version missing_since removed_at";
    let expected = [
        "a1|0|[\"x\",\"y\"]|{\"k\":1}|3|∅|∅",
        "a1|∅|∅|∅|1|∅|∅",
        "a2|1|∅|∅|1|2026-11-04T05:00:01.000Z|∅",
        "a3|∅|∅|∅|2|∅|∅",
        "a4|∅|[]|∅|1|∅|∅",
    ];
    expect("current_avatars", columns, false, &expected).await;
}

#[tokio::test]
async fn a_removed_talking_photo_is_not_current() {
    let columns = "talking_photo_id last_listed_at preview_image_link preview_image_expires_at";
    let expected = ["t1|2026-11-06T23:59:59.999Z|https://cdn/t1?s|9000-01-01T00:00:00.000Z"];
    expect("current_talking_photos", columns, false, &expected).await;
}

#[tokio::test]
async fn items_are_those_of_every_kind_each_in_its_state() {
    let columns = "kind account item_id name state group_id first_seen_at changed_at";
    let one = "2026-11-01T05:00:01.000Z";
    let two = "2026-11-02T05:00:01.000Z";
    let six = "2026-11-06T23:59:59.999Z";
    let seven = "2026-11-07T00:00:00.000Z";
    let expected = [
        format!("avatar|default|a1|Ann new|listed|∅|{one}|{two}"),
        format!("avatar|default|a2|Bob|missing|∅|{one}|{one}"),
        format!("avatar|default|a3|Cy|listed|∅|{one}|{six}"),
        format!("avatar|default|a4|∅|listed|∅|{two}|{two}"),
        format!("avatar|studio|a1|Ann|listed|∅|{seven}|{seven}"),
        format!("avatar_group|studio|g1|Ann|listed|g1|{seven}|{seven}"),
        format!("talking_photo|default|t1|Tea|listed|∅|{one}|{one}"),
        format!("talking_photo|default|t2|Two|removed|∅|{two}|{two}"),
        format!("voice|studio|v1|Calm|listed|∅|{seven}|{seven}"),
    ];
    let kinds = Kind::ALL.map(Kind::as_str);
    assert!(
        kinds.iter().all(|kind| expected.iter().any(|row| row.starts_with(&format!("{kind}|"))))
    );
    expect("items", columns, false, &expected.each_ref().map(String::as_str)).await;
}

#[tokio::test]
async fn expiring_assets_are_signed_and_unsaved_and_come_soonest_first() {
    let expected = [
        "https://cdn/a4|https://cdn/a4?s|∅|pending",
        "https://cdn/a1|https://cdn/a1?s|2026-11-03T00:00:00.000Z|failed",
        "https://cdn/t1|https://cdn/t1?s|9000-01-01T00:00:00.000Z|pending",
    ];
    expect("expiring_assets", "url signed_url expires_at state", true, &expected).await;
}

#[tokio::test]
async fn renaming_an_account_by_one_update_renames_it_everywhere() {
    let tables = "polls avatars talking_photos avatar_history talking_photo_history field_changes \
                  schema_changes notices";
    for mut engine in sampled().await {
        engine.run("UPDATE accounts SET account = 'team' WHERE account = 'default'").await;
        for table in tables.split_whitespace() {
            let accounts = engine.lines(table, &["account"]).await;
            assert!(accounts.iter().any(|account| account == "team"), "{table}");
            assert!(accounts.iter().all(|account| account != "default"), "{table}");
        }
        assert!(
            engine.refuses("UPDATE accounts SET account = 'studio' WHERE account = 'team'").await
        );
    }
}

#[tokio::test]
async fn a_second_open_version_and_two_good_polls_at_one_moment_are_refused() {
    for mut engine in sampled().await {
        let second = "INSERT INTO avatar_history (account, avatar_id, version, valid_from,
            opened_by, opened_poll) VALUES ('default', 'a2', 2, '2026-11-06T23:59:59.999Z',
            'changed', 6)";
        assert!(engine.refuses(second).await);
        let twin =
            "INSERT INTO polls (poll_id, account, catalogue, trigger, started_at, observed_at,
            finished_at, outcome) SELECT 8, account, catalogue, trigger, started_at, observed_at,
            finished_at, 'OUTCOME' FROM polls WHERE poll_id = 6";
        assert!(engine.refuses(&twin.replace("OUTCOME", "held")).await);
        assert!(!engine.refuses(&twin.replace("OUTCOME", "failed")).await);
    }
}

#[tokio::test]
async fn ids_names_and_urls_as_long_as_allowed_and_fields_of_any_length_are_kept() {
    // The engines compress repeated text, so this text has no repeats.
    let noise = |length: usize| -> String {
        let mut seed = 1_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_u32(0x4E00 + (seed >> 33) as u32 % 20_000).unwrap()
        };
        (0..length).map(|_| next()).collect()
    };
    let (id, name, url, field) = (noise(341), noise(9_000), noise(660), noise(90_000));
    for mut engine in sampled().await {
        let from = "FROM avatars WHERE account = 'studio'";
        engine
            .run(&format!(
                "INSERT INTO avatars (account, avatar_id, avatar_name, version, valid_from,
            first_seen_at, changed_at) SELECT account, '{id}', '{name}', 1, valid_from,
            first_seen_at, changed_at {from}"
            ))
            .await;
        engine.run(&format!("INSERT INTO avatar_history (account, avatar_id, version, valid_from,
            opened_by, opened_poll) VALUES ('studio', '{id}', 1, '2026-11-07T00:00:00.000Z', 'added', 7);
            INSERT INTO assets (url, role) VALUES ('https://cdn/{url}', 'image');
            INSERT INTO field_changes VALUES (7, 'studio', 'avatar', '{id}', 1, '{field}', NULL, '{name}');
            INSERT INTO schema_changes VALUES (7, 'studio', 'avatar', '{field}', 'appeared', NULL, NULL)")).await;
        let fields = engine.lines("fields", &["field"]).await;
        assert!(fields.contains(&field));
    }
}
