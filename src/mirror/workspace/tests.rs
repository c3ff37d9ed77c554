use std::sync::Arc;

use super::*;

/// Both ways of syncing, with more bodies than a group takes.
#[tokio::test]
async fn every_body_gets_its_name_and_nothing_temporary_is_left() {
    for at_once in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let (jobs, arriving) = channel();
        let mut waiting = vec![];
        for n in 0..3 * GROUP {
            let (reply, stored) = oneshot::channel();
            let target = root.join(format!("sha256/{:02x}/{n}", n % 50));
            let body = Body::Small(n.to_string().into_bytes());
            jobs.send(Job { body, target, reply }).unwrap();
            waiting.push(stored);
        }
        drop(jobs);
        let disk = Disk { at_once, ..Disk::of(&root) };
        let place = root.clone();
        let thread = thread::spawn(move || store(&arriving, &place, &disk));
        for (n, stored) in waiting.into_iter().enumerate() {
            stored.await.unwrap().unwrap();
            let file = root.join(format!("sha256/{:02x}/{n}", n % 50));
            assert_eq!(fs::read_to_string(file).unwrap(), n.to_string());
        }
        thread.join().unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1);
    }
}

/// Only the workspaces of dead processes are removed.
#[test]
fn what_the_dead_left_is_swept_and_the_living_keep_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let all = folder.path().join("tmp");
    for name in ["died", "died-early", "lives"] {
        fs::create_dir_all(all.join(name)).unwrap();
        fs::write(all.join(name).join("0.part"), "half").unwrap();
    }
    File::create(all.join("died/lock")).unwrap();
    let living = File::create(all.join("lives/lock")).unwrap();
    living.lock().unwrap();
    let mine = Workspace::in_folder(folder.path()).unwrap();
    let there = |name: &str| all.join(name).exists();
    assert!(!there("died") && !there("died-early") && there("lives/0.part"));
    assert!(mine.folder.is_dir());
    drop((mine, living));
    drop(Workspace::in_folder(folder.path()).unwrap());
    let left = fs::read_dir(&all).unwrap().flatten().map(|left| left.file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["lock"]);
}

#[tokio::test]
async fn a_body_that_has_no_place_is_told_and_the_others_have_theirs() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("taken"), "").unwrap();
    let workspace = Arc::new(Workspace::in_folder(folder.path()).unwrap());
    let put = |name: &str| {
        let target = folder.path().join(name);
        let workspace = workspace.clone();
        async move { workspace.store(Body::Small(b"x".to_vec()), target).await }
    };
    let (bad, good) = tokio::join!(put("taken/a"), put("free/a"));
    assert!(bad.is_err() && good.is_ok());
    drop(workspace);
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 1);
    assert_eq!(fs::read(folder.path().join("free/a")).unwrap(), b"x");
}
