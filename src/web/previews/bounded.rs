//! A cache of values by key, with a limit on their total size in bytes.

use hashlink::LinkedHashMap;

/// Values and their sizes; the least recently used ones are removed to make room for new ones.
pub(super) struct Bounded<V> {
    most: u64,
    bytes: u64,
    /// From the least to the most recently used.
    all: LinkedHashMap<String, (V, u64)>,
}

impl<V> Bounded<V> {
    /// Creates a cache of at most `most` bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { most, bytes: 0, all: LinkedHashMap::new() }
    }

    /// Returns the value of `key` and marks it as used.
    pub(super) fn get(&mut self, key: &str) -> Option<&V> {
        self.all.to_back(key).map(|(value, _)| &*value)
    }

    /// Stores a value of `size` bytes. Returns the values that are no longer stored: the previous value,
    /// those removed to make room, or the new one if it is larger than the limit.
    pub(super) fn put(&mut self, key: String, value: V, size: u64) -> Vec<V> {
        let mut gone: Vec<V> = self.remove(&key).into_iter().collect();
        self.bytes += size;
        self.all.insert(key, (value, size));
        while self.bytes > self.most {
            let Some((_, (oldest, size))) = self.all.pop_front() else { break };
            self.bytes -= size;
            gone.push(oldest);
        }
        gone
    }

    /// Removes a value and returns it.
    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        let (value, size) = self.all.remove(key)?;
        self.bytes -= size;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_makes_room() {
        let mut all = Bounded::new(10);
        let put = |all: &mut Bounded<&'static str>, key: &'static str, size| {
            all.put(key.to_owned(), key, size)
        };
        assert_eq!([put(&mut all, "a", 4), put(&mut all, "b", 4)].concat(), [""; 0]);
        assert_eq!(all.get("a"), Some(&"a"));
        assert_eq!(put(&mut all, "c", 5), ["b"]);
        assert_eq!(put(&mut all, "a", 5), ["a"], "the same key counts once");
        assert_eq!(all.get("c"), Some(&"c"));
        assert_eq!(put(&mut all, "large", 11), ["a", "c", "large"]);
        assert_eq!((all.bytes, all.all.len()), (0, 0));
    }
}
