//! Version 3 of the API: the catalogue as pages of `GET /v3/avatars/looks`.
//!
//! Knows the path, the cursors and when a list ends; what a page means is the decoder's. A list of
//! which a page is lacking is no list: it fails as a whole.

use std::collections::HashMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    Client, Failure, Fetched, OnProgress, Progress, Reply, Trace, client::Bounds, v2::join,
    version::Profile,
};
use crate::{
    catalog::{
        pages::{self, Page, Pages},
        stripped::Bodies,
    },
    error::{Error, Result},
    words::duration,
};

const PATH: &str = "/v3/avatars/looks";

/// All that the rest of the program goes by. A list may shift while its pages are read, so that it
/// takes two of them to believe a removal.
pub(super) static PROFILE: Profile = Profile {
    name: "v3",
    after_polls: 2,
    probe: "/v3/avatars/looks?limit=1",
    fetch: |client, keep, progress| Box::pin(fetch(client, keep, progress)),
    read: pages::read,
};

/// Looks on a page, the most that the API gives.
const LIMIT: usize = 50;

/// Ten times as many pages as the longest list reported: more are taken for a list without an end.
const MOST_PAGES: u64 = 2_000;

/// A cursor may come back once, as was reported; if it does so again it leads in a circle.
const MOST_TIMES: u8 = 2;

/// Reads the list page by page, with the client's retries for each page. What goes wrong is in
/// [`Fetched::answer`].
async fn fetch(client: &Client, keep: bool, progress: OnProgress<'_>) -> Fetched {
    let mut reading = Reading { kept: keep.then(Vec::new), ..Reading::new(client) };
    let read = reading.all(progress).await;
    reading.fetched(read)
}

/// A list while it is being read.
struct Reading<'a> {
    client: &'a Client,
    bounds: Bounds,
    pages: Pages,
    count: u64,
    /// How often each cursor was told.
    cursors: HashMap<String, u8>,
    bytes: u64,
    hash: Sha256,
    /// The pages, where they are to be kept.
    kept: Option<Vec<Vec<u8>>>,
    /// The last answer that counts.
    last: Option<Trace>,
    /// Why the list may not be whole.
    incomplete: Option<String>,
}

impl<'a> Reading<'a> {
    fn new(client: &'a Client) -> Self {
        Self {
            client,
            bounds: client.whole(),
            pages: Pages::new(),
            count: 0,
            cursors: HashMap::new(),
            bytes: 0,
            hash: Sha256::new(),
            kept: None,
            last: None,
            incomplete: None,
        }
    }

    async fn all(&mut self, progress: OnProgress<'_>) -> Result<()> {
        let mut cursor = None;
        let mut looks = 0;
        loop {
            let begun = Instant::now();
            let reply = match self.page(cursor.as_deref()).await {
                Ok(reply) => reply,
                Err(failure) if cursor.is_some() && status(&failure) == Some(400) => {
                    self.ended_by_400(looks);
                    return Ok(());
                }
                Err(failure) => return Err(self.failed(failure)),
            };
            let page = self.take(reply)?;
            progress(Progress::Pages { pages: self.count, items: self.pages.looks() });
            let Some(next) = page.next else { return Ok(()) };
            looks = page.looks;
            self.may_follow(&next)?;
            cursor = Some(next);
            tokio::time::sleep_until(begun + self.client.settings().pace).await;
        }
    }

