//! The list `[[notify]]`: the receivers of what polls find, and the monitors that are pinged. A
//! single section `[notify]` is a list of one.
//!
//! The URLs of receivers and monitors are secrets like the signing secret: whoever has them can write
//! there. Neither `Debug` nor a message shows one.

use std::{fmt, path::PathBuf, time::Duration};

use lettre::message::Mailbox;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use url::Url;

use strum::{IntoStaticStr, VariantArray};

use super::{
    accounts::is_account_name,
    values::{self, named},
};

/// One block of `[[notify]]`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// The receiver's name in the outbox; by default its kind.
    pub name: Option<String>,
    /// The kind of receiver. `format` is an older name of this key.
    #[serde(alias = "format")]
    pub kind: ReceiverKind,
    /// The URL of a webhook, of Slack or of a mail server.
    #[serde(deserialize_with = "place")]
    pub url: Option<Url>,
    /// The environment variable that contains the URL.
    pub url_env: Option<String>,
    /// The file that contains the URL.
    pub url_file: Option<PathBuf>,
    /// The environment variable that contains the signing secret, or the mail server's password.
    pub secret_env: Option<String>,
    /// The file that contains it.
    pub secret_file: Option<PathBuf>,
    /// The sender of the e-mail.
    #[serde(deserialize_with = "sender")]
    pub from: Option<String>,
    /// The recipients.
    #[serde(deserialize_with = "addressees")]
    pub to: Vec<String>,
    /// The program that is run, and its arguments.
    pub command: Vec<String>,
    /// The timeout of one delivery.
    #[serde(deserialize_with = "delivery")]
    pub timeout: Option<Duration>,
    /// The events that it receives; empty means all.
    pub events: Vec<Event>,
    /// The accounts whose polls it receives notices of; empty means all.
    pub accounts: Vec<String>,
    /// The ids of the items whose loss is reported first.
    pub watch: Vec<String>,
    /// The time without a good poll after which a catalogue is stale; if unset, none is.
    #[serde(deserialize_with = "age")]
    pub stale_after: Option<Duration>,
    /// Requested when a run begins.
    #[serde(deserialize_with = "values::receiver")]
    pub ping_start: Option<Url>,
    /// Requested when a run has succeeded.
    #[serde(deserialize_with = "values::receiver")]
    pub ping_success: Option<Url>,
    /// Requested when a run has failed.
    #[serde(deserialize_with = "values::receiver")]
    pub ping_failure: Option<Url>,
}

/// The kind of a receiver: how it receives a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum ReceiverKind {
    /// Signed JSON.
    #[default]
    Webhook,
    /// `{"text": …}`, unsigned: the URL is the secret.
    Slack,
    /// A message as plain text and HTML, over SMTP.
    Email,
    /// A program, with the JSON on its standard input.
    Command,
}

impl ReceiverKind {
    /// Returns the name in `config.toml`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a receiver of this kind has a URL with this scheme.
    pub(super) fn accepts(self, url: &Url) -> bool {
        let is_mail = matches!(url.scheme(), "smtp" | "smtps");
        match self {
            Self::Webhook | Self::Slack => !is_mail,
            Self::Email => is_mail,
            Self::Command => false,
        }
    }
}

/// An event that notices report; all but `Watched` are types of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The first good poll.
    Baseline,
    /// A poll changed something.
    Changes,
    /// A poll held removals.
    Held,
    /// Polls began to fail.
    Failing,
    /// Polls work again.
    Recovered,
    /// The fields of the lists have changed.
    Schema,
    /// The end of a version of the API, or of a key, is announced.
    ApiEnding,
    /// There has been no good poll for too long.
    Stale,
    /// The part of `Changes` and `Held` that concerns watched items.
    Watched,
}

