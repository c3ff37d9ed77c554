//! The metrics, in Prometheus' text format: for `/metrics` of the daemon and of the gallery, and
//! for the textfile of a one-shot run.
//!
//! All series are computed from the tables when they are requested, so a counter keeps its value
//! across restarts and regardless of which process polled. Client libraries hold counters in the
//! process instead, and cannot set the sum of a summary; the text format takes a few lines to
//! write. No label contains an id or a URL; every series exists from the start, with 0 for "never".
//! Knows no SQL and no HTTP.

mod textfile;

use std::fmt::Write;

pub use self::textfile::write;
use crate::{
    catalog::{
        catalogue::Catalogue,
        kind::{Kind, Role},
        schema::FieldEvent,
    },
    config::Config,
    store::{
        figures::{CatalogueFigures, Figures, ReceiverFigures},
        queue::AssetState,
        table::words::{CHANGES, ITEM_STATES, OUTCOMES, words},
    },
    time::Timestamp,
};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The description of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `summary`.
    pub kind: &'static str,
    /// The help text.
    pub help: &'static str,
    samples: Samples,
}

#[derive(Clone, Copy, Debug)]
enum Samples {
    /// For the whole database.
    One(fn(&Figures) -> f64),
    /// For each account's catalogue.
    Each(fn(&CatalogueFigures) -> f64),
    /// For each account's catalogue, with a label and its values.
    By(&'static str, fn() -> Vec<&'static str>, fn(&CatalogueFigures) -> &[i64]),
    /// For each configured receiver of notices.
    Receiver(fn(&ReceiverFigures) -> f64),
    BuildInfo,
    Configured,
    Duration,
    Items,
    Assets,
}

/// Every metric, in the order of the text.
pub const FAMILIES: [Family; 23] = [
    family(
        "heygen_sync_build_info",
        "gauge",
        "Always 1; the label is the version of the program.",
        Samples::BuildInfo,
    ),
    family(
        "heygen_sync_account_configured",
        "gauge",
        "1 for a configured account and catalogue, 0 for one that is only in the tables.",
        Samples::Configured,
    ),
    family(
        "heygen_sync_polls_total",
        "counter",
        "Polls by outcome.",
        Samples::By("outcome", || OUTCOMES.into(), |of| &of.polls),
    ),
    family(
        "heygen_sync_poll_duration_seconds",
        "summary",
        "How long polls took, from their start to their commit.",
        Samples::Duration,
    ),
    family(
        "heygen_sync_last_poll_timestamp_seconds",
        "gauge",
        "When the last poll of any outcome began; 0 when there was none.",
        Samples::Each(|of| seconds(of.last_poll)),
    ),
    family(
        "heygen_sync_last_success_timestamp_seconds",
        "gauge",
        "When the list was last read without a failure; 0 when it never was.",
        Samples::Each(|of| seconds(of.last_success)),
    ),
    family(
        "heygen_sync_consecutive_failures",
        "gauge",
        "Polls that failed since the last one that did not.",
        Samples::Each(|of| of.failed_since as f64),
    ),
    family(
        "heygen_sync_held_removals",
        "gauge",
        "Removals that the last good poll held.",
        Samples::Each(|of| of.held as f64),
    ),
    family(
        "heygen_sync_api_warning",
        "gauge",
        "1 when the API announced its end with the last good poll.",
        Samples::Each(|of| f64::from(u8::from(of.warned))),
    ),
    family(
        "heygen_sync_response_bytes",
        "gauge",
        "Size of the last good poll's answer, decompressed.",
        Samples::Each(|of| of.response_bytes as f64),
    ),
    family(
        "heygen_sync_changes_total",
        "counter",
        "Items that polls found changed, by kind of change; those of the first poll count as \
         added.",
        Samples::By("change", || CHANGES.into(), |of| &of.changes),
    ),
    family(
        "heygen_sync_schema_changes_total",
        "counter",
        "Fields of the lists that appeared, vanished or changed their type.",
        Samples::By("change", words::<FieldEvent>, |of| &of.schema),
    ),
    family(
        "heygen_sync_items",
        "gauge",
        "Items by kind and state; missing items are current, too.",
        Samples::Items,
    ),
    family("heygen_sync_assets", "gauge", "Previews by role and state.", Samples::Assets),
    family(
        "heygen_sync_mirrored_files",
        "gauge",
        "Contents in the mirror's store.",
        Samples::One(|all| all.mirrored_files as f64),
    ),
    family(
        "heygen_sync_mirrored_bytes",
        "gauge",
        "Size of the contents in the mirror's store.",
        Samples::One(|all| all.mirrored_bytes as f64),
    ),
    family(
        "heygen_sync_expiring_links",
        "gauge",
        "Links of previews that are not saved and that stop working within a day.",
        Samples::One(|all| all.expiring_links as f64),
    ),
    family(
        "heygen_sync_next_expiry_timestamp_seconds",
        "gauge",
        "When the next link of a preview that is not saved stops working; 0 when there is none.",
        Samples::One(|all| seconds(all.next_expiry)),
    ),
    family(
        "heygen_sync_notices_waiting",
        "gauge",
        "Notices that wait to be delivered to a configured receiver.",
        Samples::Receiver(|of| of.waiting as f64),
    ),
    family(
        "heygen_sync_oldest_notice_timestamp_seconds",
        "gauge",
        "When the oldest notice that waits was written; 0 when none waits.",
        Samples::Receiver(|of| seconds(of.oldest)),
    ),
    family(
        "heygen_sync_notices_delivered_total",
        "counter",
        "Notices that a receiver accepted.",
        Samples::Receiver(|of| of.delivered as f64),
    ),
    family(
        "heygen_sync_notice_attempts_total",
        "counter",
        "Attempted deliveries of notices, accepted ones included.",
        Samples::Receiver(|of| of.attempts as f64),
    ),
    family(
        "heygen_sync_database_bytes",
        "gauge",
        "Size of the database; on PostgreSQL, of its schema.",
        Samples::One(|all| all.database_bytes as f64),
    ),
];

