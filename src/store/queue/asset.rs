//! An asset as the queue stores it.

use std::collections::BTreeMap;

use url::Url;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{
    catalog::record::SignedUrl,
    store::conn::{Arg, Fault, Row},
    time::Timestamp,
};

/// The state of an asset: the column `assets.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AssetState {
    /// It waits to be fetched.
    Pending,
    /// A good copy is in the store.
    Mirrored,
    /// The last fetch failed and is retried.
    Failed,
    /// It can no longer be fetched, or its copy was pruned.
    Gone,
    /// The configuration excludes it.
    Skipped,
}

impl AssetState {
    /// Returns the value of the column.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A row of `assets`.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// The canonical URL, the key.
    pub url: String,
    /// The signed link; `None` if the API's link is unsigned.
    pub signed_url: Option<SignedUrl>,
    /// When the link stops working; `None` when unsigned or unknown.
    pub expires_at: Option<Timestamp>,
    /// Its state.
    pub state: AssetState,
    /// The SHA-256 of the content fetched last, in hex.
    pub sha256: Option<String>,
    /// Its name within the store; `None` while there is no good copy.
    pub file: Option<String>,
    /// Its size, in bytes.
    pub bytes: Option<i64>,
    /// Its media type.
    pub content_type: Option<String>,
    /// The ETag of the last response with content.
    pub etag: Option<String>,
    /// The Last-Modified of the last response with content.
    pub last_modified: Option<String>,
    /// The number of fetches since the last successful one.
    pub attempts: i64,
    /// Not fetched before this time; `None` means at once if pending or failed, else never.
    pub next_attempt_at: Option<Timestamp>,
    /// When the content was stored.
    pub mirrored_at: Option<Timestamp>,
    /// When it was last fetched or found unchanged.
    pub checked_at: Option<Timestamp>,
    /// Why the last fetch failed.
    pub last_error: Option<String>,
}

impl Asset {
    /// Returns the link to fetch: the signed one if there is one.
    pub fn link(&self) -> &str {
        self.signed_url.as_ref().map_or(self.url.as_str(), SignedUrl::expose)
    }

    /// Whether a good copy is in the store.
    pub fn saved(&self) -> bool {
        self.file.is_some()
    }
}

/// The result for a leased asset: its new row.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The row, with the link that was used: a failure is not written if a poll has replaced the link
    /// meanwhile.
    pub asset: Asset,
    /// Whether the content differs from the last one of the URL; if so, it gets a row in `asset_versions`.
    pub new_content: bool,
    /// Whether the link was refused before its expiry: the expiry is cleared, so that the next list may
    /// replace the link.
    pub distrusted: bool,
    /// Whether its file was stored just now. Otherwise the row is only written if it still has the same
    /// file: another process may have found that file missing meanwhile.
    pub stored: bool,
}

impl From<Asset> for Settled {
    /// A result without new content.
    fn from(asset: Asset) -> Self {
        Self { asset, new_content: false, distrusted: false, stored: false }
    }
}

/// Assets of one host that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The number of assets.
    pub count: u64,
    /// The reason.
    pub why: String,
    /// The host, the only part of their URLs that is reported.
    pub host: String,
    /// When the first of them is retried; `None` if that never happens by itself.
    pub next: Option<Timestamp>,
}

impl Failures {
    /// Groups (URL, why, next attempt), the largest group first.
    pub fn group(all: impl IntoIterator<Item = (String, String, Option<Timestamp>)>) -> Vec<Self> {
        let mut groups: BTreeMap<(String, String), (u64, Option<Timestamp>)> = BTreeMap::new();
        for (url, why, next) in all {
            let host = Url::parse(&url).ok().and_then(|url| url.host_str().map(str::to_owned));
            // The position at which a body broke off differs each time.
            let why = why.split(" after ").next().unwrap_or_default().to_owned();
            let (count, first) = groups.entry((why, host.unwrap_or_default())).or_default();
            *count += 1;
            *first = [*first, next].into_iter().flatten().min();
        }
        let groups = groups.into_iter();
        let mut groups: Vec<Self> =
            groups.map(|((why, host), (count, next))| Self { count, why, host, next }).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

/// The roles of the assets that are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Whether pictures are wanted.
    pub pictures: bool,
    /// Whether videos are wanted.
    pub videos: bool,
    /// Whether samples of voices are wanted.
    pub audio: bool,
}

impl Wanted {
    /// The arguments of the statements, in the order of the fields.
    pub(super) fn args(self) -> [Arg<'static>; 3] {
        [self.pictures, self.videos, self.audio].map(|wanted| Arg::Bool(Some(wanted)))
    }
}

pub(super) fn asset(row: &Row) -> Result<Asset, Fault> {
    let state = AssetState::parse(&row.some_text(3)?);
    Ok(Asset {
        url: row.some_text(0)?,
        signed_url: row.text(1)?.map(SignedUrl::new),
        expires_at: row.time(2)?,
        state: state.ok_or_else(|| row.bad_value(3, "is no state"))?,
        sha256: row.text(4)?,
        file: row.text(5)?,
        bytes: row.int(6)?,
        content_type: row.text(7)?,
        etag: row.text(8)?,
        last_modified: row.text(9)?,
        attempts: row.some_int(10)?,
        next_attempt_at: row.time(11)?,
        mirrored_at: row.time(12)?,
        checked_at: row.time(13)?,
        last_error: row.text(14)?,
    })
}

/// Returns the sort key of an asset, for the same order as in `sql::lease`.
pub(super) fn urgency(asset: &Asset) -> (bool, bool, Option<Timestamp>, &str) {
    (asset.saved(), asset.signed_url.is_none(), asset.expires_at, &asset.url)
}
