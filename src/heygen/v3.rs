//! Version 3 of the API: each catalogue in pages of its own list.
//!
//! Knows the paths, the cursors and when a list ends; the decoder knows the pages. A catalogue that
//! lacks a page is no catalogue: it fails as a whole.

use std::{collections::HashMap, sync::Arc};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    Client, Failure, Fetched, OnProgress, Presence, Progress, Reply, Trace, client::Bounds,
    request::ListRequest, sunset,
};
use crate::{
    catalog::{
        catalogue::Catalogue,
        pages::{self, Next, Pages},
        stripped::Bodies,
    },
    error::{Error, Result},
    words::{counted, hex},
};

/// The endpoint of a catalogue's list.
struct Endpoint {
    catalogue: Catalogue,
    path: &'static str,
    /// The number of records on a page, the API's maximum.
    limit: usize,
    /// The queries whose lists together are the catalogue.
    parts: &'static [&'static str],
}

static ENDPOINTS: [Endpoint; 3] = [
    Endpoint { catalogue: Catalogue::Avatars, path: "/v3/avatars/looks", limit: 50, parts: &[""] },
    Endpoint { catalogue: Catalogue::AvatarGroups, path: "/v3/avatars", limit: 50, parts: &[""] },
    Endpoint {
        catalogue: Catalogue::Voices,
        path: "/v3/voices",
        limit: 100,
        parts: &["type=public", "type=private"],
    },
];

fn endpoint(catalogue: Catalogue) -> &'static Endpoint {
    let known = ENDPOINTS.iter().find(|endpoint| endpoint.catalogue == catalogue);
    known.unwrap_or(&ENDPOINTS[0])
}

impl Endpoint {
    /// Returns the number of records on a page. A second reading uses another number.
    fn page_size(&self, again: bool) -> usize {
        if again { self.limit * 4 / 5 } else { self.limit }
    }

    /// Returns the path and query of a page.
    fn page(&self, limit: usize, part: &str, cursor: Option<&str>) -> String {
        let cursor = cursor.map(|cursor| utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        let cursor = cursor.map_or(String::new(), |cursor| format!("&token={cursor}"));
        let and = if part.is_empty() { "" } else { "&" };
        format!("{}?limit={limit}{and}{part}{cursor}", self.path)
    }
}

/// Returns the cheapest request that shows whether a catalogue's list is there: path and query.
pub(super) fn probe(catalogue: Catalogue) -> String {
    endpoint(catalogue).page(1, "", None)
}

/// Ten times the pages of the longest list reported; a list with more is treated as endless.
const MOST_PAGES: u64 = 2_000;

/// A cursor may be repeated once, as has been reported; a second repetition means a loop.
const MOST_TIMES: u8 = 2;

/// Reads the list page by page, with the client's retries for each page. Errors are in
/// [`Fetched::answer`].
pub(super) async fn fetch(
    client: &Client,
    request: ListRequest,
    progress: OnProgress<'_>,
) -> Fetched {
    let mut reading = ListReading::new(client, request);
    let read = reading.all(progress).await;
    reading.fetched(read)
}

/// Returns whether a page of looks is received, with the client's retries.
pub(super) async fn has_a_page(client: &Client) -> bool {
    let reply = client.get(&probe(Catalogue::Avatars), &|_| ()).await;
    reply
        .is_ok_and(|reply| Pages::new(Catalogue::Avatars, &Arc::default()).add(&reply.body).is_ok())
}

/// A list while it is being read.
struct ListReading<'a> {
    client: &'a Client,
    endpoint: &'static Endpoint,
    limit: usize,
    bounds: Bounds,
    pages: Pages,
    count: u64,
    /// How often each cursor was received.
    cursors: HashMap<String, u8>,
    bytes: u64,
    hash: Sha256,
    /// The pages as received, if they are wanted or may be decoded again.
    bodies: Option<Vec<Vec<u8>>>,
    /// Whether the pages are wanted.
    keep: bool,
    /// The answer that the poll records.
    last: Option<Trace>,
    /// Why the list may be incomplete: its last page does not show that it is the last.
    incomplete: Option<String>,
    /// Why the list may be incomplete: a cursor was refused.
    broke_off: Option<String>,
    /// Whether a page had more records than requested.
    oversized: bool,
    /// What a failed page shows about the version.
    presence: Presence,
}

impl<'a> ListReading<'a> {
    fn new(client: &'a Client, request: ListRequest) -> Self {
        let endpoint = endpoint(request.catalogue);
        Self {
            client,
            endpoint,
            limit: endpoint.page_size(request.again),
            bounds: client.list_bounds(),
            pages: Pages::new(request.catalogue, &request.known),
            count: 0,
            cursors: HashMap::new(),
            bytes: 0,
            hash: Sha256::new(),
            bodies: (request.keep || request.known.has_fingerprints()).then(Vec::new),
            keep: request.keep,
            last: None,
            incomplete: None,
            broke_off: None,
            oversized: false,
            presence: Presence::Unclear,
        }
    }

    async fn all(&mut self, progress: OnProgress<'_>) -> Result<()> {
        for (nth, part) in self.endpoint.parts.iter().enumerate() {
            if nth > 0 {
                tokio::time::sleep(self.client.settings().pace).await;
            }
            self.part(part, progress).await?;
        }
        Ok(())
    }

