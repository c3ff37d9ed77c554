//! The seal: what polls write verifies, and no edit outside the program goes unnoticed.

mod edit;
mod story;
mod upgrading;

use heygen_sync::{
    store::Store,
    verify::{Proof, VerifyReport, show, verify},
};
use sha2::{Digest, Sha256};

use edit::Vandal;
use story::{Catalogue, Home, Polled, history};
use upgrading::{GROUPS, VOICES};

async fn verified(home: &Home) -> VerifyReport {
    verify(&mut home.reader().await, None, &|_| ()).await.unwrap()
}

fn told(report: &VerifyReport) -> Vec<String> {
    report.findings.kept().iter().map(ToString::to_string).collect()
}

/// Returns how many edits a test tries on each engine: `HEYGEN_SYNC_TEST_EDITS`.
fn edits() -> usize {
    std::env::var("HEYGEN_SYNC_TEST_EDITS").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

#[tokio::test]
async fn histories_made_by_polls_verify() {
    for home in Home::both().await {
        history(&home, 1, 60).await;
        let report = verified(&home).await;
        assert_eq!(told(&report), [""; 0]);
        assert_eq!((report.polls, report.accounts), (60, 2));
        assert!(report.versions > 60, "{}", report.versions);
    }
    for seed in 2..8 {
        let home = Home::Sqlite(tempfile::tempdir().unwrap());
        history(&home, seed, 60).await;
        assert_eq!(told(&verified(&home).await), [""; 0], "seed {seed}");
    }
}

#[tokio::test]
async fn a_fingerprint_of_another_state_is_found() {
    for home in Home::both().await {
        history(&home, 1, 20).await;
        // The last 16 digits are a hash of the columns beside it.
        let spoil =
            "UPDATE avatars SET fingerprint = substr(fingerprint, 1, 40) || 'ffffffffffffffff'";
        crate::dump::run(&home.url(), spoil).await;
        let found = told(&verified(&home).await);
        let is_right = |one: &String| one.contains("fingerprint is not that of version");
        assert!(!found.is_empty() && found.iter().all(is_right), "{found:?}");
    }
}

#[tokio::test]
async fn both_databases_have_the_same_digests() {
    let [sqlite, postgres] = Home::both().await;
    let mut heads = vec![];
    for home in [&sqlite, &postgres] {
        history(home, 9, 30).await;
        let mut store = home.reader().await;
        let mut audit = store.audit().await.unwrap();
        heads.push(audit.heads().await.unwrap().into_iter().map(|head| head.digest));
    }
    let [sqlite, postgres] = heads.try_into().unwrap();
    assert!(sqlite.eq(postgres));
}

async fn shown(store: &mut Store, poll_id: i64) -> Vec<u8> {
    let mut out = String::new();
    show(store, poll_id, |piece| {
        out.push_str(piece);
        Ok(())
    })
    .await
    .unwrap();
    out.into_bytes()
}

#[tokio::test]
async fn what_is_shown_of_a_poll_has_its_digest() {
    for home in Home::both().await {
        history(&home, 3, 25).await;
        let mut store = home.reader().await;
        for poll_id in 1..=25 {
            let bytes = shown(&mut store, poll_id).await;
            let digest: String =
                Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            let proof = verify(&mut store, Some(&digest), &|_| ()).await.unwrap().proof;
            let found =
                matches!(&proof, Some(Proof::Contained { poll_id: p, .. }) if *p == poll_id);
            assert!(found, "{poll_id}: {proof:?}");
        }
    }
}

#[tokio::test]
async fn any_single_edit_is_found_and_its_poll_named() {
    for home in Home::both().await {
        history(&home, 4, 40).await;
        let mut random = fastrand::Rng::with_seed(5);
        let mut vandal = Vandal::new(&home).await;
        for number in 0..edits() {
            let edit = vandal.edit(&mut random).await;
            let report = verified(&home).await;
            let named = |poll: &i64| report.findings.kept().iter().any(|f| f.poll == *poll);
            assert!(report.findings.found() > 0, "edit {number} is not found: {edit:?}");
            let polls = &edit.polls;
            let right = if polls.is_empty() {
                report.findings.kept()[0].poll > 0
            } else {
                polls.iter().any(named)
            };
            assert!(right, "edit {number} names no poll of {edit:?}: {:#?}", told(&report));
            vandal.restore(edit.table).await;
        }
        assert_eq!(told(&verified(&home).await), [""; 0]);
    }
}

#[tokio::test]
async fn a_noted_digest_is_proven_as_long_as_nothing_before_it_was_edited() {
    let home = Home::Sqlite(tempfile::tempdir().unwrap());
    history(&home, 6, 20).await;
    let mut store = home.reader().await;
    let head = store.audit().await.unwrap().heads().await.unwrap()[0].clone();
    let noted = head.digest.unwrap();
    drop(store);
    let mut random = fastrand::Rng::with_seed(1);
    let mut polled = Polled::new(&home).await;
    polled.poll(&head.account, &Catalogue::new(&mut random).body()).await;
    polled.close().await;
    let mut store = home.reader().await;
    let later = verify(&mut store, Some(&noted.to_uppercase()), &|_| ()).await.unwrap();
    assert!(matches!(later.proof, Some(Proof::Contained { .. })), "{:?}", later.proof);
    assert_eq!(later.exit_code(), 0);
    let absent = verify(&mut store, Some(&"0".repeat(64)), &|_| ()).await.unwrap();
    assert_eq!((absent.proof, absent.findings.found()), (Some(Proof::Absent), 0));
    assert!(verify(&mut store, Some("12ab"), &|_| ()).await.is_err());
}

/// Returns the program between the fences that follow `<!-- run -->` in the document.
fn program() -> &'static str {
    let text = include_str!("../../docs/seal.md");
    let (_, rest) = text.split_once("<!-- run -->\n```python\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[tokio::test]
async fn the_program_of_the_document_recomputes_every_digest() {
    let home = Home::Sqlite(tempfile::tempdir().unwrap());
    history(&home, 7, 40).await;
    let looks = r#"{"data": [{"id": "l", "name": "L", "avatar_type": "digital_twin", "group_id": "g",
        "supported_api_engines": ["avatar_iv"], "status": "completed"}], "has_more": false}"#;
    let mut polled = Polled::new(&home).await;
    for page in [looks, GROUPS, VOICES] {
        polled.poll("v3", page).await;
    }
    polled.close().await;
    let mut python = std::process::Command::new("python3");
    let ran = python.args(["-c", program(), &home.url()]).output().expect("python3 is installed");
    let told = String::from_utf8(ran.stdout).unwrap();
    let fits = told.lines().filter(|line| line.ends_with(" fits")).count();
    assert_eq!((fits, told.lines().count()), (43, 43), "{told}{:?}", ran.stderr);
}
