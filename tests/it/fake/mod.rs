//! The fake HeyGen: a state that a test edits, served over real HTTP on this machine.
//!
//! `catalogue` is the state of the lists and their form in each version of the API; `server` handles
//! requests: the key, failures, delays, a log of requests. It runs on a separate thread, so that tests
//! may wait for a command without stopping it. It is independent of the program under test.
#![allow(dead_code)] // Each test uses a part of it.

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

/// The timeout of a wait for a request.
const PATIENCE: Duration = Duration::from_secs(120);

/// The key that the fake accepts.
pub const KEY: &str = "test-key";

/// The state that the handlers and the test share.
#[derive(Default)]
struct State {
    catalogue: Catalogue,
    conversation: Conversation,
    paging: Paging,
    lists: Lists,
}

/// A running fake. It stops when this is dropped.
pub struct FakeHeyGen {
    base_url: String,
    state: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
}

impl FakeHeyGen {
    /// Starts a fake with empty lists.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let base_url = server::spawn(state.clone(), stopped);
        Self { base_url, state, stop: Some(stop) }
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the body that v2 would answer with now, for files.
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

    /// Sets one field of an item, whether the API knows the field or not. Panics if there is no such item.
    pub fn set(&self, kind: Kind, id: &str, field: &str, value: impl Into<Value>) {
        self.state().catalogue.edit(kind, id).set(field, value);
    }

    /// Removes the key of one field from one item. Panics if there is no such item.
    pub fn unset(&self, kind: Kind, id: &str, field: &str) {
        self.state().catalogue.edit(kind, id).unset(field);
    }

    /// Makes the list stop carrying the field, for later items too.
    pub fn unset_field(&self, kind: Kind, field: &str) {
        self.state().catalogue.hide_field(kind, field);
    }

    /// Makes the list carry the field again, with the items' values.
    pub fn carry_field(&self, kind: Kind, field: &str) {
        self.state().catalogue.show_field(kind, field);
    }

    /// Renames an item.
    pub fn rename(&self, kind: Kind, id: &str, name: &str) {
        self.set(kind, id, kind.name_field(), name);
    }

    /// Sets a field that only v3 sends. Panics if there is no such item.
    pub fn set_look(&self, kind: Kind, id: &str, field: &str, value: impl Into<Value>) {
        self.state().catalogue.edit(kind, id).set_look(field, value);
    }

    /// Removes an item from its list. Panics if there is no such item.
    pub fn remove(&self, kind: Kind, id: &str) {
        self.state().catalogue.remove(kind, id);
    }

    /// Shuffles both lists; the same seed and lists give the same order.
    pub fn shuffle(&self, seed: u64) {
        self.state().catalogue.shuffle(seed);
    }

    /// Lists these items twice, as a block at the front (A, B, A, B), as private ones really are.
    /// From then on the copies count as one: `set` and `remove` apply to all of them.
    pub fn duplicate(&self, kind: Kind, ids: &[&str]) {
        self.state().catalogue.duplicate(kind, ids);
    }

    /// Adds a record as written, even if it is invalid, at the current end of its list.
    pub fn push_raw_record(&self, kind: Kind, json: &str) {
        self.state().catalogue.push_raw(kind, json);
    }

    // Signatures

    /// Signs links until `expires` from now on, in seconds since 1970.
    pub fn sign_urls(&self, expires: i64) {
        self.state().catalogue.sign(expires);
    }

    /// Signs all links again, with the same expiry.
    pub fn resign(&self) {
        self.state().catalogue.resign();
    }

    /// Makes all links expired long ago.
    pub fn expire_urls(&self) {
        self.sign_urls(1_600_000_000);
    }

    /// Sets whether an item's preview URLs are signed: photos' are by default, avatars' are not.
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

    /// Changes groups and voices, and the faults of their lists.
    pub fn lists(&self, edit: impl FnOnce(&mut Lists)) {
        edit(&mut self.state().lists);
    }

    // The pages of v3

    /// Changes how v3 sends its pages.
    pub fn paging(&self, edit: impl FnOnce(&mut Paging)) {
        edit(&mut self.state().paging);
    }

    /// Returns the total size of the pages of v3 so far in bytes, repeats included.
    pub fn told_bytes(&self) -> usize {
        self.state().paging.told_bytes
    }

