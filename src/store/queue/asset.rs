//! An asset as the queue stores it.

use std::collections::BTreeMap;

use url::Url;

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::{
    catalog::{cell::Cell, column::Holds, record::SignedUrl},
    store::{
        conn::{Arg, Fault, Row},
        record::{ColumnType, record},
    },
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
}

record! {
    /// A row of `assets`, without its role. There is no good copy while `file` is `None`. Without a
    /// `next_attempt_at`, a pending or failed asset is due at once, any other never.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Asset {
        url: String = "canonical URL: no signature parameters; at most 2,000 bytes",
        signed_url: Option<SignedUrl> =
            "signed link from the API: a credential until it expires; null if unsigned",
        expires_at: Option<Timestamp> =
            "when signed_url expires; null if unsigned or unknown, which counts as expired",
        state: AssetState = "pending, mirrored, failed (is retried), gone or skipped" required,
        sha256: Option<String> = "SHA-256 of the mirrored content, in hex",
        file: Option<String> = "name of the mirrored content within the store",
        bytes: Option<i64> = "size of the mirrored content, in bytes",
        content_type: Option<String> = "media type, from the first bytes of the content",
        etag: Option<String> = "ETag of the last response with content",
        last_modified: Option<String> =
            "Last-Modified of the last response with content, verbatim",
        attempts: i64 = "fetches since the last success" required,
        next_attempt_at: Option<Timestamp> = "earliest next fetch; null means at once",
        mirrored_at: Option<Timestamp> = "when the content was stored",
        checked_at: Option<Timestamp> = "when it was last fetched or found unchanged",
        last_error: Option<String> = "why the last fetch failed; never holds a signature",
    }
}

impl ColumnType for AssetState {
    const HOLDS: Holds = Holds::Text;

    fn read(row: &Row, name: &str) -> Result<Self, Fault> {
        row.some_text(name)?.parse().map_err(|_| row.bad_value(name, "is no state"))
    }

    fn cell(&self) -> Cell<'_> {
        self.as_str().into()
    }
}

impl ColumnType for Option<SignedUrl> {
    const HOLDS: Holds = Holds::Text;

    fn read(row: &Row, name: &str) -> Result<Self, Fault> {
        Ok(row.text(name)?.map(SignedUrl::new))
    }

    fn cell(&self) -> Cell<'_> {
        self.as_ref().map(SignedUrl::expose).into()
    }
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

/// Returns the sort key of an asset, for the same order as in `sql::lease`.
pub(super) fn urgency(asset: &Asset) -> (bool, bool, Option<Timestamp>, &str) {
    (asset.saved(), asset.signed_url.is_none(), asset.expires_at, &asset.url)
}
