//! What the API says of the key itself.

use std::time::Duration;

use serde_json::Value as Json;

use super::Client;
use crate::time::Timestamp;

/// Any key may ask for this, whatever its scopes; only v3 has it.
const SELF: &str = "/v3/api_keys/self";
/// Nothing depends on the answer, so that it is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// When the client's key expires; `None` where it does not, or the API does not say so.
pub async fn expires_at(client: &Client) -> Option<Timestamp> {
    let asked = tokio::time::timeout(PATIENCE, client.get(SELF, &|_| ())).await;
    let reply = asked.ok()?.ok()?;
    let answer: Json = serde_json::from_slice(&reply.body).ok()?;
    let found = answer.get("data").unwrap_or(&answer).get("expires_at")?;
    match found {
        Json::String(text) => Timestamp::parse(text),
        // Unix seconds, as the API gives other times.
        Json::Number(seconds) => seconds.as_i64()?.checked_mul(1000).map(Timestamp::from_millis),
        _ => None,
    }
}