    async fn page(&self, cursor: Option<&str>) -> Result<Reply, Failure> {
        let cursor = cursor.map(|cursor| utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        let cursor = cursor.map_or(String::new(), |cursor| format!("&token={cursor}"));
        let path = format!("{PATH}?limit={LIMIT}{cursor}");
        self.client.get_page(&path, &self.bounds, &|_| ()).await
    }

    fn take(&mut self, reply: Reply) -> Result<Page> {
        let Reply { trace, body } = reply;
        let notice = trace.notice.clone().or_else(|| self.last.take()?.notice);
        self.last = Some(Trace { notice, ..trace });
        let page = self.pages.add(&body).map_err(|error| {
            // An error body with status 200 may quote whatever the API was sent.
            let error = Error::new(error.kind, self.client.mask(&error.message));
            self.here(self.count + 1, error)
        })?;
        self.count += 1;
        self.hash.update(&body);
        self.bytes += body.len() as u64;
        self.bounds.bytes = self.bounds.bytes.saturating_sub(body.len() as u64);
        if let Some(kept) = &mut self.kept {
            kept.push(body);
        }
        Ok(page)
    }

    /// One client found that the last cursor answers 400. After a short page that is believed;
    /// after a full one more may have followed.
    fn ended_by_400(&mut self, looks: usize) {
        if looks >= LIMIT {
            let why = format!("the cursor after page {} is refused (HTTP 400)", self.count);
            tracing::warn!("{}: {why}", self.client.source(PATH));
            self.pages.incomplete(&why);
            self.incomplete = Some(why);
        }
    }

    /// A list must end, and in time.
    fn may_follow(&mut self, cursor: &str) -> Result<()> {
        let times = self.cursors.entry(cursor.to_owned()).or_default();
        *times += 1;
        if *times > MOST_TIMES {
            return Err(self.here(
                self.count,
                Error::not_a_catalogue(
                    "the list leads in a circle, the same cursor comes again and again; \
                 nothing was changed",
                ),
            ));
        }
        if self.count >= MOST_PAGES {
            return Err(self.here(
                self.count,
                Error::not_a_catalogue(format!(
                    "the list has no end, {} looks on {MOST_PAGES} pages; nothing was changed",
                    self.pages.looks()
                )),
            ));
        }
        let limit = self.client.settings().retry_time;
        if self.bounds.started.elapsed() > limit {
            return Err(self.here(
                self.count,
                Error::unavailable(format!(
                    "the list did not come whole within {}, {} looks so far; raise api.retry_time",
                    duration(limit),
                    self.pages.looks()
                )),
            ));
        }
        Ok(())
    }

    /// A page that fails fails the list.
    fn failed(&mut self, failure: Failure) -> Error {
        let Failure { error, trace, .. } = failure;
        let known = self.last.take().and_then(|last| last.notice);
        self.last = trace.map(|trace| Trace { notice: trace.notice.clone().or(known), ..*trace });
        error.context(format!("page {}", self.count + 1))
    }

    fn here(&self, page: u64, error: Error) -> Error {
        error.context(format!("{}: page {page}", self.client.source(PATH)))
    }

    /// Size and hash are those of all pages in their order; they are nobody's if one is lacking.
    fn fetched(self, read: Result<()>) -> Fetched {
        let Self { client, pages, bytes, hash, last, kept, incomplete, .. } = self;
        let whole = read.is_ok();
        let unsure = incomplete.as_ref().map(|why| format!("the list may not be whole: {why}"));
        let answer = read.map(|()| pages.finish());
        let said = answer.as_ref().ok().and_then(|answer| answer.warning.as_deref());
        let said = said.map(|text| client.mask(text));
        let (at, status, request, notice) = match last {
            Some(Trace { received_at, status, request_id, notice, .. }) => {
                (Some(received_at), Some(status), request_id, notice)
            }
            None => (None, None, None, None),
        };
        Fetched {
            source: client.source(PATH),
            received_at: at,
            http_status: status,
            request_id: request,
            response_bytes: whole.then_some(bytes),
            response_sha256: whole.then(|| super::failure::hex(&hash.finalize())),
            warning: join(join(notice.as_deref(), said).as_deref(), unsure),
            bodies: kept.filter(|_| whole).map(|pages| Bodies::pages(pages, incomplete)),
            answer,
        }
    }
}

fn status(failure: &Failure) -> Option<u16> {
    failure.trace.as_ref().map(|trace| trace.status)
}