    /// Makes one page of v3 fail `times` times.
    pub fn fail_page(&self, page: usize, refusal: Refusal, times: usize) {
        self.paging(|paging| drop(paging.failing.insert(page, (refusal, times))));
    }

    /// Makes v2 answer with `refusal` until [`FakeHeyGen::recover`]; v3 answers as before.
    pub fn retire_v2(&self, refusal: Refusal) {
        self.state().conversation.v2_gone = Some(refusal);
    }

    /// Returns the highest number of requests that were being answered at once.
    pub fn most_at_once(&self) -> usize {
        self.state().conversation.in_flight.1
    }

    // Requests and answers

    /// Sets the status of the next answer.
    pub fn fail_next(&self, status: u16) {
        self.fail_next_n(1, status);
    }

    /// Sets the status of the next `n` answers.
    pub fn fail_next_n(&self, n: usize, status: u16) {
        let refusal = Refusal::of(status);
        self.state().conversation.refusals.extend(std::iter::repeat_n(refusal, n));
    }

    /// Sets the status and the `Retry-After` (in seconds or as a date) of the next answer.
    pub fn fail_next_retry_after(&self, status: u16, wait: &str) {
        let refusal = Refusal::of(status).header("retry-after", wait);
        self.state().conversation.refusals.push_back(refusal);
    }

    /// Sets the status and body of every answer, until [`FakeHeyGen::recover`].
    pub fn fail_always(&self, status: u16, body: &str) {
        self.state().conversation.always =
            Some(Refusal { body: body.into(), ..Refusal::of(status) });
    }

    /// Redirects every request, until [`FakeHeyGen::recover`].
    pub fn redirect_to(&self, url: &str) {
        self.state().conversation.always = Some(Refusal::of(302).header("location", url));
    }

    /// Makes every answer announce the whole body and break off after `at` bytes of it.
    pub fn cut_body(&self, at: usize) {
        self.state().conversation.cut_at = Some(at);
    }

    /// Makes every answer have this body and status 200.
    pub fn replace_body(&self, body: impl Into<Vec<u8>>) {
        self.state().conversation.body = Some(body.into());
    }

    /// Ends all failures, cuts, redirects and replaced bodies; the lists stay as they are.
    pub fn recover(&self) {
        self.state().conversation.recover();
    }

    /// Holds the next answer back until the gate is opened or dropped.
    pub fn delay_next(&self) -> Gate {
        let (open, opened) = oneshot::channel();
        let (arrive, arrived) = oneshot::channel();
        self.state().conversation.gates.push_back((arrive, opened));
        Gate { arrived, open }
    }

    /// Sets when the key expires, from now on.
    pub fn key_expires(&self, at: &str) {
        self.state().conversation.key_expires_at = Some(at.into());
    }

    /// Announces the end of v2 from now on, in headers and in the body.
    pub fn deprecate(&self, message: &str, sunset: &str) {
        let mut state = self.state();
        state.catalogue.warning = Some((message.into(), sunset.into()));
        state.conversation.sunset = Some(sunset.into());
    }

    /// Sets whether answers are compressed for clients that accept gzip.
    pub fn gzip(&self, on: bool) {
        self.state().conversation.gzip = on;
    }

    /// Sets the accepted key instead of [`KEY`].
    pub fn set_key(&self, key: &str) {
        self.state().conversation.key = key.into();
    }

    /// Returns all requests so far, including refused ones.
    pub fn requests(&self) -> Vec<Request> {
        self.state().conversation.requests.clone()
    }

    /// Counts the requests so far.
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

/// A handle that holds one answer back.
pub struct Gate {
    arrived: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

impl Gate {
    /// Waits until the request whose answer is held back has arrived.
    pub async fn reached(&mut self) {
        let arrived = tokio::time::timeout(PATIENCE, &mut self.arrived).await;
        arrived.expect("no request came").unwrap();
    }

    /// Like [`Gate::reached`], for tests without async.
    pub fn wait_reached(mut self) -> Opener {
        let begun = Instant::now();
        while self.arrived.try_recv().is_err() {
            assert!(begun.elapsed() < PATIENCE, "no request came");
            std::thread::yield_now();
        }
        Opener(self.open)
    }

    /// Releases the answer.
    pub fn release(self) {
        let _ = self.open.send(());
    }
}

/// A gate whose request has arrived.
pub struct Opener(oneshot::Sender<()>);

impl Opener {
    /// Releases the answer.
    pub fn release(self) {
        let _ = self.0.send(());
    }
}