impl Event {
    /// Returns the name in `config.toml` and in a message.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Notify {
    /// Returns the receiver's name.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.as_str())
    }

    /// Whether the block has a receiver; otherwise it only has pings.
    pub fn has_receiver(&self) -> bool {
        match self.kind {
            ReceiverKind::Command => !self.command.is_empty(),
            _ => self.urls() > 0,
        }
    }

    /// Whether the block has a receiver of this event of this account.
    pub fn wants(&self, event: Event, account: &str) -> bool {
        let all = self.events.is_empty() && event != Event::Watched;
        let of_account = self.accounts.is_empty() || self.accounts.iter().any(|a| a == account);
        self.has_receiver() && of_account && (all || self.events.contains(&event))
    }

    fn urls(&self) -> usize {
        let sources =
            [self.url.is_some(), self.url_env.is_some(), self.url_file.is_some()].into_iter();
        sources.filter(|is_set| *is_set).count()
    }

    fn pings(&self) -> bool {
        self.ping_start.is_some() || self.ping_success.is_some() || self.ping_failure.is_some()
    }

    /// Returns what is wrong with the block as a whole.
    fn fault(&self) -> Option<&'static str> {
        let name_fits = self.name.as_deref().is_none_or(is_account_name);
        [
            (!name_fits, "must have a name of 1 to 128 bytes without control characters"),
            (self.urls() > 1, "must have url, url_env or url_file, and only one of them"),
            (
                self.url.as_ref().is_some_and(|url| !self.kind.accepts(url)),
                "must have a url that begins with https://, or with smtp:// or smtps:// if kind is \
                 \"email\", and no url if kind is \"command\"",
            ),
            (
                self.kind == ReceiverKind::Email && (self.from.is_none() || self.to.is_empty()),
                "must have from and to: an e-mail has a sender and recipients",
            ),
            (
                self.events.contains(&Event::Stale) && self.stale_after.is_none(),
                "must have stale_after: its events name \"stale\"",
            ),
            (
                self.events.contains(&Event::Watched) && self.watch.is_empty(),
                "must have ids in watch: its events name \"watched\"",
            ),
            (
                self.kind != ReceiverKind::Command && !self.command.is_empty(),
                "must have kind = \"command\": it has a command",
            ),
            (
                self.kind != ReceiverKind::Email && (self.from.is_some() || !self.to.is_empty()),
                "must have kind = \"email\": it has from or to",
            ),
        ]
        .into_iter()
        .find_map(|(wrong, what)| wrong.then_some(what))
        .filter(|_| self.has_receiver())
    }
}

/// Returns which of the blocks is wrong, from 1, and what is wrong with it.
pub(super) fn fault(blocks: &[Notify]) -> Option<(usize, &'static str)> {
    let is_same = |one: &Notify, other: &Notify| {
        one.has_receiver() && other.has_receiver() && one.name() == other.name()
    };
    blocks.iter().enumerate().find_map(|(nth, block)| {
        let taken = blocks[..nth].iter().any(|before| is_same(before, block));
        let taken = taken.then_some("must have a name that no other receiver has");
        Some((nth + 1, block.fault().or(taken)?))
    })
}

/// Reads `[notify]` or `[[notify]]`. The environment may complete a section, so it is checked when
/// everything has been read; a list must be complete.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Notify>, D::Error> {
    from.deserialize_any(Blocks)
}

struct Blocks;

impl<'de> Visitor<'de> for Blocks {
    type Value = Vec<Notify>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section of keys, or a list of such sections ([[notify]])")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Notify>, A::Error> {
        Ok(vec![Notify::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Notify>, A::Error> {
        let mut blocks = vec![];
        while let Some(block) = list.next_element::<Notify>()? {
            let is_empty = !block.has_receiver() && !block.pings();
            blocks.push(block);
            let empty = (blocks.len(), "must have url, url_env, url_file or command, or a ping");
            if let Some((nth, what)) = fault(&blocks).or(is_empty.then_some(empty)) {
                return Err(A::Error::custom(format!("[{nth}] {what}")));
            }
        }
        Ok(blocks)
    }
}

/// Writes the keys of a block, independent of what is set: for the list of all keys.
pub(super) fn write<S: Serializer>(_: &[Notify], to: S) -> Result<S::Ok, S::Error> {
    Notify::default().serialize(to)
}

fn place<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let expected = "a URL in quotes that begins with https://, for e-mail with smtps:// or with \
                 smtp:// and ?tls=required; plain http and smtp are accepted for this machine only";
    values::text(from, expected, |text| values::guarded(&text).map(Some))
}

fn is_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

fn sender<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let expected = "an address in quotes, such as \"HeyGen <heygen@example.org>\"";
    values::text(from, expected, |text| is_address(&text).then_some(Some(text)))
}

fn addressees<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expected = "must be a list of addresses in quotes, such as [\"ops@example.org\"]";
    let all = Vec::<String>::deserialize(from).map_err(|_| D::Error::custom(expected))?;
    match all.iter().all(|one| is_address(one)) {
        true => Ok(all),
        false => Err(D::Error::custom(expected)),
    }
}

/// The longest timeout of a delivery: rounds of polls wait for it.
const LONGEST_DELIVERY: Duration = Duration::from_secs(60);

fn delivery<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let expected = "a duration above 0 and up to a minute, such as \"10s\" or a number of seconds";
    values::time(from, expected, |time| Duration::ZERO < time && time <= LONGEST_DELIVERY).map(Some)
}

fn age<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    values::interval(from).map(Some)
}

named!(ReceiverKind);
named!(Event);

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.as_ref().and_then(Url::host_str);
        f.debug_struct("Notify")
            .field("name", &self.name())
            .field("kind", &self.kind)
            .field("host", &host)
            .field("events", &self.events)
            .field("accounts", &self.accounts)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}
