//! docs/queries.md and docs/queries-v3.md are run: their SQL, the same on both engines, on one
//! history each, and their answers are compared. `INSTA_UPDATE=always` writes the answers again.

use std::{fmt::Write, fs};

use heygen_sync::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    fake::{group, voice},
    text::Texts,
    world::{World, on_both},
};

const BEFORE_SQL: &str = "<!-- query -->\n```sql\n";
const BEFORE_ANSWER: &str = "```\n\n```text\n";

/// Polls the current `response` at a time.
async fn poll(world: &mut World, time: &str, response: &Value) {
    poll_text(world, time, &response.to_string()).await;
}

async fn poll_text(world: &mut World, time: &str, body: &str) {
    world.set_clock(Timestamp::parse(time).unwrap());
    world.backfill(body, None).await.unwrap();
}

/// Returns the record with this id.
fn item<'v>(response: &'v mut Value, list: &str, id: &str) -> &'v mut Value {
    let records = response["data"][list].as_array_mut().unwrap();
    let field = format!("{}_id", list.trim_end_matches('s'));
    records.iter_mut().find(|record| record[&field] == id).unwrap()
}

fn add(response: &mut Value, list: &str, record: Value) {
    response["data"][list].as_array_mut().unwrap().push(record);
}

/// Removes all records with this id from the list; returns the first.
fn remove(response: &mut Value, list: &str, id: &str) -> Value {
    let field = format!("{}_id", list.trim_end_matches('s'));
    let gone = item(response, list, id).clone();
    response["data"][list].as_array_mut().unwrap().retain(|record| record[&field] != id);
    gone
}

fn avatar(id: &str, name: &str, premium: bool) -> Value {
    json!({
        "avatar_id": id, "avatar_name": name, "gender": "male", "premium": premium, "type": null,
        "preview_image_url": format!("https://files2.heygen.ai/avatar/v3/{id}/preview.webp"),
        "preview_video_url": null, "tags": null, "default_voice_id": null,
    })
}

/// Polls November 2026 of two accounts, as the document describes it.
async fn november(world: &mut World) {
    let saved = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/saved-response.json");
    let mut now: Value = serde_json::from_str(&fs::read_to_string(saved).unwrap()).unwrap();
    poll(world, "2026-11-02T06:00:00Z", &now).await;
    item(&mut now, "avatars", "Jonas_standing_public")["premium"] = false.into();
    item(&mut now, "avatars", "Mira_sofa_side_2025")["avatar_name"] = "Mira Sofa (Side)".into();
    let mut bo = avatar("Bo_studio_public", "Bo in the Studio", true);
    bo["tags"] = json!(["studio", "casual"]);
    add(&mut now, "avatars", bo);
    poll(world, "2026-11-09T06:00:00Z", &now).await;
    world.account = "studio";
    let own = avatar("our_ceo", "Our CEO", false);
    let mut theirs = now.clone();
    theirs["data"]["talking_photos"] = json!([]);
    theirs["data"]["avatars"] = json!([own, avatar("Bo_studio_public", "Bo in the Studio", true)]);
    poll(world, "2026-11-09T07:00:00Z", &theirs).await;
    world.account = "default";
    poll_text(world, "2026-11-10T06:00:00Z", "<html>Bad gateway</html>").await;
    let akiko = remove(&mut now, "avatars", "Akiko_greenhouse_public");
    let mut host = remove(&mut now, "talking_photos", "91ba70de2668e2e9ac221d690659cb8b");
    host["talking_photo_id"] = "0c5d1c4f6a0b4c12a3c8a5b1b4de7702".into();
    add(&mut now, "talking_photos", host);
    item(&mut now, "avatars", "Jonas_standing_public")["premium"] = true.into();
    add(&mut now, "avatars", avatar("Mira_office_front_2026", "Mira Office Front", true));
    poll(world, "2026-11-16T06:00:00Z", &now).await;
    add(&mut now, "avatars", akiko);
    item(&mut now, "avatars", "Bo_studio_public")["tags"] = json!(["studio"]);
    item(&mut now, "avatars", "Bo_studio_public")["zoom"] = json!(1.5);
    poll(world, "2026-11-17T06:00:00Z", &now).await;
    now["data"]["talking_photos"] = json!([]);
    poll(world, "2026-11-18T06:00:00Z", &now).await;
}

