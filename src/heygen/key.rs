//! What the API reports about the key itself.

use std::time::Duration;

use serde_json::Value as Json;

use super::Client;
use crate::time::Timestamp;

/// The end point is open to every key, regardless of its scopes; only v3 has it.
const SELF: &str = "/v3/api_keys/self";
/// The timeout; short, since nothing depends on the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Returns when the client's key expires; `None` if it does not, or the API does not report it.
pub async fn expires_at(client: &Client) -> Option<Timestamp> {
    let response = tokio::time::timeout(PATIENCE, client.get(SELF, &|_| ())).await;
    let reply = response.ok()?.ok()?;
    let answer: Json = serde_json::from_slice(&reply.body).ok()?;
    let found = answer.get("data").unwrap_or(&answer).get("expires_at")?;
    match found {
        Json::String(text) => Timestamp::parse(text),
        // Unix seconds, as the API gives other times.
        Json::Number(seconds) => seconds.as_i64()?.checked_mul(1000).map(Timestamp::from_millis),
        _ => None,
    }
}