    async fn part(&mut self, part: &str, progress: OnProgress<'_>) -> Result<()> {
        self.cursors.clear();
        let mut cursor = None;
        loop {
            let begun = Instant::now();
            let path = self.endpoint.page(self.limit, part, cursor.as_deref());
            let reply = match self.client.get_page(&path, &self.bounds, &|_| ()).await {
                Ok(reply) => reply,
                Err(failure) if cursor.is_some() && status(&failure) == Some(400) => {
                    let why = format!("the cursor after page {} is refused (HTTP 400)", self.count);
                    self.broke_off = Some(why);
                    return Ok(());
                }
                Err(failure) => return Err(self.failed(failure)),
            };
            let next = self.take(reply)?;
            self.bounds.progress_at = Instant::now();
            progress(Progress::Pages { pages: self.count, items: self.pages.records() });
            match next {
                Next::End => return Ok(()),
                Next::Unknown => {
                    let why = "has neither has_more nor next_token";
                    self.incomplete = Some(format!("page {} {why}", self.count));
                    return Ok(());
                }
                Next::Page(next) => {
                    self.may_follow(&next)?;
                    cursor = Some(next);
                }
            }
            tokio::time::sleep_until(begun + self.client.settings().pace).await;
        }
    }

    fn take(&mut self, reply: Reply) -> Result<Next> {
        let Reply { trace, body } = reply;
        let notice = trace.notice.clone().or_else(|| self.last.take()?.notice);
        self.last = Some(Trace { notice, ..trace });
        let before = self.pages.records();
        let page = self.pages.add(&body).map_err(|error| {
            // An error body with status 200 may quote anything that the API was sent.
            let error = Error::new(error.kind, self.client.mask(&error.message));
            self.here(self.count + 1, error)
        })?;
        self.count += 1;
        self.oversized |= self.pages.records() - before > self.limit as u64;
        self.hash.update(&body);
        self.bytes += body.len() as u64;
        self.bounds.bytes = self.bounds.bytes.saturating_sub(body.len() as u64);
        if let Some(bodies) = &mut self.bodies {
            bodies.push(body);
        }
        Ok(page.next)
    }

    /// Fails if a cursor shows a loop or there are too many pages: a list must end.
    fn may_follow(&mut self, cursor: &str) -> Result<()> {
        let times = self.cursors.entry(cursor.to_owned()).or_default();
        *times += 1;
        if *times > MOST_TIMES {
            return Err(self.here(
                self.count,
                Error::not_a_catalogue(
                    "the list does not end, the same cursor is returned again and again; nothing \
                 was changed",
                ),
            ));
        }
        if self.count >= MOST_PAGES {
            return Err(self.here(
                self.count,
                Error::not_a_catalogue(format!(
                    "the list does not end, {} on {MOST_PAGES} pages; nothing was changed",
                    counted(self.pages.records(), "record", "records")
                )),
            ));
        }
        Ok(())
    }

    /// Records a failed page, which fails the list.
    fn failed(&mut self, failure: Failure) -> Error {
        let Failure { error, trace, presence, .. } = failure;
        self.presence = presence;
        let known = self.last.take().and_then(|last| last.notice);
        self.last = trace.map(|trace| Trace { notice: trace.notice.clone().or(known), ..*trace });
        error.context(format!("page {}", self.count + 1))
    }

    fn here(&self, page: u64, error: Error) -> Error {
        error.context(format!("{}: page {page}", self.client.source(self.endpoint.path)))
    }

    /// Returns the result. Size and hash cover all pages in order; `None` if a page is missing.
    fn fetched(self, read: Result<()>) -> Fetched {
        let Self { client, endpoint, pages, bytes, hash, last, bodies, keep, oversized, .. } = self;
        // If a page is not of the requested size, a reading with another size shows nothing.
        let (incomplete, broke_off) = match oversized {
            true => (self.incomplete.or(self.broke_off), None),
            false => (self.incomplete, self.broke_off),
        };
        let is_complete = read.is_ok();
        let presence = if is_complete { Presence::There } else { self.presence };
        let each = bodies.iter().flatten().map(Vec::as_slice);
        let answer = read.and_then(|()| pages::finish(endpoint.catalogue, pages, each));
        let announcement = answer.as_ref().ok().and_then(|answer| answer.warning.as_deref());
        let announcement = announcement.map(|text| client.mask(text));
        let last = last.unwrap_or_default();
        let trace = Trace {
            bytes: is_complete.then_some(bytes),
            sha256: is_complete.then(|| hex(&hash.finalize())),
            notice: sunset::join(last.notice.as_deref(), announcement),
            ..last
        };
        let bodies = bodies.filter(|_| keep && is_complete);
        let bodies = bodies.map(|bodies| Bodies::pages(bodies, None));
        let fetched = Fetched::of(client.source(endpoint.path), trace, answer, presence);
        let mut fetched = Fetched { bodies, broke_off, ..fetched };
        if let Some(why) = incomplete {
            fetched.incomplete(&why);
        }
        fetched
    }
}

fn status(failure: &Failure) -> Option<u16> {
    failure.trace.as_ref()?.status
}
