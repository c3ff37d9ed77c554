//! Looks up where the preview of an item's version is fetched from. Only this file of the gallery reads
//! signed links.

use super::{reading::Reading, sql::Sql};
use crate::{
    catalog::{kind::Kind, kind::Role, record::SignedUrl},
    error::Result,
    store::conn::{Fault, Row},
    time::Timestamp,
};

/// The preview of an item's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewKey {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: Kind,
    /// The item's id.
    pub id: String,
    /// The version.
    pub version: i64,
    /// Picture or video.
    pub role: Role,
}

/// The link from which a preview is fetched.
#[derive(Clone, Debug)]
pub struct PreviewLink {
    /// The canonical URL.
    pub url: String,
    /// The signed link, if there is one.
    pub signed: Option<SignedUrl>,
}

/// PostgreSQL's error code for a missing privilege.
const NOT_PERMITTED: &str = "42501";

impl Reading {
    /// Returns the link of a preview if it works at `now`; `None` if there is no such link or version,
    /// or if the database role may not read signed links.
    pub async fn preview_link(
        &mut self,
        key: &PreviewKey,
        now: Timestamp,
    ) -> Result<Option<PreviewLink>> {
        let (kind, role) = (key.kind, key.role);
        let preview = kind.previews.iter().find(|preview| preview.role == role);
        let column = preview.map(|preview| preview.field).and_then(|field| kind.column(field));
        let Some(column) = column else { return Ok(None) };
        let mut sql = Sql::new(self.engine());
        let places = [
            sql.bind(key.account.as_str()),
            sql.bind(key.id.as_str()),
            sql.bind(key.version),
            sql.bind(now),
        ];
        let [account, id, version, now] = &places;
        // A signed link without a known expiry counts as expired.
        let text = format!(
            "SELECT h.{url}, a.signed_url FROM {history} AS h LEFT JOIN assets AS a ON a.url = h.{url} \
             WHERE h.account = {account} AND h.{key} = {id} AND h.version = {version} \
             AND h.{url} IS NOT NULL AND coalesce(a.state, '') <> 'gone' \
             AND CASE WHEN a.signed_url IS NULL THEN a.expires_at IS NULL \
             ELSE a.expires_at > {now} END",
            url = column.name,
            history = kind.history,
            key = kind.id,
        );
        match self.rows_of(text, &sql.args, link).await {
            Ok(links) => Ok(links.into_iter().next()),
            Err(fault) if is_not_permitted(&fault) => Ok(None),
            Err(fault) => Err(self.storage_error(&fault)),
        }
    }
}

fn is_not_permitted(fault: &Fault) -> bool {
    let code = fault.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(NOT_PERMITTED)
}

fn link(row: &Row) -> Result<PreviewLink, Fault> {
    Ok(PreviewLink { url: row.some_text(0)?, signed: row.text(1)?.map(SignedUrl::new) })
}
