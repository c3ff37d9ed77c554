//! What is noise, and what is probably the same item under another id.

use crate::{
    fake,
    home::{Home, at_home},
    world::{ENGINES, Engine, World},
};

/// Polls what the fake has, on a day of November 2026.
fn poll(home: &Home, day: u32) {
    home.file("saved.json", home.heygen.body());
    let time = format!("2026-11-{day:02}T06:00:00Z");
    let (code, report) = home.sync(&["--from", "saved.json", "--observed-at", &time]);
    assert_eq!(code, 0, "{report}");
}

fn add(home: &Home, id: &str, name: &str, picture: &str) {
    let url = format!("https://files2.heygen.ai/{picture}.webp");
    home.heygen.add_avatar(id, |avatar| {
        avatar.set("avatar_name", name);
        avatar.set("preview_image_url", url.clone());
    });
}

/// `old → new` of each removal that is marked, in the feed.
fn marks(home: &Home) -> Vec<String> {
    let rows = home.rows(&["changes"]);
    let marked = rows.iter().filter(|row| !row["reissued_as"].is_null());
    let told = marked.map(|row| {
        assert_eq!(row["change"], "removed");
        format!("{} → {}", row["item_id"].as_str().unwrap(), row["reissued_as"].as_str().unwrap())
    });
    told.collect()
}

at_home! {
    async fn an_id_that_gives_way_to_another_is_probably_reissued(home: Home) {
        for (id, name, picture) in
            [("mira", "Mira", "m"), ("jonas", "Jonas", "j"), ("akiko", "Akiko", "a"), ("stays", "Bo", "b")]
        {
            add(&home, id, name, picture);
        }
        poll(&home, 1);
        for id in ["mira", "jonas", "akiko"] {
            home.heygen.remove(fake::Kind::Avatar, id);
        }
        add(&home, "mira2", "Mira", "another");
        add(&home, "jonas2", "Jonas the second", "j");
        poll(&home, 2);
        add(&home, "akiko2", "Akiko", "a");
        poll(&home, 3);
        assert_eq!(marks(&home), ["jonas → jonas2", "mira → mira2"], "by name, by picture, never later");
        let history = home.rows(&["history", "mira"]);
        assert_eq!(history[0]["reissued_as"], "mira2");
        assert!(home.rows(&["history", "mira2"])[0]["reissued_as"].is_null());
        let table = home.run(&["changes", "--format", "table"]).stdout;
        assert!(table.contains("probably re-issued as mira2"), "{table}");
        let table = home.run(&["history", "jonas", "--format", "table"]).stdout;
        assert!(table.contains("probably re-issued as jonas2"), "{table}");
        assert_eq!(home.rows(&["changes", "--since", "2026-11-03"]).len(), 1);
        let removed = home.rows(&["changes", "--change", "removed", "--id", "mira"]);
        assert_eq!(removed[0]["reissued_as"], "mira2");
    }

    async fn a_name_or_picture_that_others_have_marks_nothing(home: Home) {
        for id in ["u1", "u2", "u3"] {
            add(&home, id, "Unnamed", "placeholder");
        }
        poll(&home, 1);
        home.heygen.remove(fake::Kind::Avatar, "u1");
        add(&home, "u4", "Unnamed", "placeholder");
        poll(&home, 2);
        for id in ["u2", "u3", "u4"] {
            home.heygen.remove(fake::Kind::Avatar, id);
        }
        for id in ["u5", "u6"] {
            add(&home, id, "Unnamed", "placeholder");
        }
        poll(&home, 3);
        assert_eq!(marks(&home), Vec::<String>::new());
    }

    async fn a_removal_that_waits_is_matched_with_what_came_when_it_vanished(home: Home) {
        let late = [("HEYGEN_SYNC_REMOVALS__AFTER_POLLS", "2")];
        let poll = |day: u32| {
            home.file("saved.json", home.heygen.body());
            let time = format!("2026-11-{day:02}");
            let args = ["sync", "--from", "saved.json", "--observed-at", &time];
            assert_eq!(home.run_with(&late, &args).code, 0);
        };
        add(&home, "old", "Mira", "m");
        add(&home, "stays", "Bo", "b");
        poll(1);
        home.heygen.remove(fake::Kind::Avatar, "old");
        add(&home, "new", "Mira", "m");
        poll(2);
        assert_eq!(marks(&home), Vec::<String>::new(), "it is only missing");
        poll(3);
        assert_eq!(marks(&home), ["old → new"]);
    }

    async fn status_names_the_fields_that_are_noise(home: Home) {
        for n in 0..12 {
            home.heygen.add_avatar(&format!("a{n}"), |avatar| avatar.set("rank", n));
        }
        home.heygen.add_photo("p");
        poll(&home, 1);
        for day in 2..=6 {
            home.heygen.set(fake::Kind::Avatar, "a1", "rank", 100 + day);
            if day == 3 {
                for n in 0..7 {
                    home.heygen.set(fake::Kind::Avatar, &format!("a{n}"), "gender", "other");
                }
                home.heygen.rename(fake::Kind::Avatar, "a2", "Once");
            }
            poll(&home, day);
        }
        let status = &home.rows(&["status"])[0];
        let noisy = serde_json::json!([
            {"kind": "avatar", "field": "rank", "polls": 5, "of_polls": 5, "items": 1, "of_items": 12},
            {"kind": "avatar", "field": "gender", "polls": 1, "of_polls": 5, "items": 7, "of_items": 12},
        ]);
        assert_eq!(status["noisy_fields"], noisy);
        let table = home.run(&["status", "--format", "table"]).stdout;
        assert!(table.contains("avatar rank changed in 5 of the last 5 polls, on 1 of 12 items"), "{table}");
    }
}

/// The same content behind other URLs is known from the mirror, which here is written by hand.
async fn a_picture_is_known_by_its_content(engine: Engine) {
    let mut world = World::start(engine).await;
    let avatar = |id: &str, name: &str, picture: &str| {
        format!(
            r#"{{"avatar_id":"{id}","avatar_name":"{name}","preview_image_url":"https://x.org/{picture}"}}"#
        )
    };
    let stays = avatar("stays", "Bo", "b");
    world.avatars(&format!("{stays},{}", avatar("old", "One", "1"))).await;
    world.avatars(&format!("{stays},{}", avatar("new", "Two", "2"))).await;
    let marked = async |world: &mut World| {
        let marks = world.store().reissues(None, None).await.unwrap();
        marks.of(heygen_sync::catalog::kind::Kind::AVATAR, 2, "old").map(str::to_owned)
    };
    assert_eq!(marked(&mut world).await, None);
    let mirrored = |picture: &str| {
        format!(
            "INSERT INTO assets (url, role, state, sha256)
             VALUES ('https://x.org/{picture}', 'image', 'mirrored', 'same')"
        )
    };
    world.meddle(&mirrored("1")).await;
    assert_eq!(marked(&mut world).await, None);
    world.meddle(&mirrored("2")).await;
    assert_eq!(marked(&mut world).await.as_deref(), Some("new"));
    world.meddle(&mirrored("b")).await;
    assert_eq!(marked(&mut world).await, None, "a picture that a third item has tells nothing");
}

#[tokio::test]
async fn a_picture_is_known_by_its_content_on_both_engines() {
    for engine in ENGINES {
        a_picture_is_known_by_its_content(engine).await;
    }
}
