//! A request to the API: its parameters, its reading, its ETag.

use axum::{
    body::Body,
    http::{Response, header, request::Parts},
    response::IntoResponse,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    parameter::{self, Parameter, USUAL},
    problem::{Problem, Stop},
};
use crate::{
    answers::redact,
    catalog::kind::Kind,
    error::Error,
    ids::LookupScope,
    store::browse::{Reading, Stamp},
    time::Timestamp,
    web::{
        app::App,
        context::usual_account,
        etag,
        query_pairs::{QueryPairs, bad},
        response::tagged,
        viewpoint::Viewpoint,
    },
};

/// A request whose parameters match those of its route, and whose reading has begun.
pub struct ApiRequest {
    /// The reading.
    pub reading: Reading,
    /// The parameters that have not been taken yet.
    pub pairs: QueryPairs,
    /// The current time.
    pub now: Timestamp,
    /// The requested account.
    pub account: Option<String>,
    /// The requested past time.
    pub at: Option<Timestamp>,
    stamp: Stamp,
    tag: String,
}

impl ApiRequest {
    /// Checks the parameters and begins a reading.
    ///
    /// # Errors
    /// [`Stop::NotModified`] if the client already has the answer.
    pub async fn begin(app: &App, request: &Parts, parameters: &[Parameter]) -> Result<Self, Stop> {
        let now = app.clock.now();
        let mut pairs = QueryPairs::strict(request.uri.query().unwrap_or_default())?;
        parameter::check(&pairs, parameters)?;
        let viewpoint = Viewpoint::take(&mut pairs, now)?;
        let mut reading = app.reader.answer().await?;
        let stamp = reading.stamp().await?;
        let tag = etag::tag(&stamp, &now.to_string()[..10], &etag::url(request));
        if etag::matches(&request.headers, &tag) {
            reading.end().await;
            return Err(Stop::NotModified(tag));
        }
        let (at, account) = (viewpoint.at(), viewpoint.account);
        if let Some(account) = account.as_ref().filter(|account| !stamp.accounts.contains(account))
        {
            reading.end().await;
            return Err(
                Problem::not_found(format!("there is no account called {account:?}")).into()
            );
        }
        Ok(Self { reading, pairs, now, account, at, stamp, tag })
    }

    /// Returns the requested account, or else the usual one.
    pub fn account(&self) -> Result<String, Stop> {
        let account = self.account.as_ref().or(usual_account(&self.stamp));
        let nothing = || Problem::not_found("nothing was polled yet: run heygen-sync sync");
        Ok(account.ok_or_else(nothing)?.clone())
    }

    /// Returns the requested kind.
    pub fn kind(&mut self) -> Result<Option<Kind>, Stop> {
        Ok(self.pairs.one("kind")?.and_then(|kind| Kind::parse(&kind)))
    }

    /// Returns the requested account and kind.
    pub fn scope(&mut self) -> Result<LookupScope, Stop> {
        Ok(LookupScope { kind: self.kind()?, account: self.account.clone() })
    }

    /// Returns the number of rows.
    pub fn limit(&mut self) -> Result<usize, Stop> {
        let limit = self.pairs.one("limit")?;
        Ok(limit.and_then(|limit| limit.parse().ok()).unwrap_or(USUAL))
    }

    /// Returns the position after which the page begins.
    pub fn cursor<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Stop> {
        let Some(text) = self.pairs.one("cursor")? else { return Ok(None) };
        let json = URL_SAFE_NO_PAD.decode(text).ok();
        let json = json.and_then(|json| serde_json::from_slice::<Json>(&json).ok());
        // No value in the database contains a NUL.
        let has_nul = |part: &Json| part.as_str().is_some_and(|text| text.contains('\0'));
        let json = json.filter(|json| !json.as_array().into_iter().flatten().any(has_nul));
        let place = json.and_then(|json| serde_json::from_value(json).ok());
        Ok(Some(place.ok_or_else(bad_cursor)?))
    }

    /// Ends the reading and returns the response with this answer. If the database failed, the reading is
    /// dropped with its connection.
    pub async fn answer<T: Serialize>(
        self,
        answer: Result<T, Stop>,
    ) -> Result<Response<Body>, Stop> {
        if !answer.as_ref().is_err_and(Stop::is_unavailable) {
            self.reading.end().await;
        }
        let json = serde_json::to_value(answer?);
        let json = json.map_err(|fault| Error::unforeseen(format!("cannot answer: {fault}")))?;
        let kind = [(header::CONTENT_TYPE, "application/json")];
        Ok(tagged((kind, redact::json(json).to_string()).into_response(), &self.tag))
    }
}

/// Returns the error for a cursor that no page contained.
pub fn bad_cursor() -> Stop {
    bad("cursor", "must be next_cursor of a page with the same parameters").into()
}

/// Returns the cursor of a position.
pub fn cursor_of(place: impl Into<Json>) -> String {
    URL_SAFE_NO_PAD.encode(place.into().to_string())
}
