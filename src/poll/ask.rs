//! Reads the list for a poll: from the API as planned, or from a saved response.
//!
//! Answers of two versions of the API are never mixed: a list comes from one version. Does not know
//! what a list means.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    hashed_file::{HashedFile, SavedFile},
    version::{self, OLD, VersionPlan, VersionVerdict, is_empty},
};
use crate::{
    catalog::{
        api_version::ApiVersion,
        body::unreadable,
        catalogue::Catalogue,
        list::Answer,
        recognition::Recognition,
        saved::{self, Form, Saved},
    },
    error::{Error, Kind, Result},
    heygen::{self, Fetched, OnProgress, Presence, Progress, Trace},
    store::Store,
    time::{Clock, Timestamp},
};

/// What was received, from the API or from a file.
pub(super) struct Received {
    /// The catalogue that was read.
    pub catalogue: Catalogue,
    /// The version that it was read from.
    pub version: ApiVersion,
    /// The list, or why there is none.
    pub list: Fetched,
    /// The version that the account has switched to with this poll.
    pub switched_to: Option<ApiVersion>,
    /// Whether the poll found its version gone.
    pub superseded: bool,
}

/// The database while a list is read.
pub(super) struct PollDatabase<'a> {
    /// `None` if there is no database yet.
    pub store: Option<&'a mut Store>,
    pub account: &'a str,
    /// The poll's lock expires after this time without progress; a dry run has no lock.
    pub deadline: Option<Duration>,
}

impl PollDatabase<'_> {
    /// Does `work`, and keeps the lock as long as `moved` shows progress.
    async fn during<T>(&mut self, moved: &AtomicBool, work: impl Future<Output = T>) -> T {
        let (Some(store), Some(deadline)) = (&mut self.store, self.deadline) else {
            return work.await;
        };
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(deadline / 4) => {
                    if moved.swap(false, Ordering::Relaxed) {
                        store.keep_alive().await;
                    }
                }
            }
        }
    }

    /// Returns the data for recognising records; none in a dry run, which has no lock.
    pub async fn recognition(
        &mut self,
        catalogue: Option<Catalogue>,
        until: Timestamp,
        mirror: bool,
    ) -> Result<Arc<Recognition>> {
        match (&mut self.store, self.deadline) {
            (Some(store), Some(_)) => {
                let known = store.recognition(self.account, catalogue, until, mirror).await;
                known.map(Arc::new)
            }
            _ => Ok(Arc::default()),
        }
    }

    async fn lacks_any(&mut self, answer: &Answer) -> Result<bool> {
        match &mut self.store {
            Some(store) => store.lacks_any(self.account, answer).await,
            None => Ok(false),
        }
    }
}

/// The parameters of a request to the API.
pub(super) struct Asking<'a> {
    pub catalogue: Catalogue,
    pub plan: VersionPlan,
    pub client: &'a heygen::Client,
    /// Whether the bodies are wanted.
    pub keep: bool,
    /// The data for recognising records.
    pub recognition: Arc<Recognition>,
    pub progress: OnProgress<'a>,
    /// Whether a poll that finds its version gone counts towards the switch.
    pub counts: bool,
    pub started_at: Timestamp,
    pub clock: &'a Clock,
}

impl Asking<'_> {
    /// Reads the list as planned.
    ///
    /// # Errors
    /// Fails if the database cannot be read.
    pub async fn ask(&self, known: &mut PollDatabase<'_>) -> Result<Received> {
        let plan = &self.plan;
        if plan.switches {
            // Logged as an error, so that it is visible where only errors are logged.
            tracing::error!(
                "{OLD} of the API is gone: {} is read from now on, and the history continues; \
                 api.version pins a version",
                plan.ask
            );
        }
        let first = self.read(plan.ask, known).await?;
        let other = match &first.answer {
            Err(_) => plan.after_failure(first.presence),
            Ok(_) => plan.else_ask.filter(|_| plan.ask == OLD && is_empty(&first)),
        };
        match other {
            Some(other) => {
                let second = self.read(other, known).await?;
                Ok(either(self.catalogue, (plan.ask, first), (other, second)))
            }
            None => Ok(self.received(first, known).await),
        }
    }

    /// Reads the list, and reads it again if the first reading broke off and lacks an item.
    async fn read(&self, version: ApiVersion, known: &mut PollDatabase<'_>) -> Result<Fetched> {
        let moved = AtomicBool::new(false);
        let progress = |progress: Progress| {
            moved.store(true, Ordering::Relaxed);
            (self.progress)(progress);
        };
        let (client, keep, by) = (self.client, self.keep, &self.recognition);
        let reading = heygen::fetch(version, self.catalogue, client, keep, by, &progress);
        let mut list = known.during(&moved, reading).await;
        if list.broke_off.is_none() {
            return Ok(list);
        }
        let lacks_any = match &list.answer {
            Ok(answer) => known.lacks_any(answer).await?,
            Err(_) => false,
        };
        if !lacks_any {
            list.broke_off = None;
            return Ok(list);
        }
        let reading =
            heygen::read_again(version, self.catalogue, list, client, keep, by, &progress);
        let mut list = known.during(&moved, reading).await;
        if let Some(why) = list.broke_off.take() {
            tracing::warn!(source = list.source, "the list may be incomplete: {why}");
            list.incomplete(&why);
        }
        Ok(list)
    }

    /// Returns the answer of one version, and whether it shows that this version is gone.
    async fn received(&self, mut list: Fetched, known: &mut PollDatabase<'_>) -> Received {
        let version = self.plan.ask;
        let superseded = match self.plan.verdict(version, &list, self.clock.now()) {
            VersionVerdict::Nothing => false,
            VersionVerdict::Gone => true,
            VersionVerdict::GoneIfNewAnswers => {
                let asking = heygen::has_v3(self.client);
                known.during(&AtomicBool::new(false), asking).await
            }
        };
        if superseded && list.answer.is_ok() {
            list.bodies = None;
            list.answer = Err(Error::not_a_catalogue(format!(
                "{} no longer lists anything; nothing was changed",
                list.source
            )));
        }
        if let Err(error) = &mut list.answer
            && (superseded || list.presence == Presence::Gone)
        {
            let remedy = self.plan.remedy(self.counts, self.started_at);
            error.message = format!("{}; {remedy}", heygen::without_advice(&error.message));
        }
        let switched_to = self.plan.switches.then_some(version);
        Received { catalogue: self.catalogue, version, list, switched_to, superseded }
    }
}

