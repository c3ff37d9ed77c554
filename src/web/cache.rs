//! When a browser may keep what it has: a page until something was polled or mirrored, a file for
//! ever. And what the gallery itself keeps of its last answers, by the same rule. It does not know
//! what is kept.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock},
};

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

use crate::store::{browse::Mark, lock::hex};

/// For what is named by its content.
pub const FOR_EVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// For pages: kept, but asked for each time.
pub const ASK: HeaderValue = HeaderValue::from_static("private, no-cache");
/// For what must not be kept.
pub const NEVER: HeaderValue = HeaderValue::from_static("no-store");

/// The tag of a page. Weak, since it may travel compressed or not.
pub fn tag(mark: &Mark, moment: &str, url: &str) -> String {
    let mut hash = Sha256::new();
    for part in [build(), &format!("{mark:?}"), moment, url, &super::assets::paths().concat()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    format!("W/\"{}\"", &hex(&hash.finalize())[..32])
}

/// The build: the version, and when the program's file was written.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        let written = std::env::current_exe().and_then(|exe| exe.metadata()?.modified());
        format!("{} {written:?}", env!("CARGO_PKG_VERSION"))
    })
}

/// The last answers, so many at most: the oldest gives way. What a key stands for never changes.
#[derive(Debug)]
pub struct Kept<V> {
    most: usize,
    inner: Mutex<Inner<V>>,
}

#[derive(Debug)]
struct Inner<V> {
    /// The keys, oldest first.
    order: VecDeque<String>,
    all: HashMap<String, Arc<V>>,
}

impl<V> Kept<V> {
    /// Keeps `most` at most.
    pub fn new(most: usize) -> Self {
        Self { most, inner: Mutex::new(Inner { order: VecDeque::new(), all: HashMap::new() }) }
    }

    /// What is kept under `key`.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        self.inner.lock().ok()?.all.get(key).cloned()
    }

    /// Keeps `value`.
    pub fn keep(&self, key: String, value: &Arc<V>) {
        let Ok(mut inner) = self.inner.lock() else { return };
        let Inner { order, all } = &mut *inner;
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

/// Whether the browser has what is tagged `tag`.
pub fn has(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answer_gives_way_and_no_more_are_kept_than_said() {
        let kept = Kept::new(2);
        for key in ["a", "b", "b", "c"] {
            kept.keep(key.to_owned(), &Arc::new(key.len()));
        }
        let has = ["a", "b", "c"].map(|key| kept.get(key).is_some());
        assert_eq!(has, [false, true, true]);
        assert_eq!(kept.inner.lock().unwrap().all.len(), 2);
    }
}
