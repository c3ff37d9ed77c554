//! Rule 11: an answer without any known id is an example, or the list of another account.

use super::{held::HeldSet, list::Answer};
use crate::error::Error;

/// The least number of ids, both known and listed, for which the rule applies.
const ENOUGH: usize = 5;

/// Returns whether `answer` has no known id; `known` is the number of known items.
pub fn has_none_of(answer: &Answer, known: usize, is_known: impl Fn(&str) -> bool) -> bool {
    let mut ids = answer.lists.iter().flat_map(|list| list.ids());
    known >= ENOUGH && !ids.any(is_known) && answer.ids().len() >= ENOUGH
}

/// Returns the error for such an answer; `current` are the items that it would remove.
pub fn refusal(answer: &Answer, current: HeldSet) -> Error {
    let catalogue = answer.lists.first().map(|list| list.kind.catalogue).unwrap_or_default();
    Error::not_a_catalogue(format!(
        "none of the {} ids in the answer was ever seen in this account: it is an example or \
         another account's list; nothing was changed. Give it a --database or an --account of its \
         own; if it is right, --catalogue {catalogue} --accept-removals={current} applies it and \
         removes all other items",
        answer.ids().len()
    ))
}
