//! The fake HeyGen: a state that a test edits, served over real HTTP on this machine.
//!
//! `catalogue` is the state of the lists and how a version of the API tells them; `server` is the
//! conversation: the key, failures, delays, what was asked. It runs on a thread of its own, so
//! that tests may wait for a command without stopping it. It does not know the program under test.
#![allow(dead_code)] // Each test uses its part of it.

mod catalogue;
mod lists;
mod pages;
mod server;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::oneshot;

pub use catalogue::{Catalogue, Kind, Record};
use lists::Lists;
pub use lists::{group, voice};
use pages::Paging;
use server::Conversation;
pub use server::{Refusal, Request};

/// No request is waited for longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The key that the fake takes.
pub const KEY: &str = "test-key";

/// What the handlers and the test share.
#[derive(Default)]
struct State {
    catalogue: Catalogue,
    conversation: Conversation,
    paging: Paging,
    lists: Lists,
}

/// A running fake. It ends when this is dropped.
pub struct FakeHeyGen {
    base_url: String,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
}

impl FakeHeyGen {
    /// Starts one with empty lists.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let base_url = server::spawn(state.clone(), stopped);
        Self { base_url, state, stop: Some(stop) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The body that v2 would answer with now, for files.
    pub fn body(&self) -> Vec<u8> {
        self.state().catalogue.v2_body()
    }

    // The lists

    /// Adds a plausible avatar at the end of its list; `edit` may change it first.
    pub fn add_avatar(&self, id: &str, edit: impl FnOnce(&mut Record)) {
        let mut record = Record::avatar(id);
        edit(&mut record);
        self.state().catalogue.push(Kind::Avatar, record);
    }

    /// Adds a plausible talking photo, with a signed preview, at the end of its list.
    pub fn add_photo(&self, id: &str) {
        self.state().catalogue.push(Kind::TalkingPhoto, Record::photo(id));
    }

    /// Sets one field of an item, whether the API knows it or not. Panics without the item.
    pub fn set(&self, kind: Kind, id: &str, field: &str, value: impl Into<Value>) {
        self.state().catalogue.edit(kind, id).set(field, value);
    }

    /// Takes the key of one field from one item. Panics without the item.
    pub fn unset(&self, kind: Kind, id: &str, field: &str) {
        self.state().catalogue.edit(kind, id).unset(field);
    }

    /// The list stops carrying the field, for later items too.
    pub fn unset_field(&self, kind: Kind, field: &str) {
        self.state().catalogue.hide_field(kind, field);
    }

    /// The list carries the field again, as the items have it.
    pub fn carry_field(&self, kind: Kind, field: &str) {
        self.state().catalogue.show_field(kind, field);
    }

    /// Gives an item another name.
    pub fn rename(&self, kind: Kind, id: &str, name: &str) {
        self.set(kind, id, kind.name_field(), name);
    }

    /// Sets a field that only v3 tells. Panics without the item.
    pub fn set_look(&self, kind: Kind, id: &str, field: &str, value: impl Into<Value>) {
        self.state().catalogue.edit(kind, id).set_look(field, value);
    }

    /// Takes an item out of its list, wherever it stands in it. Panics without the item.
    pub fn remove(&self, kind: Kind, id: &str) {
        self.state().catalogue.remove(kind, id);
    }

    /// Mixes both lists; the same seed and lists, the same order.
    pub fn shuffle(&self, seed: u64) {
        self.state().catalogue.shuffle(seed);
    }

    /// Lists these items twice, as a block at the front (A, B, A, B), as private ones really are.
    /// From then on the copies count as one: `set` and `remove` mean all of them.
    pub fn duplicate(&self, kind: Kind, ids: &[&str]) {
        self.state().catalogue.duplicate(kind, ids);
    }

    /// Adds a record as it is written, however broken, at the end of its list as added so far.
    pub fn push_raw_record(&self, kind: Kind, json: &str) {
        self.state().catalogue.push_raw(kind, json);
    }

    // Signatures

    /// From now on links are signed until `expires`, in seconds since 1970.
    pub fn sign_urls(&self, expires: i64) {
        self.state().catalogue.sign(expires);
    }

    /// Signs everything anew, with the same expiry.
    pub fn resign(&self) {
        self.state().catalogue.resign();
    }

    /// All links have expired long ago.
    pub fn expire_urls(&self) {
        self.sign_urls(1_600_000_000);
    }

    /// Whether an item's preview URLs are signed: photos' are by default, avatars' are not.
    pub fn set_signed(&self, kind: Kind, id: &str, signed: bool) {
        self.state().catalogue.edit(kind, id).signed = signed;
    }

    // Groups and voices

    /// Adds a plausible avatar group.
    pub fn add_group(&self, id: &str) {
        self.lists(|lists| drop(lists.groups.insert(id.to_owned(), lists::group(id))));
    }

    /// Adds a plausible voice.
    pub fn add_voice(&self, id: &str, private: bool) {
        self.lists(|lists| drop(lists.voices.insert(id.to_owned(), lists::voice(id, private))));
    }

    /// Changes groups and voices, and what goes wrong with their lists.
    pub fn lists(&self, edit: impl FnOnce(&mut Lists)) {
        edit(&mut self.state().lists);
    }

    // The pages of v3

    /// Changes how v3 tells its pages.
    pub fn paging(&self, edit: impl FnOnce(&mut Paging)) {
        edit(&mut self.state().paging);
    }

    /// How many bytes the pages of v3 had so far, repeats included.
    pub fn told_bytes(&self) -> usize {
        self.state().paging.told_bytes
    }

    /// A page of v3 fails `times` times, others do not.
    pub fn fail_page(&self, page: usize, refusal: Refusal, times: usize) {
        self.paging(|paging| drop(paging.failing.insert(page, (refusal, times))));
    }

    /// v2 answers so until [`FakeHeyGen::recover`], and v3 as before.
    pub fn retire_v2(&self, refusal: Refusal) {
        self.state().conversation.v2_gone = Some(refusal);
    }

    /// How many requests were being answered at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.state().conversation.in_flight.1
    }

