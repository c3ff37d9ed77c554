//! Caching: the `Cache-Control` of responses, and a small cache of values by text.

use std::sync::{Arc, Mutex};

use axum::http::HeaderValue;
use hashlink::LruCache;

/// For files named by their content.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// For pages: stored, but revalidated for each request.
pub const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// For responses that must not be stored.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The most recently used values. The value of a key never changes.
#[derive(Debug)]
pub struct Cached<V>(Mutex<LruCache<String, Arc<V>>>);

impl<V> Cached<V> {
    /// Creates a cache of at most `most` values.
    pub fn new(most: usize) -> Self {
        Self(Mutex::new(LruCache::new(most)))
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        self.0.lock().ok()?.get(key).cloned()
    }

    /// Returns the value of `key`. If there is none, `value` computes it, and it is stored.
    pub async fn get_or<E>(
        &self,
        key: String,
        value: impl Future<Output = Result<V, E>>,
    ) -> Result<Arc<V>, E> {
        if let Some(cached) = self.get(&key) {
            return Ok(cached);
        }
        let value = Arc::new(value.await?);
        self.put(key, &value);
        Ok(value)
    }

    /// Stores `value`.
    pub fn put(&self, key: String, value: &Arc<V>) {
        if let Ok(mut all) = self.0.lock() {
            all.insert(key, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_that_was_not_used_for_longest_is_dropped_first() {
        let cached = Cached::new(2);
        for key in ["a", "b", "b", "c"] {
            cached.put(key.to_owned(), &Arc::new(key.len()));
        }
        let has = |key| cached.get(key).is_some();
        assert_eq!(["a", "c", "b"].map(has), [false, true, true]);
        cached.put("d".to_owned(), &Arc::new(1));
        assert_eq!(["b", "c", "d"].map(has), [true, false, true]);
        assert_eq!(cached.0.lock().unwrap().len(), 2);
    }
}