const fn family(
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Samples,
) -> Family {
    Family { name, kind, help, samples }
}

/// The configured catalogues and receivers, which have series even before any poll or notice.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    /// The accounts and catalogues that are polled.
    pub polled: Vec<(String, Catalogue)>,
    /// The receivers of notices; others have no series.
    pub receivers: Vec<String>,
}

impl Configured {
    /// Returns what this configuration contains.
    pub fn of(config: &Config) -> Self {
        let receivers = config.receivers().map(|block| block.name().to_owned()).collect();
        Self { polled: config.polled(), receivers }
    }
}

/// Returns the text of these figures.
pub fn text(mut figures: Figures, configured: &Configured) -> String {
    let Configured { polled: configured, receivers } = configured;
    let known = std::mem::take(&mut figures.receivers);
    let of = |name: &String| {
        let matching = known.iter().find(|of| of.receiver == *name).cloned();
        matching.unwrap_or_else(|| ReceiverFigures { receiver: name.clone(), ..Default::default() })
    };
    figures.receivers = receivers.iter().map(of).collect();
    for one in configured {
        if !figures.catalogues.iter().any(|known| key(known) == (&one.0, one.1)) {
            let (account, catalogue) = one.clone();
            let none = CatalogueFigures { account, catalogue, ..CatalogueFigures::default() };
            figures.catalogues.push(none);
        }
    }
    figures.catalogues.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut out = String::new();
    for family in &FAMILIES {
        let Family { name, kind, help, .. } = family;
        // Writing to a string cannot fail.
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        family.write(&figures, configured, &mut out);
    }
    out
}

fn key(of: &CatalogueFigures) -> (&String, Catalogue) {
    (&of.account, of.catalogue)
}

