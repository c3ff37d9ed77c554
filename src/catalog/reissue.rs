//! Probably the same item under another id: one vanished where another appeared, between the same
//! two polls, and the two share a name or a picture that no third item had at that time.
//!
//! A sign that could mean several items marks none of them: names are not unique. Where the
//! candidates come from is not known here.

use std::collections::{BTreeSet, HashMap};

use crate::time::Timestamp;

/// What two items have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// The name, to the letter.
    Name(String),
    /// The picture: its content where the mirror has it, else its URL.
    Picture(String),
}

/// A sign that an item that was removed goes on under another id.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Of which account.
    pub account: String,
    /// The poll that removed the old one.
    pub poll_id: i64,
    /// The id that vanished.
    pub old: String,
    /// The id that appeared.
    pub new: String,
    /// What they have in common.
    pub sign: Sign,
    /// The last poll that listed the old one.
    pub listed_until: Timestamp,
    /// The next one, which listed the new one.
    pub listed_from: Timestamp,
}

/// A version of any item, by what could be a sign.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// Of which account.
    pub account: String,
    /// The item.
    pub id: String,
    /// Its name and its picture.
    pub signs: Vec<Sign>,
    /// When the version began.
    pub valid_from: Timestamp,
    /// When it ended, if it did.
    pub valid_to: Option<Timestamp>,
}

/// Claims, of which those go that turn out ambiguous.
#[derive(Debug, Default)]
pub struct Claims {
    by_sign: HashMap<(String, Sign), Vec<Claim>>,
}

impl Claims {
    /// All that could be claimed.
    pub fn new(claims: Vec<Claim>) -> Self {
        let mut by_sign: HashMap<_, Vec<Claim>> = HashMap::new();
        for claim in claims {
            let key = (claim.account.clone(), claim.sign.clone());
            by_sign.entry(key).or_default().push(claim);
        }
        Self { by_sign }
    }

    /// The time within which a third item could spoil a claim; `None` where nothing is claimed.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let claims = || self.by_sign.values().flatten();
        let begin = claims().map(|claim| claim.listed_until).min()?;
        let end = claims().map(|claim| claim.listed_from).max()?;
        Some((begin, end))
    }

    /// Takes back each claim whose sign a third item bore then.
    pub fn see(&mut self, bearer: Bearer) {
        let Bearer { account, id, signs, valid_from, valid_to } = bearer;
        for sign in signs {
            if let Some(claims) = self.by_sign.get_mut(&(account.clone(), sign)) {
                claims.retain(|claim| {
                    claim.old == id
                        || claim.new == id
                        || valid_from > claim.listed_from
                        || valid_to.is_some_and(|end| end <= claim.listed_until)
                });
            }
        }
    }

    /// What is left: for (poll, removed id) the new id, where both have no other match.
    pub fn settle(self) -> HashMap<(i64, String), String> {
        let left: Vec<Claim> = self.by_sign.into_values().flatten().collect();
        let mut news: HashMap<_, BTreeSet<&str>> = HashMap::new();
        let mut olds: HashMap<_, BTreeSet<&str>> = HashMap::new();
        for claim in &left {
            news.entry((claim.poll_id, claim.old.as_str())).or_default().insert(&claim.new);
            let new = (claim.account.as_str(), claim.new.as_str());
            olds.entry(new).or_default().insert(&claim.old);
        }
        let alone = |claim: &&Claim| {
            let new = (claim.account.as_str(), claim.new.as_str());
            news.get(&(claim.poll_id, claim.old.as_str())).is_some_and(|all| all.len() == 1)
                && olds.get(&new).is_some_and(|all| all.len() == 1)
        };
        let settled = left.iter().filter(alone);
        settled.map(|claim| ((claim.poll_id, claim.old.clone()), claim.new.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn claim(old: &str, new: &str, sign: Sign) -> Claim {
        Claim {
            account: "a".into(),
            poll_id: 7,
            old: old.into(),
            new: new.into(),
            sign,
            listed_until: at(10),
            listed_from: at(20),
        }
    }

    fn name(name: &str) -> Sign {
        Sign::Name(name.into())
    }

    fn bearer(id: &str, sign: Sign, from: i64, to: Option<i64>) -> Bearer {
        Bearer {
            account: "a".into(),
            id: id.into(),
            signs: vec![sign],
            valid_from: at(from),
            valid_to: to.map(at),
        }
    }

    fn settled(claims: Vec<Claim>, bearers: Vec<Bearer>) -> Vec<(String, String)> {
        let mut claims = Claims::new(claims);
        bearers.into_iter().for_each(|one| claims.see(one));
        let mut all: Vec<_> =
            claims.settle().into_iter().map(|((_, old), new)| (old, new)).collect();
        all.sort();
        all
    }

    #[test]
    fn a_claim_stands_that_no_third_item_shares_at_that_time() {
        let mira = || vec![claim("old", "new", name("Mira"))];
        let pair = vec![("old".to_owned(), "new".to_owned())];
        assert_eq!(settled(mira(), vec![]), pair);
        for before_or_after in [
            bearer("third", name("Mira"), 0, Some(10)),
            bearer("third", name("Mira"), 21, None),
            bearer("third", name("Jonas"), 0, None),
            bearer("old", name("Mira"), 0, Some(20)),
            bearer("new", name("Mira"), 20, None),
        ] {
            assert_eq!(settled(mira(), vec![before_or_after]), pair);
        }
        for then in [
            bearer("third", name("Mira"), 0, None),
            bearer("third", name("Mira"), 0, Some(20)),
            bearer("third", name("Mira"), 20, None),
        ] {
            assert_eq!(settled(mira(), vec![then]), []);
        }
    }

    #[test]
    fn signs_that_contradict_each_other_mark_nothing() {
        let picture = || Sign::Picture("p".into());
        let agree = vec![claim("old", "new", name("Mira")), claim("old", "new", picture())];
        assert_eq!(settled(agree, vec![]).len(), 1);
        let two_new = vec![claim("old", "new", name("Mira")), claim("old", "other", picture())];
        assert_eq!(settled(two_new, vec![]), []);
        let two_old = vec![claim("old", "new", name("Mira")), claim("older", "new", picture())];
        assert_eq!(settled(two_old, vec![]), []);
    }
}
