//! `check`: a preflight check. Tests every part and prints a verdict for each, with a remedy if it fails.

use clap::Args;

use super::{
    account::expect_no_orphan,
    api::client,
    context::Context,
    output::{Format, Rows},
    task::{Input, PollTask},
};
use crate::{
    catalog::catalogue::Catalogue,
    config::Config,
    daemon::schedule::Schedule,
    error::{Result, gravest},
    heygen::{self, Failure, Presence},
    poll::{
        ahead_of_clock,
        version::{self, VersionPlan},
    },
    store::{Location, Store, fault::is_of_service},
};

/// The number of upcoming slots that are printed.
const SLOTS: usize = 3;

/// Check configuration, database, key and API before they are needed
#[derive(Debug, Args)]
pub struct Check {
    /// Output format
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// What was checked, and the detail or the fault.
type CheckResult = (String, Result<String>);

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let verdicts = verdicts(context).await;
        let mut rows = Rows::new(Format::or_default(self.format), ["check", "verdict", "detail"])?;
        for (what, result) in &verdicts {
            let (verdict, detail) = match result {
                Ok(detail) => ("ok", detail.as_str()),
                Err(error) => ("failed", error.message.as_str()),
            };
            rows.row(vec![what.as_str().into(), verdict.into(), detail.into()])?;
        }
        rows.finish("")?;
        let failures = verdicts.iter().filter_map(|(_, result)| result.as_ref().err());
        Ok(gravest(failures.map(|error| error.kind.exit_code())))
    }
}

async fn verdicts(context: &Context) -> Vec<CheckResult> {
    let (config, origin, location) = match context.config() {
        Ok(all) => all,
        Err(error) => return vec![("configuration".into(), Err(error))],
    };
    let mut all = vec![
        ("configuration".into(), Ok(origin.to_string())),
        ("database".into(), database(&location, &config, context).await),
        ("schedule".into(), schedule(&config, context)),
    ];
    if config.mirror.enabled {
        all.push(("mirror's store".into(), mirror_store(&config, context).await));
    }
    for block in config.receivers() {
        let receiver = block.receiver(&context.sources);
        let result = receiver.map(|_| "set up; test it with `heygen-sync notify test`".to_owned());
        all.push((format!("notices to '{}'", block.name()), result));
    }
    if config.archive.enabled {
        all.push(("archive".into(), archive_store(&config, &location, context).await));
    }
    for PollTask { account, catalogue, source } in PollTask::of_all(&config, context) {
        let catalogue = catalogue.unwrap_or_default();
        let result = match source {
            Ok(Input::Key(key)) => api(&config, key, &account, catalogue, &location, context).await,
            Ok(Input::Saved { .. }) => continue,
            Err(error) => Err(error),
        };
        all.push((catalogue.of(&format!("key and API of '{account}'")), result));
    }
    all
}

/// Returns when a daemon with this configuration would poll.
fn schedule(config: &Config, context: &Context) -> Result<String> {
    let daemon = &config.daemon;
    daemon.address()?;
    let slots = Schedule::new(daemon, 0)?.preview(context.clock.now(), SLOTS);
    let next = if slots.is_empty() { "never".into() } else { slots.join(", ") };
    Ok(format!("a daemon polls at '{}' ({}), next: {next}", daemon.schedule, daemon.timezone))
}

/// Checks the database. A missing one passes if it can be created; one that accepts no poll fails.
async fn database(location: &Location, config: &Config, context: &Context) -> Result<String> {
    match Store::open_if_there(location).await? {
        Some(mut store) => {
            let (configured, now) = (config.account_names(), context.clock.now());
            for one in store.status().await? {
                let last_good = one.last_good.as_ref().and_then(|poll| poll.observed_at);
                let last_good = last_good.filter(|_| configured.contains(&one.account));
                let ahead =
                    last_good.and_then(|at| ahead_of_clock(&one.account, one.catalogue, at, now));
                if let Some(error) = ahead {
                    return Err(error);
                }
            }
            store.close().await.map(|()| format!("{location}, its tables are up to date"))
        }
        None => match location.file() {
            Some(path) if is_of_service(path) && !path.exists() => {
                Ok(format!("{location}, will be created by the service's first poll"))
            }
            Some(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(std::path::Path::new("."));
                let probe = probe_folder(folder);
                probe.map(|()| format!("{location}, will be created by the first sync")).map_err(|fault| {
                    crate::error::Error::storage(format!(
                        "cannot write in {}: {fault}; create the folder or change its permissions",
                        folder.display()
                    ))
                })
            }
            None => Ok(format!("{location}, its tables will be created by the first sync")),
        },
    }
}

/// Creates a file in `folder` and removes it again.
fn probe_folder(folder: &std::path::Path) -> std::io::Result<()> {
    let path = folder.join(format!(".heygen-sync-check-{}", std::process::id()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)
}

async fn mirror_store(config: &Config, context: &Context) -> Result<String> {
    let blobs = super::stores::blobs(config, context)?;
    blobs.probe().await.map(|()| format!("{} is writable", blobs.shown()))
}

/// Checks that the archive is writable and belongs to this database.
async fn archive_store(config: &Config, location: &Location, context: &Context) -> Result<String> {
    let Some(archive) = super::stores::configured_archive(config, context)? else {
        return Ok("off".into());
    };
    archive.probe().await?;
    // Errors of the database are reported by its own check.
    if let Ok(mut store) = Store::open_if_there(location).await {
        archive.is_of(store.as_mut()).await?;
        if let Some(store) = store {
            store.close().await?;
        }
    }
    Ok(format!("{} is writable", archive.shown()))
}

/// Probes the API version that the next poll would use.
async fn api(
    config: &Config,
    key: secrecy::SecretString,
    account: &str,
    catalogue: Catalogue,
    location: &Location,
    context: &Context,
) -> Result<String> {
    let client = client(config, key, &context.clock)?;
    // Errors of the database are reported by its own check.
    let mut store = Store::open_if_there(location).await.ok().flatten();
    if let Some(store) = &mut store {
        expect_no_orphan(store, account, config, context).await?;
    }
    let now = context.clock.now();
    let plan = VersionPlan::of_account(config.api.version, catalogue, account, store.as_mut(), now)
        .await?;
    if let Some(store) = store {
        store.close().await?;
    }
    let version = match heygen::probe(plan.ask, catalogue, &client).await {
        Ok(()) => plan.ask,
        Err(Failure { mut error, presence, .. }) => match plan.after_failure(presence) {
            Some(other) => {
                let second = heygen::probe(other, catalogue, &client).await;
                second.map_err(|second| version::both_failed(error, second.error))?;
                other
            }
            None => {
                if presence == Presence::Gone {
                    error.message = format!("{}; {}", error.message, plan.remedy(false, now));
                }
                return Err(error);
            }
        },
    };
    Ok(format!("{} offers {version} and accepts the key", config.api.base_url))
}