/// Chooses the list of one of two versions, of which the first gave none or an empty one.
fn either(
    catalogue: Catalogue,
    first: (ApiVersion, Fetched),
    second: (ApiVersion, Fetched),
) -> Received {
    let of = |(version, list): (ApiVersion, Fetched), switched_to| Received {
        catalogue,
        version,
        list,
        switched_to,
        superseded: false,
    };
    let why = no_list(&first);
    let Some(second_why) = no_list(&second) else {
        let why = why.map(|error| error.message).unwrap_or_default();
        tracing::warn!("{why}; {} of the API is read instead", second.0);
        let switched_to = Some(second.0).filter(|version| *version != OLD);
        return of(second, switched_to);
    };
    let error = match why {
        Some(why) => version::both_failed(why, second_why.clone()),
        None => second_why.clone(),
    };
    let (version, list) = if second_why.kind == error.kind { second } else { first };
    of((version, Fetched { answer: Err(error), bodies: None, ..list }), None)
}

/// Returns why a version gives no list, if so; an empty list of the old version counts as none.
fn no_list((version, list): &(ApiVersion, Fetched)) -> Option<Error> {
    match &list.answer {
        Err(error) => Some(error.clone()),
        Ok(_) if *version == OLD && is_empty(list) => {
            Some(Error::not_a_catalogue(format!("{} lists nothing", list.source)))
        }
        Ok(_) => None,
    }
}

/// Reads a saved response, of `catalogue` if that is given.
///
/// # Errors
/// [`Kind::Usage`] if it does not show its catalogue, or is of another one, and [`Kind::Storage`] if
/// the file cannot be read. A response that is no catalogue at all is a failed poll.
pub(super) fn from_file(
    name: String,
    file: Box<dyn SavedFile>,
    catalogue: Option<Catalogue>,
    keep: bool,
    recognition: &Arc<Recognition>,
    clock: &Clock,
) -> Result<Received> {
    let mut file = HashedFile::new(file);
    let decoded = saved::decode(&mut file, catalogue, keep, recognition);
    let (bytes, sha256) =
        file.digest().map_err(unreadable).map_err(|error| error.context(&name))?;
    let (catalogue, version, answer, bodies, incomplete) = match decoded {
        Ok(Saved { catalogue, answer, form, bodies, incomplete }) => {
            let version = match form {
                Form::Lists => ApiVersion::V2,
                Form::Pages => ApiVersion::V3,
            };
            (catalogue, version, Ok(answer), bodies, incomplete)
        }
        Err(error) if error.kind == Kind::NotACatalogue => {
            let catalogue = catalogue.unwrap_or_default();
            let version = version::first_of(catalogue);
            (catalogue, version, Err(error.context(&name)), None, None)
        }
        Err(error) => return Err(error.context(&name)),
    };
    let trace = Trace {
        received_at: Some(clock.now()),
        bytes: Some(bytes),
        sha256: Some(sha256),
        notice: answer.as_ref().ok().and_then(|answer| answer.warning.clone()),
        ..Trace::default()
    };
    let mut list =
        Fetched { source: name, trace, answer, bodies, presence: Presence::There, broke_off: None };
    if let Some(why) = incomplete {
        tracing::warn!(source = list.source, "the list may be incomplete: {why}");
        list.incomplete(&why);
    }
    Ok(Received { catalogue, version, list, switched_to: None, superseded: false })
}
