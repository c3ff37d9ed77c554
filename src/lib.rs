//! heygen-sync keeps a faithful local copy, with history, of the avatars, talking photos, avatar
//! groups and voices that HeyGen offers to an account. This page describes the structure of the code;
//! `CONTRIBUTING.md` lists the places of common changes.
//!
//! # One poll, end to end
//!
//! `heygen-sync sync` parses its flags ([`cli`]), reads the configuration ([`config`]) and opens
//! the database ([`store`]), which creates or migrates it. Then, for each account and catalogue,
//! [`poll::poll`], from top to bottom in one file:
//!
//! 1. takes the account's lock ([`store::lock`]): of a file on SQLite, of a transaction on PostgreSQL;
//!    a second poll fails at once;
//! 2. fetches the list ([`heygen`]): with the key to the one configured host, with retries where
//!    a retry can help, limited in size while it is read; the result is an answer or the reason why
//!    there is none. Every record is decoded on its own, without loss ([`catalog::list`]); anything that
//!    is not a catalogue fails here and can change nothing;
//! 3. stages the answer for the archive, without its signatures, if the archive is on ([`archive`]);
//! 4. begins to write, and reads what the tables contain ([`store::snapshot`]);
//! 5. compares the two ([`catalog::diff`]): the rules of history, as a pure function from tables,
//!    answer and policy to a [`catalog::diff::Diff`], a value that can be printed;
//! 6. writes that diff, the poll's own row ([`store::write`]) and the notices of what it found
//!    ([`notify::drafts`]), and commits all of it or nothing;
//! 7. adds the staged answer to the archive.
//!
//! A dry run ends after step 5 and prints the same value. A saved response (`--from`) is read in step
//! 2 and is otherwise the same poll. A replay of the archive ([`poll::replay`]) does steps 4 to 6
//! with the rows that were recorded. The next poll is the retry.
//!
//! After the polls, the outbox is delivered ([`notify::deliver()`]): in order, at least once, and
//! without ever failing a poll. Then the mirror, if it is on, works its queue ([`mirror::run`]): it
//! leases what is due, soonest expiry first, downloads several files at a time, saves valid ones in
//! the store, and writes rows in batches once their files are durable. Expired links are renewed by
//! an ordinary poll, passed in as a callback; its notices are delivered, too.
//!
//! A `sync` does one such round and ends; the [`daemon`] does the same round, with the same function,
//! whenever it is due.
//!
//! # The modules, and which of them may use which
//!
//! ```text
//! main → cli → { daemon, web, mcp } → answers → { poll → notify, verify, feed, metrics, ids } → archive → { heygen, mirror, store, config } → catalog → { error, time, words, system }
//! ```
//!
//! | module | is for | does not know |
//! |---|---|---|
//! | [`cli`] | one file for each command; `output` writes the formats, `export` those of exports | SQL, rules of history |
//! | [`daemon`] | when work is due, and how it ends; metrics and health over HTTP | SQL, how a list is polled |
//! | [`web`] | the gallery: pages, security, caching; its facets are in [`store::browse::facets`] | SQL, HeyGen, the key |
//! | [`mcp`] | the tools for agents, over the Model Context Protocol | SQL, HeyGen, the key |
//! | [`answers`] | the answers for programs: of the tools for agents and of the API | SQL, HTTP |
//! | [`poll`] | the steps above; which version of the API is read (`version`) | SQL, HTTP, printing |
//! | [`notify`] | the content of a notice (`message`), and its delivery (`deliver`); pings | SQL, how a list is polled |
//! | [`verify`] | whether seals, history and tables agree | SQL, printing, how to repair |
//! | [`metrics`] | the figures of the tables in Prometheus' format | SQL, HTTP |
//! | [`ids`] | whether ids are still usable, and finding them in any text | SQL, printing |
//! | [`feed`] | the change feed as Atom, for a file or the gallery | SQL, where it is served |
//! | [`archive`] | keeping every answer, without signatures, for a replay | polling, replaying |
//! | [`heygen`] | requests to the API, retries; one file for each version of the API, with its endpoints | the database, avatars |
//! | [`mirror`] | previews: what is due, downloading, the content-addressed store, its audit | how a list is polled |
//! | [`store`] | the only module with SQL; one file for each engine, `conn` dispatches between them; `table` and `row` describe the tables | HTTP, rules, printing |
//! | [`config`] | flags, environment, `config.toml`, keys; `sections` has every default, including the guard's | what they are used for |
//! | [`catalog`] | the pure core: a description of each kind and its columns (`kinds`), values, records, signed URLs, schema, the diff | everything else |
//! | [`system`] | what Unix and Windows do differently, by the same names | everything else |
//! | [`time`], [`error`], [`words`] | milliseconds in UTC; exit codes; numbers and durations for people | everything else |
//!
//! A test checks every `use` in `src` against this diagram.
//!
//! # What never happens
//!
//! - A panic from input, network, files or database.
//! - A key, a signature, a password or a response's body in a log, an error, a row of `polls` or
//!   any output. The one place for a signed URL is `assets.signed_url`.
//! - A decision about history outside [`catalog::diff`], a query outside [`store`], a read of the clock
//!   outside `main`, which passes in a [`time::Clock`].
//! - A row of history deleted, or changed except for the four cells that close a version.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | poll | one read of a catalogue of an account, and all that it writes; one row of `polls` |
//! | catalogue | what one poll reads: avatars (both kinds of looks), avatar groups or voices |
//! | list | the records of one kind in a response; each is compared on its own |
//! | record | one entry of a list, as the API sent it |
//! | item, kind | an avatar, a talking photo, an avatar group or a voice; identified by kind, account and id |
//! | version | the state of an item from `valid_from` until `valid_to` |
//! | account | one API key's view of the catalogue |
//! | observed at | when the response had been received, in milliseconds: the clock of history |
//! | canonical URL | a URL without the parameters of its signature |
//! | good poll | a poll that did not fail ([`store::row::GOOD`]) |
//! | baseline | the first good poll of an account's catalogue |
//! | SCD type 2 | slowly changing dimension: history as rows with a start and an end, as in `avatar_history` |
//! | upsert | insert a row, or update the one with its key |
//! | as-of query | a query for the state at a time |
//! | snapshot | what the tables contain at one moment, read in one transaction |
//! | guard | the check that holds removals if too many are due at once |
//! | held | not carried out until confirmed (`--accept-removals`) or no longer due |
//! | learned | a value that became known without having changed |
//! | outbox | the notices that wait for delivery: the table `notices` |
//! | lease | a claim on an entry of the mirror's queue that expires |
//! | content-addressed store, blob | where mirrored files are kept: each under the SHA-256 of its bytes |
//! | digest, hash chain | SHA-256 of a poll's rows and of the digest before it: the seal |
//! | idempotent | the same again changes nothing |
//! | retry, back-off, deadline, timeout | their usual meaning |

// `print!` and `eprint!` panic if a stream is closed or its disk is full.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod answers;
pub mod archive;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod error;
pub mod feed;
pub mod heygen;
pub mod ids;
pub mod mcp;
pub mod metrics;
pub mod mirror;
pub mod notify;
pub mod poll;
pub mod store;
pub mod system;
pub mod time;
pub mod verify;
pub mod web;
pub mod words;
