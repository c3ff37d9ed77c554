//! docs/queries.md is run: its SQL, the same on both engines, over one story of seven polls, and
//! what the document shows is what they answer. `INSTA_UPDATE=always` writes the answers anew.

use std::{fmt::Write, fs};

use heygen_sync::time::Timestamp;
use serde_json::{Value, json};

use crate::{
    text::Texts,
    world::{World, on_both},
};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/queries.md");
const BEFORE_SQL: &str = "<!-- query -->\n```sql\n";
const BEFORE_ANSWER: &str = "```\n\n```text\n";

/// Polls what `response` says now, at a time.
async fn poll(world: &mut World, time: &str, response: &Value) {
    poll_text(world, time, &response.to_string()).await;
}

async fn poll_text(world: &mut World, time: &str, body: &str) {
    world.set_clock(Timestamp::parse(time).unwrap());
    world.backfill(body, None).await.unwrap();
}

/// The record with this id.
fn item<'v>(response: &'v mut Value, list: &str, id: &str) -> &'v mut Value {
    let records = response["data"][list].as_array_mut().unwrap();
    let field = format!("{}_id", list.trim_end_matches('s'));
    records.iter_mut().find(|record| record[&field] == id).unwrap()
}

fn add(response: &mut Value, list: &str, record: Value) {
    response["data"][list].as_array_mut().unwrap().push(record);
}

/// Takes all records with this id off the list.
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

/// November 2026 of two accounts; the document tells it in words.
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

/// Columns as wide as their widest cell.
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

/// The document with its answers as the world gives them, and how many there are.
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

on_both! {
    async fn the_twenty_queries_answer_what_the_document_shows(world: World) {
        november(&mut world).await;
        let document = fs::read_to_string(DOCUMENT).unwrap();
        let (told, count) = answered(&mut world, &document).await;
        assert_eq!(count, 20);
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            fs::write(DOCUMENT, &told).unwrap();
        } else {
            assert!(told == document, "run with INSTA_UPDATE=always; the answers are now:\n{told}");
        }
    }
}
