//! Writes links into `assets`.

use std::borrow::Cow;

use super::{
    bulk::{AT_ONCE, Bulk, BulkColumn},
    conn::{Conn, Fault},
};
use crate::catalog::links::LinkWrite;

/// Writes the links and frees each batch once it is written: signed URLs are most of what a poll holds in
/// memory.
pub(super) async fn write_links(conn: &mut Conn, links: Vec<LinkWrite>) -> Result<(), Fault> {
    let mut links = links.into_iter();
    loop {
        let some: Vec<LinkWrite> = links.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(());
        }
        for new in [true, false] {
            let chosen: Vec<&LinkWrite> = some.iter().filter(|link| link.new == new).collect();
            write_some_links(conn, &chosen, new).await?;
        }
    }
}

async fn write_some_links(conn: &mut Conn, some: &[&LinkWrite], new: bool) -> Result<(), Fault> {
    let signed: Vec<_> = some.iter().map(|link| link.signed_url()).collect();
    let signed = signed.iter().map(|url| Some(Cow::Borrowed(url.as_ref()?.expose())));
    let rows = Bulk::new(some.len())
        .texts("url", some.iter().map(|link| link.url.as_str()))
        .column("signed_url", BulkColumn::Text(signed.collect()))
        .column("expires_at", BulkColumn::Time(some.iter().map(|link| link.expires_at).collect()));
    match new {
        true => {
            let roles = some.iter().map(|link| link.role.as_str());
            rows.texts("role", roles).insert(conn, "assets").await
        }
        false => rows.update(conn, "assets", &replace_link(), "t.url = d.url").await,
    }
}

/// Returns the assignments for a replaced link. Assets that could not be fetched are retried with it; the
/// content behind a link that is no longer signed may change, and is checked again.
fn replace_link() -> String {
    let again = "(t.state IN ('gone', 'failed') \
         OR (t.state = 'skipped' AND t.last_error IS NOT NULL))";
    format!(
        "signed_url = d.signed_url, expires_at = d.expires_at, \
         state = CASE WHEN {again} THEN 'pending' ELSE t.state END, \
         attempts = CASE WHEN {again} THEN 0 ELSE t.attempts END, \
         next_attempt_at = CASE WHEN {again} THEN NULL \
         WHEN d.signed_url IS NULL AND t.state = 'mirrored' THEN t.mirrored_at \
         ELSE t.next_attempt_at END, \
         last_error = CASE WHEN {again} THEN NULL ELSE t.last_error END"
    )
}
