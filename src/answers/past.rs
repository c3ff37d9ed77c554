//! The catalogue, or one item, as it was at a time, and where that is unknown.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::{ItemPlace, item::extra, schema::ItemFields};
use crate::{
    catalog::{catalogue::Catalogue, kind::Kind},
    error::Result,
    ids::LookupScope,
    store::{
        Store,
        export::{ItemState, Moment},
    },
    time::Timestamp,
};

/// A question about the past.
#[derive(Clone, Debug)]
pub struct PastQuestion {
    /// The time.
    pub time: Timestamp,
    /// The account and kind to look in.
    pub scope: LookupScope,
    /// Only this item.
    pub id: Option<String>,
    /// Only the items after this one.
    pub after: Option<ItemPlace>,
    /// At most this many items.
    pub limit: usize,
}

/// The catalogues as they were at a time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AsOf {
    /// The time.
    pub time: Timestamp,
    /// Each catalogue of each account.
    pub accounts: Vec<CatalogueThen>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A catalogue of an account as it was at a time.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct CatalogueThen {
    /// The account.
    pub account: String,
    /// The catalogue.
    pub catalogue: String,
    /// Whether it is known.
    pub known: bool,
    /// What is certain and what is not.
    pub certain: String,
    /// The first poll that did not fail.
    pub first_good_poll_at: Option<Timestamp>,
    /// The last poll by then that did not fail.
    pub as_of_poll_at: Option<Timestamp>,
    /// The next good poll after it.
    pub next_good_poll_at: Option<Timestamp>,
    /// How many polls failed between that poll and the time.
    pub failed_polls_after: i64,
    /// How many items were listed, by kind; empty if one item is requested.
    pub listed: BTreeMap<String, i64>,
    /// Whether the requested item was listed; null if none is requested.
    pub listed_then: Option<bool>,
    /// The items.
    pub items: Vec<ItemThen>,
}

/// An item as it was at a time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ItemThen {
    /// The kind.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name.
    pub name: Option<String>,
    /// The number of the version.
    pub version: i64,
    /// The start of the version.
    pub valid_from: Timestamp,
    /// Its values.
    pub fields: ItemFields,
    /// Fields and values that have no column; null if there are none.
    #[schema(value_type = Option<BTreeMap<String, serde_json::Value>>)]
    pub extra: Json,
}

/// Returns the catalogues at a time; `cursor` encodes the place after which the next page begins.
pub async fn as_of(
    store: &mut Store,
    question: &PastQuestion,
    cursor: impl Fn(Kind, &str, &str) -> String,
) -> Result<AsOf> {
    let mut accounts = store.account_names().await?;
    accounts.retain(|account| question.scope.has_account(account));
    let mut page =
        PastPage { after: question.after.clone(), left: question.limit, ..PastPage::default() };
    let mut all = vec![];
    for account in accounts {
        for catalogue in Catalogue::ALL {
            if !question.scope.has_catalogue(catalogue) {
                continue;
            }
            let first = store.first_good(&account, catalogue).await?;
            if first.is_none() && catalogue != Catalogue::default() {
                continue;
            }
            let moment = store.moment(&account, catalogue, question.time).await?;
            let mut then = match moment {
                Some(moment) => known(store, question, &moment, &mut page).await?,
                None => CatalogueThen {
                    certain: "unknown: this catalogue had no good poll by then".into(),
                    ..CatalogueThen::default()
                },
            };
            (then.account, then.catalogue) = (account.clone(), catalogue.as_str().into());
            then.first_good_poll_at = first;
            all.push(then);
        }
    }
    let next = page.last.filter(|_| page.more);
    let next_cursor = next.map(|(kind, account, id)| cursor(kind, &account, &id));
    Ok(AsOf { time: question.time, accounts: all, next_cursor })
}

/// The part of the page that is still to be read.
#[derive(Default)]
struct PastPage {
    after: Option<ItemPlace>,
    left: usize,
    /// The last item that is shown.
    last: Option<ItemPlace>,
    /// Whether there are more items.
    more: bool,
}

async fn known(
    store: &mut Store,
    question: &PastQuestion,
    moment: &Moment,
    page: &mut PastPage,
) -> Result<CatalogueThen> {
    let (mut items, mut listed) = (vec![], BTreeMap::new());
    let kinds = question.scope.kinds().into_iter();
    for kind in kinds.filter(|kind| kind.catalogue == moment.catalogue) {
        if let Some(id) = &question.id {
            items.extend(store.item_at(kind, moment, id).await?.map(|item| then(kind, &item)));
            continue;
        }
        listed.insert(kind.as_str().to_owned(), store.count_at(kind, moment).await?);
        page.read(store, kind, moment, &mut items).await?;
    }
    Ok(CatalogueThen {
        known: true,
        certain: "as of as_of_poll_at; what happened between it and next_good_poll_at is unknown"
            .into(),
        as_of_poll_at: Some(moment.observed_at),
        next_good_poll_at: moment.next,
        failed_polls_after: moment.failed,
        listed,
        listed_then: question.id.is_some().then_some(!items.is_empty()),
        items,
        ..CatalogueThen::default()
    })
}

impl PastPage {
    /// Adds the items of a kind that belong to the page.
    async fn read(
        &mut self,
        store: &mut Store,
        kind: Kind,
        moment: &Moment,
        items: &mut Vec<ItemThen>,
    ) -> Result<()> {
        let own = (moment.account.as_str(), kind);
        let after = match &self.after {
            Some((kind, account, _)) if (account.as_str(), *kind) > own => return Ok(()),
            Some((kind, account, id)) if (account.as_str(), *kind) == own => id.as_str(),
            _ => "",
        };
        if self.more {
            return Ok(());
        }
        let mut found = store.items_at_after(kind, moment, after, self.left + 1).await?;
        self.more = found.len() > self.left;
        found.truncate(self.left);
        self.left -= found.len();
        if let Some(last) = found.last() {
            self.last = Some((kind, moment.account.clone(), last.id.clone()));
        }
        items.extend(found.iter().map(|item| then(kind, item)));
        Ok(())
    }
}

fn then(kind: Kind, item: &ItemState) -> ItemThen {
    ItemThen {
        kind,
        id: item.id.clone(),
        name: item.fields.name(kind).map(str::to_owned),
        version: item.version,
        valid_from: item.valid_from,
        fields: ItemFields::of(kind, &item.fields),
        extra: extra(kind, &item.fields),
    }
}