/// Returns a look of v3.
fn look(id: &str, name: &str, group: &str, voice: &str, engines: Value) -> Value {
    json!({
        "id": id, "name": name, "avatar_type": "studio_avatar", "group_id": group,
        "default_voice_id": voice, "supported_api_engines": engines, "status": "completed",
        "gender": "Woman", "preview_image_url": null, "preview_video_url": null, "tags": [],
    })
}

fn named(mut record: Value, name: &str) -> Value {
    record["name"] = name.into();
    record
}

/// Returns the last page of a list.
fn last_page(records: &[Value]) -> Value {
    json!({"data": records, "has_more": false, "next_token": null})
}

/// Polls the three catalogues on a day.
async fn poll_all(world: &mut World, day: &str, looks: &[Value], groups: &[Value], warm: bool) {
    let calm = named(voice("calm", true), "Calm");
    let public = Vec::from_iter(warm.then(|| named(voice("warm", false), "Warm")));
    let voices = json!([last_page(&public), last_page(&[calm])]);
    for (hour, body) in [(6, last_page(looks)), (7, last_page(groups)), (8, voices)] {
        poll(world, &format!("2026-12-{day}T0{hour}:00:00Z"), &body).await;
    }
}

/// Polls December 2026 of one account over v3, as the document describes it.
async fn december(world: &mut World) {
    let people = ["Mira", "Jonas", "Akiko"].map(|name| named(group(&name.to_lowercase()), name));
    let mut looks = vec![
        look("mira_office", "Mira Office", "mira", "warm", json!(["avatar_iii", "avatar_iv"])),
        look("mira_sofa", "Mira Sofa", "mira", "calm", json!(["avatar_iv"])),
        look("jonas_desk", "Jonas Desk", "jonas", "calm", json!(["avatar_iii"])),
    ];
    poll_all(world, "01", &looks, &people[..2], true).await;
    looks[0]["supported_api_engines"] = json!(["avatar_iv"]);
    let mut new = look("jonas_street", "Jonas Street", "jonas", "calm", json!([]));
    new["status"] = "processing".into();
    looks.push(new);
    poll_all(world, "08", &looks, &people, false).await;
    poll_all(world, "09", &looks, &people, false).await;
}

/// Formats a table whose columns are as wide as their widest cell.
fn table(names: Vec<String>, rows: Vec<Texts>) -> String {
    let rows = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| cell.unwrap_or_else(|| "null".into())).collect());
    let lines: Vec<Vec<String>> = std::iter::once(names).chain(rows).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap();
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end()).unwrap();
    }
    out
}

/// Returns the document with the answers of the world, and the number of answers.
async fn answered(world: &mut World, document: &str) -> (String, usize) {
    let mut parts = document.split(BEFORE_SQL);
    let mut out = parts.next().unwrap().to_owned();
    let mut count = 0;
    for part in parts {
        let (sql, rest) = part.split_once(BEFORE_ANSWER).unwrap();
        let (_, rest) = rest.split_once("```").unwrap();
        let answer = table(world.names(sql).await, world.query(sql).await);
        write!(out, "{BEFORE_SQL}{sql}{BEFORE_ANSWER}{answer}```{rest}").unwrap();
        count += 1;
    }
    (out, count)
}

async fn expect_document(world: &mut World, name: &str, questions: usize) {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(&path).unwrap();
    let (told, count) = answered(world, &document).await;
    assert_eq!(count, questions);
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, &told).unwrap();
    } else {
        assert!(told == document, "run with INSTA_UPDATE=always; the answers are now:\n{told}");
    }
}

on_both! {
    async fn the_twenty_queries_answer_what_the_document_shows(world: World) {
        november(&mut world).await;
        expect_document(&mut world, "queries.md", 20).await;
    }

    async fn the_six_queries_about_v3_answer_what_the_document_shows(world: World) {
        december(&mut world).await;
        expect_document(&mut world, "queries-v3.md", 6).await;
    }
}
