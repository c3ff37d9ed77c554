//! The reasons why a request has no answer, as problem details (RFC 9457).

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        Ref, RefOr,
        content::ContentBuilder,
        response::{Response as Described, ResponseBuilder},
    },
};

use crate::{
    error::Error,
    store::browse::Unreadable,
    web::{query_pairs::BadParameter, response::not_modified},
};

const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request failed (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `status` gives the type.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, for people.
    detail: String,
    /// The invalid parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl Problem {
    /// Creates a problem without a parameter.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let (status, detail) = (status.as_u16(), detail.into());
        Self { kind: "about:blank", title, status, detail, parameter: None }
    }

    /// Creates the problem of something that does not exist (404).
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = [(header::CONTENT_TYPE, MEDIA_TYPE)];
        let text = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, kind, text).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
        }
        response
    }
}

/// Why a handler ends without an answer.
pub enum Stop {
    /// The client already has the answer, which has this tag.
    NotModified(String),
    /// There is no answer, for this reason.
    Problem(Box<Problem>),
}

impl Stop {
    /// Whether the database cannot be read.
    pub fn is_unavailable(&self) -> bool {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        matches!(self, Self::Problem(problem) if problem.status == unavailable)
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response<Body> {
        match self {
            Self::NotModified(tag) => not_modified(&tag),
            Self::Problem(problem) => (*problem).into_response(),
        }
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<BadParameter> for Stop {
    fn from(bad: BadParameter) -> Self {
        let detail = format!("the parameter {} {}", bad.name, bad.why);
        let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
        Problem { parameter: Some(bad.name), ..problem }.into()
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Unreadable::from(error).into()
    }
}

impl From<Unreadable> for Stop {
    fn from(why: Unreadable) -> Self {
        let detail = match why {
            Unreadable::NoCatalogue => "there is no catalogue yet: run heygen-sync sync",
            Unreadable::OfAnotherVersion(error) => {
                tracing::error!(%error, "no answer");
                "the catalogue was written by another version of the program"
            }
            Unreadable::Trouble(error) => {
                tracing::error!(%error, "no answer");
                "the database cannot be read; the reason is in the program's log"
            }
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into()
    }
}

/// The responses that any route may return instead of its answer.
pub struct Problems;

const FAILURES: [(u16, &str); 8] = [
    (304, "The client has this answer already (If-None-Match)"),
    (400, "A parameter is invalid; the answer names it"),
    (401, "The token is missing or wrong"),
    (404, "There is no such item, account or path, or nothing is known about that time"),
    (405, "The method is neither GET nor HEAD"),
    (414, "The address is longer than 65,534 bytes; without a body"),
    (421, "The host name of the request is not served"),
    (503, "The database cannot be read at the moment"),
];

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let described = |(status, meaning): (u16, &str)| {
            let response = ResponseBuilder::new().description(meaning);
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem")));
            let response = match status {
                304 | 414 => response,
                _ => response.content(MEDIA_TYPE, problem.build()),
            };
            (status.to_string(), response.build().into())
        };
        FAILURES.into_iter().map(described).collect()
    }
}
