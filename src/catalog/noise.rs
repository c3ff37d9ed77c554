//! Which fields change so often that their changes say little: noise that a reader of the feed may
//! want to leave out. Only named, never hidden.

/// How many good polls of an account are looked at, its first aside, which had nothing to compare.
pub const POLLS: i64 = 20;

/// With fewer polls than these "most polls" means nothing.
const FEWEST_POLLS: i64 = 5;

/// With fewer items than these "most items" means nothing.
const FEWEST_ITEMS: i64 = 10;

/// How often a field changed of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flips {
    /// `avatar` or `talking_photo`.
    pub kind: String,
    /// The field.
    pub field: String,
    /// In how many of the polls it changed on any item.
    pub polls: i64,
    /// Of so many: the last [`POLLS`], or all there are.
    pub of_polls: i64,
    /// On how many items it changed.
    pub items: i64,
    /// Of so many that are current.
    pub of_items: i64,
}

impl Flips {
    /// Whether it changed in more than half of the polls, or on more than half of the items.
    pub fn noise(&self) -> bool {
        (self.of_polls >= FEWEST_POLLS && self.polls * 2 > self.of_polls)
            || (self.of_items >= FEWEST_ITEMS && self.items * 2 > self.of_items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_most_polls_or_most_items() {
        let noise = |polls, of_polls, items, of_items| {
            let (kind, field) = ("avatar".to_owned(), "rank".to_owned());
            Flips { kind, field, polls, of_polls, items, of_items }.noise()
        };
        assert!(noise(11, 20, 1, 1000) && noise(3, 5, 1, 2));
        assert!(!noise(10, 20, 1, 1000) && !noise(4, 4, 1, 1000), "half, or too few polls");
        assert!(noise(1, 20, 501, 1000) && !noise(1, 20, 500, 1000));
        assert!(!noise(1, 20, 9, 9), "too few items");
    }
}
