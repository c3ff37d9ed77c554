//! Assets whose links do not work: they get other links, from a fresh list if need be, or are given up.

use std::collections::HashMap;

use super::Run;
use crate::{
    error::Result,
    mirror::plan::{self, FailureCategory, REFRESH_EVERY},
    store::{Store, queue::Asset},
};

impl Run<'_> {
    /// Looks for other links for assets whose links do not work; returns whether any was found.
    pub(super) async fn revive(
        &mut self,
        refresh: &mut impl AsyncFnMut(&mut Store) -> Result<()>,
    ) -> Result<bool> {
        let dead = std::mem::take(&mut self.dead);
        let (mut found, mut dead) = self.replaced(dead).await?;
        let again = |asset: &Asset| self.renewed.contains(&asset.url);
        let already_renewed: Vec<Asset> = dead.extract_if(.., |asset| again(asset)).collect();
        self.give_up(already_renewed);
        if !dead.is_empty() && self.may_refresh().await? {
            let refreshed = refresh(self.store).await;
            let (more, none) = self.replaced(dead).await?;
            self.renewed.extend(more.iter().map(|asset| asset.url.clone()));
            self.due += more.len() as u64;
            found.extend(more);
            dead = none;
            // Only a poll of all accounts shows that no list has another link.
            if refreshed.is_ok() {
                self.give_up(std::mem::take(&mut dead));
            }
        }
        if self.settings.refresh {
            for asset in dead {
                let why = "the link does not work; it needs a fresh list";
                self.note(&asset, FailureCategory::Failed, why.into());
            }
        } else if !dead.is_empty() {
            let count = dead.len();
            tracing::info!(count, "links no longer work; later lists may have new ones");
        }
        self.flush().await?;
        self.drained = found.is_empty();
        Ok(!found.is_empty())
    }

    /// Splits the assets by whether there is another link by now.
    async fn replaced(&mut self, dead: Vec<Asset>) -> Result<(Vec<Asset>, Vec<Asset>)> {
        if dead.is_empty() {
            return Ok((vec![], vec![]));
        }
        let links = self.store.links_of(dead.iter().map(|asset| &asset.url)).await?;
        let links: HashMap<_, _> = links.into_iter().collect();
        Ok(dead
            .into_iter()
            .partition(|asset| links.get(&asset.url).is_some_and(|now| *now != asset.signed_url)))
    }

    fn give_up(&mut self, assets: Vec<Asset>) {
        let now = self.clock.now();
        for asset in assets {
            let why = match (asset.expires_at.is_some_and(|at| at <= now), &asset.last_error) {
                (false, Some(why)) => format!("the link was refused ({why})"),
                _ => "the link has expired".to_owned(),
            };
            let settled = plan::gone(asset, why.clone(), now);
            self.summary.is_news = true;
            self.note(&settled.asset, FailureCategory::Gone, why);
            self.settled.push(settled);
        }
    }

    async fn may_refresh(&mut self) -> Result<bool> {
        if !self.settings.refresh {
            return Ok(false);
        }
        let (last, now) = (self.store.last_refresh().await?, self.clock.now());
        Ok(last.is_none_or(|last| last.plus(REFRESH_EVERY) <= now || !last.can_be_past(now)))
    }
}
