//! The pages of people, their looks and voices, and the links between them, on both databases.

use heygen_sync::{store::Store, time::Timestamp};
use serde_json::{Value, json};

use super::{
    every_link,
    previews::live,
    site::{Answer, Site, people},
};
use crate::{
    demo::{self, people as made},
    mirror::cdn::{FakeCdn, Thing},
};

/// Returns the texts of the links in an answer that lead to addresses with this beginning.
fn called(answer: &Answer, address: &str) -> Vec<String> {
    let parts = answer.text.split("<a href=\"").skip(1).filter(|part| part.starts_with(address));
    let text =
        |part: &str| part.split_once('>').unwrap().1.split("</a>").next().unwrap().to_owned();
    parts.map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_people_and_voices_are_alike_on_both_databases_small_and_of_six_queries() {
    let sites = people().await;
    let (annie, voice) = (made::annie(), made::voice());
    for page in [
        "/".to_owned(),
        "/people".into(),
        "/people?view=table&sort=added".into(),
        "/people?q=an&status=completed".into(),
        "/people?as_of=2026-11-21".into(),
        format!("/people?voice={voice}"),
        format!("/people/{annie}"),
        format!("/people/{annie}?as_of=2026-11-22"),
        "/voices".into(),
        "/voices?language=English&gender=female&pauses=yes&locales=no".into(),
        "/voices?q=calm&listed=all".into(),
        "/voices?as_of=2026-11-22".into(),
        format!("/voices/{voice}"),
        format!("/voices/{}", demo::hex("voice 4")),
        format!("/avatars/{}", made::LOOK),
        format!("/avatars?person={annie}&engine=avatar_iv&avatar_type=studio_avatar"),
        "/avatars?view=table&orientation=portrait&status=completed".into(),
        format!("/talking-photos?person={annie}&voice={voice}"),
    ] {
        let [one, other] = [sites[0].get(&page).await, sites[1].get(&page).await];
        assert_eq!((one.status, other.status), (200, 200), "{page}: {}", other.text);
        assert_eq!(one.text, other.text, "{page}");
        assert!(one.header("x-queries").parse::<u32>().unwrap() <= 6, "{page}");
        assert!(one.text.len() <= 90_000 && one.zipped() <= 20_000, "{page}: {}", one.text.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_shows_its_looks_and_a_look_its_person_and_voice() {
    let [site, _] = people().await;
    let list = site.get("/people").await;
    assert_eq!(list.total(), 24);
    assert!(list.text.contains("<h1>People"), "{}", list.text);
    let card = list.text.split("<li class=\"tile").find(|card| card.contains(">Annie<")).unwrap();
    assert!(card.contains("9 looks") && card.matches("<img").count() == 4, "{card}");
    assert!(list.text.contains("pending_consent"), "what is not ready says so");

    let person = site.get(&format!("/people/{}", made::annie())).await;
    assert_eq!(called(&person, "/avatars?person="), ["7 avatars"]);
    assert_eq!(called(&person, "/talking-photos?person="), ["2 talking photos"]);
    let looks = person.text.split("id=\"used\">Looks").nth(1).unwrap();
    let looks = looks.split("id=\"history\"").next().unwrap();
    assert_eq!(looks.matches("<li class=\"tile").count(), 9);
    assert!(looks.contains("avatar_iii, avatar_iv") && looks.matches("<img").count() == 9);
    assert_eq!(site.get(&format!("/avatars?person={}", made::annie())).await.total(), 7);

    let look = site.get(&format!("/avatars/{}", made::LOOK)).await;
    assert_eq!(called(&look, &format!("/people/{}", made::annie())), ["Annie"]);
    assert_eq!(called(&look, &format!("/voices/{}", demo::hex("voice 2"))).len(), 1);
    let chosen = site.get(&format!("/avatars?person={}&view=table", made::annie())).await;
    assert!(chosen.text.contains("person Annie"), "a chosen person is called by name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_shows_its_sample_and_what_uses_it() {
    let [site, _] = people().await;
    let list = site.get("/voices").await;
    assert_eq!(list.total(), 47);
    let rows = list.text.split("<tr>").filter(|row| row.contains("th scope=\"row\""));
    let of_voice = format!("href=\"/voices/{}\"", made::voice());
    let row = rows.clone().find(|row| row.contains(&of_voice)).unwrap();
    let used = format!("/avatars?voice={}", made::voice());
    assert!(row.contains(&used) && row.contains("English"), "{row}");
    let source = row.split("<audio controls preload=\"none\" src=\"").nth(1).unwrap();
    let source = source.split('"').next().unwrap();
    let sound = site.get(source).await;
    assert_eq!((sound.status, sound.header("content-type").as_str()), (200, "audio/x-wav"));
    assert_eq!(sound.header("content-disposition"), "");
    assert!(rows.clone().count() > rows.filter(|row| row.contains("<audio")).count());

    let voice = site.get(&format!("/voices/{}", made::voice())).await;
    assert!(voice.text.contains("<audio class=\"sample\" controls"), "{}", voice.text);
    assert!(site.get(&used).await.total() > 24, "more than the page has");
    assert_eq!(called(&voice, &used), ["all avatars"]);
    assert_eq!(called(&voice, "/people?voice="), ["1 person"]);
    let gone = site.get(&format!("/voices/{}", demo::hex("voice 4"))).await;
    assert!(gone.text.contains("Removed 23 Nov") && gone.text.contains("id=\"used\">Used by"));
    let user = called(&gone, "/avatars/");
    assert!(!user.is_empty(), "what uses a voice that vanished is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_of_people_voices_and_looks_show_as_many_as_they_say() {
    for site in people().await {
        for base in ["/people", "/voices", "/voices?gender=female", "/avatars", "/talking-photos"] {
            let choices = site.get(base).await.choices();
            assert!(choices.len() > 1, "{base}");
            let adds = |href: &str| href.matches("gender=").count() > 1;
            for (href, count) in choices.into_iter().filter(|(href, _)| !adds(href)) {
                assert_eq!(site.get(&href).await.total(), count, "{base} → {href}");
            }
        }
        let voices = site.get("/voices").await;
        assert!(voices.text.contains("language=Ukrainian"), "every language can be chosen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_between_people_looks_and_voices_lead_somewhere() {
    let [site, _] = people().await;
    let shapes = every_link(&site).await;
    for page in ["people", "voices", "avatars", "talking-photos"] {
        let item = format!("[\"\", \"{page}\"] 2 ");
        assert!(shapes.keys().any(|shape| shape.starts_with(&item)), "{page}: {shapes:?}");
    }
}

/// Polls a voice whose sample has this URL.
async fn listed(site: &Site, id: &str, url: &str) {
    let voice = |kind: &str| {
        json!({"voice_id": format!("{id}-{kind}"), "name": "Zoya New", "language": "English", "type": kind,
            "gender": "female", "preview_audio_url": url, "support_pause": true, "support_locale": true})
    };
    let page = |kind: &str| json!({"data": [voice(kind), {"voice_id": demo::hex("voice 0"), "name": "Annie", "type": kind}], "has_more": false});
    let body = json!([page("public"), page("private")]);
    let at = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
    let mut store = Store::open_to_write(site.location()).await.unwrap();
    made::saved(&mut store, at, "voices", body, 99).await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_is_not_mirrored_is_fetched_when_it_is_played() {
    for site in people().await {
        let (site, cdn) = (live(&site).await, FakeCdn::start(demo::clock()));
        let sound = Thing::sound(3, 30_000);
        listed(&site, "new", &cdn.put("/new.mp3", sound.clone())).await;
        let source = "/preview/default/voice/new-public/1/audio";
        for page in ["/voices?q=zoya+new", "/voices/new-public"] {
            let answer = site.get(page).await;
            assert!(answer.text.contains(&format!("src=\"{source}\"")), "{page}: {}", answer.text);
            assert!(!answer.text.contains(&cdn.base), "{page}: no link leaves the server");
        }
        assert_eq!(cdn.asked("/new.mp3"), 0, "not before it is played");
        let whole = site.get(source).await;
        assert_eq!((whole.status, whole.bytes == sound.body()), (200, true));
        assert_eq!(whole.header("content-type"), "audio/mpeg");
        let part = site.get_range(source, "bytes=10-19").await;
        assert_eq!((part.status, part.bytes.as_slice()), (206, &sound.body()[10..20]));
        assert_eq!(cdn.asked("/new.mp3"), 1);
        let past = site.get("/voices/new-public?as_of=2026-11-22").await;
        assert_eq!(past.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn held_removals_of_every_catalogue_are_shown_with_the_command_that_accepts_them() {
    for site in people().await {
        let mut store = Store::open_to_write(site.location()).await.unwrap();
        let at = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
        let voice = json!({"voice_id": demo::hex("voice 0"), "name": "Annie", "type": "public"});
        let page = |records: &[Value]| json!({"data": records, "has_more": false});
        let body = json!([page(&[voice]), page(&[])]);
        let row = made::polled(&mut store, at, "voices", body, 1).await;
        assert_eq!(row.outcome, "held");
        store.close().await.unwrap();
        let own = format!("/polls/{}", row.poll_id);
        for path in ["/", "/polls", &own] {
            let text = site.get(path).await.text;
            assert!(text.contains("46 removals held"), "{path}: {text}");
            assert!(text.contains("href=\"/voices?listed=missing\">missing voices</a>"), "{path}");
            let command = "sync --account default --catalogue voices --accept-removals=46-";
            assert!(text.contains(command), "{path}: {text}");
        }
        // A voice that is due and missing is held, too, not removed at the next poll.
        let front = site.get("/").await.text;
        assert!(front.contains("<span class=\"when held\">held</span>"), "{front}");
    }
}
