//! Rule 3 and section 3: a signature is never a change, and is stored in `assets` only.

use crate::{
    fake::Kind,
    world::{World, on_all},
};

const FORMS: [(&str, &str); 6] = [
    ("Expires=1800000000&Signature=SECRET&Key-Pair-Id=K1", ""),
    ("v=2&Policy=eyJ4IjoxfQ__&signature=SECRET&key-pair-id=K1&w=1", "?v=2&w=1"),
    ("X-Amz-Date=20270115T080000Z&X-Amz-Expires=60&X-Amz-Signature=SECRET&id=7", "?id=7"),
    ("AWSAccessKeyId=AK&Expires=1800000000&Signature=SECRET", ""),
    ("GoogleAccessId=g&Expires=1800000000&Signature=SECRET&x=", "?x="),
    ("sv=2020&se=2027-01-15T08%3A00%3A00Z&sr=b&sp=r&sig=SECRET&skoid=1", ""),
];

on_all! {
    async fn a_signed_url_is_stored_in_assets_and_nowhere_else(world: World) {
        for (index, (query, _)) in FORMS.iter().enumerate() {
            let id = format!("a{index}");
            world.heygen.add_avatar(&id, |avatar| {
                let url = format!("https://h/{index}.webp?{query}");
                avatar.set("preview_image_url", url.as_str());
                avatar.set("other", url.as_str());
                avatar.set("deep", serde_json::json!({"list": [[url, 1], {"k": url}]}));
            });
        }
        let report = world.poll().await;
        let dump = world.dump().await;
        let (tables, assets) = dump.split_once("\nassets: ").unwrap();
        assert!(!tables.contains("SECRET"), "{tables}");
        assert_eq!(assets.matches("SECRET").count(), FORMS.len());
        assert!(!format!("{report:?}").contains("SECRET"));
        for (index, (_, rest)) in FORMS.iter().enumerate() {
            let canonical = format!("https://h/{index}.webp{rest}");
            let sql = format!("SELECT preview_image_url, extra FROM avatars WHERE avatar_id = 'a{index}'");
            let extra = format!(r#"{{"deep":{{"list":[["{canonical}",1],{{"k":"{canonical}"}}]}},"other":"{canonical}"}}"#);
            assert_eq!(world.lines(&sql).await, [format!("{canonical}|{extra}")]);
        }
        assert_eq!(world.count("assets").await, FORMS.len() as u32);
    }

    async fn a_signed_url_is_known_however_a_browser_would_still_read_it(world: World) {
        let set = "Expires=1800000000&amp;Signature=SECRET&amp;Key-Pair-Id=K1";
        let plain = "https://h/x.webp?v=1&Expires=1800000000&Signature=SECRET&Key-Pair-Id=K1&w=2";
        world.avatars(&format!(r#"{{"avatar_id":"a","preview_image_url":"{plain}","other":"{plain}"}}"#)).await;
        let before = world.facts().await;
        for disguised in [
            format!(" {plain}\\n\\u0000"),
            plain.replace("Signature", "Sig\\tnature"),
            plain.replace("//", "/\\\\"),
            format!("\\u00a0https://h/x.webp?v=1&amp;{set}&amp;w=2"),
        ] {
            let record = format!(r#"{{"avatar_id":"a","preview_image_url":"{disguised}","other":"{disguised}"}}"#);
            let report = world.avatars(&record).await;
            assert!(!report.diff.unwrap().is_news(), "{disguised}");
            assert_eq!(world.facts().await, before, "{disguised}");
        }
        let dump = world.dump().await;
        let (tables, _) = dump.split_once("\nassets: ").unwrap();
        assert!(!tables.contains("SECRET"), "{tables}");
        let assets = world.lines("SELECT url, signed_url FROM assets").await;
        assert_eq!(assets, [format!("https://h/x.webp?v=1&w=2|{plain}")]);
    }

    async fn signing_anew_is_no_change_wherever_the_url_stands(world: World) {
        let told = |seal: &str| {
            let url = format!("https://h/x.webp?Expires=1800000000&Signature={seal}&Key-Pair-Id=K");
            format!(r#"{{"avatar_id":"a","preview_image_url":"{url}","b":{{"c":["{url}"]}},"d":"{url}"}}"#)
        };
        world.avatars(&told("one")).await;
        let before = world.facts().await;
        let report = world.avatars(&told("two")).await;
        assert!(!report.diff.unwrap().is_news());
        assert_eq!(world.facts().await, before);
    }

    async fn another_picture_is_a_change_told_without_signatures(world: World) {
        world.heygen.add_photo("a");
        world.poll().await;
        let before = world.cell("SELECT preview_image_url FROM talking_photos").await;
        world.heygen.set(Kind::TalkingPhoto, "a", "preview_image_url", "https://h/new.webp");
        world.poll().await;
        assert_eq!(
            world.field_changes().await,
            [format!("2|a|2|preview_image_url|{before}|https://h/new.webp")]
        );
        assert_eq!(world.count("assets").await, 2);
    }

    async fn a_url_without_a_whole_set_is_kept_as_it_is(world: World) {
        world.avatars(r#"{"avatar_id":"a","preview_image_url":"https://h/x?Expires=1&Signature=s"}"#).await;
        world.avatars(r#"{"avatar_id":"a","preview_image_url":"https://h/x?Expires=1&Signature=t"}"#).await;
        assert_eq!(
            world.field_changes().await,
            ["2|a|2|preview_image_url|https://h/x?Expires=1&Signature=s|https://h/x?Expires=1&Signature=t"]
        );
        assert_eq!(world.count("assets").await, 0);
    }

    async fn only_http_urls_are_signed(world: World) {
        let url = "ftp://h/x?Expires=1800000000&Signature=s&Key-Pair-Id=K";
        world.avatars(&format!(r#"{{"avatar_id":"a","preview_image_url":"{url}"}}"#)).await;
        assert_eq!(world.cell("SELECT preview_image_url FROM avatars WHERE avatar_id = 'a'").await, url);
        assert_eq!(world.count("assets").await, 0);
    }

    async fn a_url_over_two_thousand_bytes_stays_in_its_column_alone(world: World) {
        for (length, assets) in [(2_000, 1), (2_001, 1)] {
            let url = format!("https://h/{}", "x".repeat(length - 10));
            let signed = format!("{url}?Expires=1800000000&Signature=s&Key-Pair-Id=K");
            world.avatars(&format!(r#"{{"avatar_id":"a","preview_image_url":"{signed}"}}"#)).await;
            let stored = world.cell("SELECT preview_image_url FROM avatars WHERE avatar_id = 'a'").await;
            assert_eq!(stored, url);
            assert_eq!(world.count("assets").await, assets, "{length}");
        }
    }

    async fn a_signed_preview_has_a_row_from_its_first_poll_and_an_unsigned_one_has_none(world: World) {
        world.avatars(r#"{"avatar_id":"a","preview_image_url":"https://h/i","preview_video_url":
            "https://h/v?Expires=1800000000&Signature=s&Key-Pair-Id=K"}"#).await;
        assert_eq!(
            world.lines("SELECT url, role, signed_url, expires_at, state FROM assets").await,
            ["https://h/v|video|https://h/v?Expires=1800000000&Signature=s&Key-Pair-Id=K|2027-01-15T08:00:00.000Z|pending"]
        );
    }
}