impl Family {
    fn write(&self, all: &Figures, configured: &[(String, Catalogue)], out: &mut String) {
        let name = self.name;
        let mut line = |name: &str, labels: &[(&str, &str)], value: f64| {
            let _ = writeln!(out, "{name}{} {value}", bracketed(labels));
        };
        let each = all.catalogues.iter().map(|of| {
            (of, [("account", of.account.as_str()), ("catalogue", of.catalogue.as_str())])
        });
        match self.samples {
            Samples::One(value) => line(name, &[], value(all)),
            Samples::Receiver(value) => {
                for of in &all.receivers {
                    line(name, &[("receiver", of.receiver.as_str())], value(of));
                }
            }
            Samples::BuildInfo => line(name, &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
            Samples::Configured => each.for_each(|(of, labels)| {
                let is = configured.iter().any(|one| (&one.0, one.1) == key(of));
                line(name, &labels, f64::from(u8::from(is)));
            }),
            Samples::Each(value) => each.for_each(|(of, labels)| line(name, &labels, value(of))),
            Samples::By(label, names, values) => each.for_each(|(of, [account, catalogue])| {
                for (one, value) in names().into_iter().zip(values(of)) {
                    line(name, &[account, catalogue, (label, one)], *value as f64);
                }
            }),
            Samples::Duration => each.for_each(|(of, labels)| {
                line(&format!("{name}_sum"), &labels, of.polling_millis as f64 / 1000.0);
                line(&format!("{name}_count"), &labels, of.polls.iter().sum::<i64>() as f64);
            }),
            Samples::Items => each.for_each(|(of, [account, _])| {
                for kind in Kind::of(of.catalogue) {
                    let states = of.items.get(&kind).copied().unwrap_or_default();
                    for (state, count) in ITEM_STATES.iter().zip(states) {
                        let labels = [account, ("kind", kind.as_str()), ("state", state)];
                        line(name, &labels, count as f64);
                    }
                }
            }),
            Samples::Assets => {
                for role in words::<Role>() {
                    for state in words::<AssetState>() {
                        let known = all.assets.iter().find(|(r, s, _)| r == role && s == state);
                        let count = known.map_or(0, |(_, _, count)| *count);
                        line(name, &[("role", role), ("state", state)], count as f64);
                    }
                }
            }
        }
    }
}

fn seconds(time: Option<Timestamp>) -> f64 {
    time.map_or(0.0, |time| time.millis() as f64 / 1000.0)
}

fn bracketed(labels: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    match labels {
        [] => String::new(),
        labels => {
            let pairs = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(account: &str) -> Configured {
        let polled = vec![(account.to_owned(), Catalogue::Avatars)];
        Configured { polled, receivers: vec!["ops".into()] }
    }

    fn main() -> Configured {
        configured("main")
    }

    #[test]
    fn every_series_is_there_before_the_first_poll() {
        let text = text(Figures::default(), &main());
        for family in &FAMILIES {
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            let matching = samples.filter(|line| line.starts_with(family.name)).count();
            assert!(matching > 0, "{}", family.name);
        }
        assert!(text.contains(
            "heygen_sync_polls_total{account=\"main\",catalogue=\"avatars\",outcome=\"failed\"} 0\n"
        ));
        assert!(text.contains(
            "heygen_sync_last_success_timestamp_seconds{account=\"main\",catalogue=\"avatars\"} 0\n"
        ));
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn an_account_that_only_the_tables_know_is_not_configured() {
        let known = CatalogueFigures { account: "old".into(), ..CatalogueFigures::default() };
        let figures = Figures { catalogues: vec![known], ..Figures::default() };
        let text = text(figures, &main());
        assert!(
            text.contains(
                "heygen_sync_account_configured{account=\"main\",catalogue=\"avatars\"} 1\n"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "heygen_sync_account_configured{account=\"old\",catalogue=\"avatars\"} 0\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn an_accounts_name_cannot_break_out_of_its_label() {
        let text = text(Figures::default(), &configured("a\"b\\c"));
        assert!(
            text.contains(r#"{account="a\"b\\c",catalogue="avatars",outcome="held"} 0"#),
            "{text}"
        );
    }

    #[test]
    fn names_follow_the_conventions() {
        for Family { name, kind, help, .. } in FAMILIES {
            assert!(name.starts_with("heygen_sync_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
        }
    }
}