    // The conversation

    /// The next answer has this status.
    pub fn fail_next(&self, status: u16) {
        self.fail_next_n(1, status);
    }

    /// The next `n` answers have this status.
    pub fn fail_next_n(&self, n: usize, status: u16) {
        let refusal = Refusal::of(status);
        self.state().conversation.refusals.extend(std::iter::repeat_n(refusal, n));
    }

    /// The next answer has this status and a `Retry-After`, in seconds or as a date.
    pub fn fail_next_retry_after(&self, status: u16, wait: &str) {
        let refusal = Refusal::of(status).header("retry-after", wait);
        self.state().conversation.refusals.push_back(refusal);
    }

    /// Every answer has this status and body, until [`FakeHeyGen::recover`].
    pub fn fail_always(&self, status: u16, body: &str) {
        self.state().conversation.always =
            Some(Refusal { body: body.into(), ..Refusal::of(status) });
    }

    /// Every answer points elsewhere, until [`FakeHeyGen::recover`].
    pub fn redirect_to(&self, url: &str) {
        self.state().conversation.always = Some(Refusal::of(302).header("location", url));
    }

    /// Every answer promises the whole body and breaks off after `at` bytes of it.
    pub fn cut_body(&self, at: usize) {
        self.state().conversation.cut_at = Some(at);
    }

    /// Every answer has this body and status 200.
    pub fn replace_body(&self, body: impl Into<Vec<u8>>) {
        self.state().conversation.body = Some(body.into());
    }

    /// Ends all failures, cuts, redirects and replaced bodies; the lists stay as they are.
    pub fn recover(&self) {
        self.state().conversation.recover();
    }

    /// Holds the next answer back until the gate is opened (or dropped).
    pub fn delay_next(&self) -> Gate {
        let (open, opened) = oneshot::channel();
        let (arrive, arrived) = oneshot::channel();
        self.state().conversation.gates.push_back((arrive, opened));
        Gate { arrived, open }
    }

    /// Says when the key expires from now on.
    pub fn key_expires(&self, at: &str) {
        self.state().conversation.key_expires_at = Some(at.into());
    }

    /// Announces the end of v2 from now on, in headers and in the body.
    pub fn deprecate(&self, message: &str, sunset: &str) {
        let mut state = self.state();
        state.catalogue.warning = Some((message.into(), sunset.into()));
        state.conversation.sunset = Some(sunset.into());
    }

    /// Whether answers are compressed for clients that take gzip.
    pub fn gzip(&self, on: bool) {
        self.state().conversation.gzip = on;
    }

    /// Takes another key than [`KEY`].
    pub fn set_key(&self, key: &str) {
        self.state().conversation.key = key.into();
    }

    /// All requests so far, refused ones too.
    pub fn requests(&self) -> Vec<Request> {
        self.state().conversation.requests.clone()
    }

    /// How many requests came so far.
    pub fn request_count(&self) -> usize {
        self.state().conversation.requests.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for FakeHeyGen {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

/// Holds one answer back.
pub struct Gate {
    arrived: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

impl Gate {
    /// Waits until the request whose answer is held back has come.
    pub async fn reached(&mut self) {
        let arrived = tokio::time::timeout(PATIENCE, &mut self.arrived).await;
        arrived.expect("no request came").unwrap();
    }

    /// The same for tests without async.
    pub fn wait_reached(mut self) -> Opener {
        let begun = Instant::now();
        while self.arrived.try_recv().is_err() {
            assert!(begun.elapsed() < PATIENCE, "no request came");
            std::thread::yield_now();
        }
        Opener(self.open)
    }

    /// Lets the answer go.
    pub fn release(self) {
        let _ = self.open.send(());
    }
}

/// A gate whose request has come.
pub struct Opener(oneshot::Sender<()>);

impl Opener {
    /// Lets the answer go.
    pub fn release(self) {
        let _ = self.0.send(());
    }
}
