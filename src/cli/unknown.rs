//! Requested ids that the database does not know, and suggestions of similar ones.

use std::collections::BTreeSet;

use super::output::visible;
use crate::{
    catalog::kind::Kind,
    error::{Error, Result},
    store::{Store, ids::Known, known::NamedItem},
};

/// The most ids that are suggested.
const MOST: usize = 3;

/// The least similarity of an id that is suggested; 1 is equal.
const CLOSE: f64 = 0.75;

/// The longest ids that are compared as a whole, in bytes; of longer ones only the start is compared.
const LONGEST: usize = 100;

/// Fails (exit code 2) for an id that no item of this kind and account ever had.
pub async fn expect_item(
    store: &mut Store,
    id: &str,
    kind: Option<Kind>,
    account: Option<&str>,
) -> Result<()> {
    let known = store.known(&BTreeSet::from([id]), &Kind::ALL).await?;
    let of_account = |item: &Known| account.is_none_or(|account| account == item.account);
    if known.iter().any(|item| kind.is_none_or(|kind| kind == item.kind) && of_account(item)) {
        return Ok(());
    }
    let shown = visible(id);
    let elsewhere = known.iter().find(|item| of_account(item));
    Err(Error::usage(match (elsewhere, known.first(), kind) {
        (Some(item), _, Some(kind)) => format!(
            "'{shown}' is {}, not {}: leave out --kind",
            with_article(item.kind),
            with_article(kind)
        ),
        (_, Some(item), _) => format!(
            "no item '{shown}' was ever listed in account '{}'; it is known in account '{}'",
            account.unwrap_or_default(),
            item.account
        ),
        _ => {
            let close = close(id, store.items().await?);
            match close.is_empty() {
                true => format!("no item '{shown}' was ever listed; check each letter of the id"),
                false => {
                    format!(
                        "no item '{shown}' was ever listed; did you mean {}?",
                        close.join(" or ")
                    )
                }
            }
        }
    }))
}

fn with_article(kind: Kind) -> String {
    let article = if kind.singular.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {}", kind.singular)
}

/// Returns the items that are probably meant, the closest first.
fn close(id: &str, items: Vec<NamedItem>) -> Vec<String> {
    let mut all: Vec<(f64, NamedItem)> = items
        .into_iter()
        .map(|item| (similarity(id, &item), item))
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .collect();
    all.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.id.cmp(&y.id)));
    let shown = all.into_iter().take(MOST).map(|(_, NamedItem { kind, id, name })| {
        let name =
            name.filter(|name| !name.is_empty()).map(|name| format!(" \"{}\"", visible(&name)));
        format!("{} ({}{})", visible(&id), kind.singular, name.unwrap_or_default())
    });
    shown.collect()
}

/// Returns 1 for the id or the name, ignoring case; less for a part of the id or a typo.
fn similarity(wanted: &str, item: &NamedItem) -> f64 {
    let wanted = wanted.trim();
    let is = |text: &str| text.eq_ignore_ascii_case(wanted);
    if is(&item.id) || item.name.as_deref().is_some_and(is) {
        return 1.0;
    }
    let part = wanted.len() >= 4 && item.id.starts_with(wanted)
        || item.id.len() >= 4 && wanted.starts_with(item.id.as_str());
    match part {
        true => 0.95,
        false if wanted.len().max(item.id.len()) > LONGEST => 0.0,
        false => strsim::normalized_damerau_levenshtein(wanted, &item.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(wanted: &str) -> Vec<String> {
        let item = |id: &str, name: &str| NamedItem {
            kind: Kind::AVATAR,
            id: id.into(),
            name: Some(name.into()),
        };
        close(wanted, vec![item("Mira_sofa_2025", "Mira Sofa"), item("Jonas_public", "Jonas")])
    }

    #[test]
    fn typos_parts_other_letters_and_names_are_understood() {
        for wanted in
            ["Mira_sofa_2026", "mira_SOFA_2025", "Mira_sofa", "mira sofa", " Mira_sofa_2025 "]
        {
            assert_eq!(suggested(wanted), ["Mira_sofa_2025 (avatar \"Mira Sofa\")"], "{wanted}");
        }
        assert_eq!(suggested("nope"), Vec::<String>::new());
    }
}
