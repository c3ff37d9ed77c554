//! Caching: the `Cache-Control` of responses, and a small cache of the gallery's last responses.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::http::HeaderValue;

/// For files named by their content.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// For pages: stored, but revalidated for each request.
pub const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// For responses that must not be stored.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The last values; the oldest is removed first. The value of a key never changes.
#[derive(Debug)]
pub struct Cached<V> {
    most: usize,
    inner: Mutex<CacheInner<V>>,
}

#[derive(Debug)]
struct CacheInner<V> {
    /// The keys, oldest first.
    order: VecDeque<String>,
    all: HashMap<String, Arc<V>>,
}

impl<V> Cached<V> {
    /// Creates a cache of at most `most` values.
    pub fn new(most: usize) -> Self {
        Self { most, inner: Mutex::new(CacheInner { order: VecDeque::new(), all: HashMap::new() }) }
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        self.inner.lock().ok()?.all.get(key).cloned()
    }

    /// Stores `value`.
    pub fn put(&self, key: String, value: &Arc<V>) {
        let Ok(mut inner) = self.inner.lock() else { return };
        let CacheInner { order, all } = &mut *inner;
        if all.insert(key.clone(), value.clone()).is_none() {
            order.push_back(key);
        }
        if order.len() > self.most
            && let Some(oldest) = order.pop_front()
        {
            all.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answer_is_dropped_first() {
        let cached = Cached::new(2);
        for key in ["a", "b", "b", "c"] {
            cached.put(key.to_owned(), &Arc::new(key.len()));
        }
        let has = ["a", "b", "c"].map(|key| cached.get(key).is_some());
        assert_eq!(has, [false, true, true]);
        assert_eq!(cached.inner.lock().unwrap().all.len(), 2);
    }
}
