//! The mirror: everything available is stored with the right hash, nothing wrong is stored, and
//! each failure has its reason. Once for each engine and each kind of store.

pub mod cdn;
mod kills;
pub mod place;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use cdn::{FakeCdn, Fault, Rest, Thing};
use heygen_sync::{
    catalog::{catalogue::Catalogue, diff::Accepted},
    config::Mirror,
    error::Kind,
    mirror::{Blobs, MirrorSettings, Summary, audit},
    store::queue::{Asset, AssetState, Settled, Wanted},
    time::{Clock, Timestamp},
};
use place::Place;

use crate::{
    fake,
    world::{Engine, World},
};

/// Turns each body into one test for each engine and kind of store.
macro_rules! everywhere {
    ($(async fn $name:ident($stage:ident: Stage) $body:block)*) => {
        $(async fn $name(#[allow(unused_mut)] mut $stage: Stage) $body)*
        mod sqlite_folder { everywhere! { @tests Sqlite folder $($name)* } }
        mod sqlite_s3 { everywhere! { @tests Sqlite s3 $($name)* } }
        mod postgres_folder { everywhere! { @tests Postgres folder $($name)* } }
        mod postgres_s3 { everywhere! { @tests Postgres s3 $($name)* } }
    };
    (@tests $engine:ident $place:ident $($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let place = super::Place::$place();
            super::$name(super::Stage::start(super::Engine::$engine, place).await).await;
        })*
    };
}

/// A world with a CDN and a store.
struct Stage {
    world: World,
    cdn: FakeCdn,
    place: Place,
    blobs: Arc<Blobs>,
    settings: MirrorSettings,
}

impl Stage {
    async fn start(engine: Engine, place: Place) -> Self {
        let mut world = World::start(engine).await;
        world.mirror = true;
        let cdn = FakeCdn::start(world.clock());
        let mirror = Mirror {
            enabled: true,
            allowed_hosts: vec!["127.0.0.1".into()],
            requests_per_second: 100_000,
            max_file: 20 << 20,
            ..Mirror::default()
        };
        let mut settings = MirrorSettings::new(&mirror);
        settings.retry_pause = Duration::from_millis(1);
        let blobs = place.blobs();
        Self { world, cdn, place, blobs, settings }
    }

    /// Adds a talking photo with a signed picture.
    fn photo(&self, id: &str, thing: Thing) -> String {
        let url = self.cdn.put(&format!("/photo/{id}.webp"), thing);
        self.world.heygen.add_photo(id);
        self.world.heygen.set(fake::Kind::TalkingPhoto, id, "preview_image_url", url.as_str());
        url
    }

    /// Puts another picture behind the same URL.
    fn photo_changes(&self, id: &str, thing: Thing) {
        self.cdn.put(&format!("/photo/{id}.webp"), thing);
    }

    /// Adds an avatar with an unsigned picture and video.
    fn avatar(&self, id: &str, picture: Thing, video: Thing) {
        let picture = self.cdn.put(&format!("/avatar/{id}.webp"), picture);
        let video = self.cdn.put(&format!("/avatar/{id}.mp4"), video);
        self.world.heygen.add_avatar(id, |record| {
            record.set("preview_image_url", picture.as_str());
            record.set("preview_video_url", video.as_str());
        });
    }

    /// Makes new links expire after `hours`.
    fn sign_for(&self, hours: i64) {
        self.world.heygen.sign_urls(self.world.now().millis() / 1000 + hours * 3600);
    }

    async fn poll(&mut self) {
        let report = self.world.poll_now().await.unwrap();
        assert!(report.error.is_none(), "{:?}", report.error);
        self.world.pass(Duration::from_secs(1));
    }

    async fn work(&mut self) -> Summary {
        self.world.work_mirror(&self.settings, &self.blobs).await.unwrap()
    }

    async fn audit(&mut self) -> audit::MirrorAudit {
        let now = self.world.now();
        audit::audit(self.world.store(), &self.blobs, now).await.unwrap()
    }

    async fn assert_clean(&mut self) {
        let audit = self.audit().await;
        assert_eq!(audit.findings, []);
    }

    /// Returns `state|last_error` of the asset behind a path.
    async fn asset(&mut self, path: &str) -> String {
        let url = format!("{}{path}", self.cdn.base);
        self.world.cell(&format!("SELECT state, last_error FROM assets WHERE url = '{url}'")).await
    }

    /// Asserts that no signature is stored anywhere but in `assets.signed_url`.
    async fn assert_no_signature_told(&mut self) {
        self.world.meddle("UPDATE assets SET signed_url = NULL").await;
        let dump = self.world.dump().await;
        assert!(!dump.contains("Signature"), "a signature is in a row");
    }
}

everywhere! {
    async fn every_fault_has_its_reason_and_nothing_wrong_is_saved(stage: Stage) {
        stage.sign_for(48);
        let good = Thing::picture(1, 5_000);
        stage.photo("good", good.clone());
        stage.avatar("a", Thing::picture(2, 70_000), Thing::video(3, 3_000_000));
        stage.photo("html", Thing::picture(4, 900).with(Fault::Instead("<!DOCTYPE html><html>")));
        stage.photo("xml", Thing::picture(4, 900).with(Fault::Instead("<?xml version='1.0'?><Error/>")));
        stage.photo("json", Thing::picture(4, 900).with(Fault::Instead("{\"error\":1}")));
        stage.photo("svg", Thing::picture(4, 900).with(Fault::Instead("<svg onload='x()'/>")));
        stage.photo("empty", Thing::picture(4, 900).with(Fault::Instead("")));
        stage.photo("zip", Thing::picture(4, 900).with(Fault::Instead("PK\x03\x04")));
        stage.photo("cut", Thing::picture(4, 90_000).with(Fault::CutOff));
        stage.photo("500", Thing::picture(4, 900).with(Fault::Status(500)));
        stage.photo("418", Thing::picture(4, 900).with(Fault::Status(418)));
        stage.photo("once", Thing::picture(5, 900).with(Fault::StatusOnce(503)));
        stage.photo("resumed", Thing::picture(6, 900_000).with(Fault::CutOnce));
        stage.photo("long", Thing::picture(7, (20 << 20) + 1).with(Fault::Instead("")));
        stage.cdn.put("/photo/long.webp", Thing::video(7, (7 << 20) + 100));
        stage.settings.mirror.max_file = 7 << 20;
        stage.photo("missing", Thing::picture(4, 900).with(Fault::Status(403)));
        stage.poll().await;

        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.skipped), (5, 1), "{summary:?}");
        assert_eq!(stage.asset("/photo/good.webp").await, "mirrored|∅");
        assert_eq!(stage.asset("/avatar/a.mp4").await, "mirrored|∅");
        assert_eq!(stage.asset("/photo/once.webp").await, "mirrored|∅");
        assert_eq!(stage.asset("/photo/resumed.webp").await, "mirrored|∅");
        assert_eq!(stage.cdn.asked("/photo/resumed.webp"), 2);
        assert!(stage.cdn.headers("/photo/resumed.webp").contains_key("if-range"));
        assert_eq!(stage.cdn.headers("/photo/good.webp")["accept-encoding"], "identity");
        for (path, state, why) in [
            ("html", "failed", "HTML"),
            ("xml", "failed", "XML"),
            ("json", "failed", "JSON"),
            ("svg", "failed", "SVG"),
            ("empty", "failed", "empty"),
            ("zip", "failed", "type"),
            ("cut", "failed", "cut off after 45000 of 90000 bytes"),
            ("500", "failed", "500"),
            ("418", "failed", "418"),
            ("long", "skipped", "mirror.max_file"),
            ("missing", "gone", "no other link"),
        ] {
            let told = stage.asset(&format!("/photo/{path}.webp")).await;
            assert!(told.starts_with(state) && told.contains(why), "{path}: {told}");
        }
        let name = format!("sha256/{}/{}.webp", &good.sha256()[..2], good.sha256());
        let view = "SELECT preview_image_file FROM current_talking_photos WHERE talking_photo_id = 'good'";
        assert_eq!(stage.world.cell(view).await, name);
        assert_eq!(std::fs::read(stage.place.root().join(name)).unwrap(), good.body());
        assert_eq!(stage.place.files().len(), 5);
        stage.assert_clean().await;
        let again = stage.work().await;
        assert_eq!(again, Summary::default());
        stage.assert_no_signature_told().await;
    }

    async fn links_that_die_are_asked_for_anew_once(stage: Stage) {
        stage.sign_for(2);
        let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            stage.photo(name, Thing::picture(100 + n as u64, 2_000));
        }
        stage.poll().await;
        stage.world.pass(Duration::from_secs(3 * 3600));
        stage.sign_for(100);
        stage.world.heygen.remove(fake::Kind::TalkingPhoto, "p7");
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.gone, summary.failed), (39, 1, 0), "{summary:?}");
        assert_eq!(stage.world.cell("SELECT count(*) FROM polls WHERE trigger = 'refresh'").await, "1");
        assert!(stage.asset("/photo/p7.webp").await.starts_with("gone|the link has expired"));
        assert_eq!(stage.cdn.asked("/photo/p7.webp"), 0);
        stage.assert_clean().await;
    }

    async fn a_fresh_list_is_asked_for_at_most_every_ten_minutes(stage: Stage) {
        stage.sign_for(1);
        stage.photo("a", Thing::picture(1, 900).with(Fault::Status(403)));
        stage.poll().await;
        assert_eq!(stage.work().await.gone, 1);
        stage.photo("b", Thing::picture(2, 900).with(Fault::Status(403)));
        stage.poll().await;
        let summary = stage.work().await;
        assert_eq!((summary.failed, summary.gone), (1, 0), "{summary:?}");
        assert!(stage.asset("/photo/b.webp").await.starts_with("failed|"));
        stage.world.pass(Duration::from_secs(601));
        // Both links have time left: the first is tried again as well.
        assert_eq!(stage.work().await.gone, 2);
        assert_eq!(stage.world.cell("SELECT count(*) FROM polls WHERE trigger = 'refresh'").await, "2");
    }

    async fn a_fresh_list_asked_for_by_a_clock_that_was_ahead_puts_off_no_other(stage: Stage) {
        let refreshes = "SELECT count(*) FROM polls WHERE trigger = 'refresh'";
        let right = stage.world.now();
        stage.sign_for(48);
        stage.photo("a", Thing::picture(1, 900));
        stage.poll().await;
        // A year ahead the link has expired; the API does not answer then.
        stage.world.set_clock(right.plus(Duration::from_secs(365 * 86_400)));
        stage.world.heygen.fail_always(500, "");
        stage.work().await;
        assert_eq!(stage.world.cell(refreshes).await, "1");
        stage.world.heygen.recover();
        stage.world.set_clock(right.plus(Duration::from_secs(3600)));
        stage.photo("b", Thing::picture(2, 900).with(Fault::Status(403)));
        stage.poll().await;
        let summary = stage.work().await;
        // A retry that is due in a year is not waited for.
        assert_eq!((summary.saved, summary.gone), (1, 1), "{summary:?}");
        assert_eq!(stage.world.cell(refreshes).await, "2");
        // From this refresh on, the limit of ten minutes applies again.
        stage.photo("c", Thing::picture(3, 900).with(Fault::Status(403)));
        stage.poll().await;
        stage.work().await;
        assert_eq!(stage.world.cell(refreshes).await, "2");
    }

    async fn a_link_refused_in_a_bad_hour_of_the_server_is_tried_again(stage: Stage) {
        stage.sign_for(48);
        stage.photo("a", Thing::picture(1, 900).with(Fault::Status(403)));
        stage.poll().await;
        assert_eq!(stage.work().await.gone, 1);
        stage.cdn.mend("/photo/a.webp");
        stage.world.pass(Duration::from_secs(601));
        assert_eq!(stage.work().await.saved, 1);
        assert_eq!(stage.asset("/photo/a.webp").await, "mirrored|∅");
    }

    async fn a_body_whose_length_nobody_tells_is_not_believed(stage: Stage) {
        stage.photo("a", Thing::video(1, 50_000).with(Fault::Unframed));
        stage.photo("b", Thing::picture(2, 50_000).with(Fault::Unframed));
        stage.poll().await;
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.failed), (0, 2), "{summary:?}");
        assert!(stage.asset("/photo/a.webp").await.contains("did not send the length"));
        // A WebP contains its own length.
        assert!(stage.asset("/photo/b.webp").await.contains("cut off"));
        assert_eq!(stage.place.files(), Vec::<String>::new());
    }

    async fn the_rest_of_a_body_is_only_taken_where_its_end_can_be_told(stage: Stage) {
        for rest in [Rest::Whole, Rest::Short, Rest::OfUnknown, Rest::Encoded] {
            let thing = Thing::video(rest as u64, 40_000).with(Fault::HalfThen(rest));
            stage.photo(&format!("{rest:?}"), thing);
        }
        stage.poll().await;
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.failed), (1, 3), "{summary:?}");
        assert_eq!(stage.asset("/photo/Whole.webp").await, "mirrored|∅");
        for rest in [Rest::Short, Rest::OfUnknown, Rest::Encoded] {
            let asset = stage.asset(&format!("/photo/{rest:?}.webp")).await;
            assert!(asset.starts_with("failed|the body was cut off after "), "{rest:?}: {asset}");
        }
        let whole = Thing::video(Rest::Whole as u64, 40_000).sha256();
        assert_eq!(stage.place.files(), [format!("sha256/{}/{whole}.mp4", &whole[..2])]);
    }

    async fn what_a_host_may_not_give_is_fetched_as_soon_as_it_may(stage: Stage) {
        stage.sign_for(48);
        stage.photo("a", Thing::picture(1, 900));
        stage.poll().await;
        let allowed = std::mem::replace(&mut stage.settings.mirror.allowed_hosts, vec!["other.example".into()]);
        let summary = stage.work().await;
        assert_eq!((summary.skipped, summary.is_news, stage.cdn.total()), (1, true, 0), "{summary:?}");
        let told = "its host '127.0.0.1' is not among mirror.allowed_hosts (other.example)";
        assert_eq!(stage.asset("/photo/a.webp").await, format!("skipped|{told}"));
        stage.world.pass(Duration::from_secs(3600));
        let again = stage.work().await;
        assert_eq!((again.skipped, again.is_news), (1, false), "said once: {again:?}");
        stage.settings.mirror.allowed_hosts = allowed;
        assert_eq!(stage.work().await.saved, 1, "by the next run, however soon");
        assert_eq!(stage.asset("/photo/a.webp").await, "mirrored|∅");
    }

    async fn a_copy_whose_source_is_gone_is_no_failure_and_told_once(stage: Stage) {
        stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 900));
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 2);
        stage.cdn.take("/avatar/a.webp");
        for is_news in [true, false] {
            stage.world.pass(Duration::from_secs(8 * 86_400));
            let summary = stage.work().await;
            let told = (summary.gone, summary.unchanged, summary.failed, summary.is_news);
            assert_eq!(told, (1, 1, 0, is_news), "{summary:?}");
        }
        assert_eq!(stage.asset("/avatar/a.webp").await, "mirrored|the server answered 403");
        stage.assert_clean().await;
    }

    async fn the_same_bytes_again_are_nothing_new(stage: Stage) {
        stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 900));
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 2);
        stage.world.meddle("UPDATE assets SET etag = NULL, last_modified = NULL").await;
        stage.world.pass(Duration::from_secs(8 * 86_400));
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.bytes, summary.unchanged), (0, 0, 2), "{summary:?}");
        assert_eq!(stage.cdn.asked("/avatar/a.webp"), 2);
    }

    async fn what_a_clock_that_was_ahead_gave_up_is_fetched_while_its_link_lives(stage: Stage) {
        let right = stage.world.now();
        stage.sign_for(48);
        stage.photo("a", Thing::picture(1, 900));
        stage.poll().await;
        stage.world.set_clock(right.plus(Duration::from_secs(5 * 86_400)));
        assert_eq!(stage.work().await.gone, 1);
        stage.world.set_clock(right.plus(Duration::from_secs(3600)));
        assert_eq!(stage.work().await.saved, 1);
        assert_eq!(stage.asset("/photo/a.webp").await, "mirrored|∅");
    }

    async fn what_needs_no_signature_any_more_is_looked_at_again(stage: Stage) {
        stage.sign_for(48);
        stage.photo("a", Thing::picture(1, 900));
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 1);
        stage.world.pass(Duration::from_secs(3 * 86_400));
        stage.world.heygen.set_signed(fake::Kind::TalkingPhoto, "a", false);
        stage.photo_changes("a", Thing::picture(9, 900));
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 1);
        assert_eq!(stage.world.cell("SELECT count(*) FROM asset_versions").await, "2");
    }

    async fn a_new_link_is_a_new_chance(stage: Stage) {
        stage.sign_for(48);
        stage.photo("a", Thing::picture(1, 900).with(Fault::Status(404)));
        stage.poll().await;
        assert_eq!(stage.work().await.gone, 1);
        stage.cdn.mend("/photo/a.webp");
        stage.world.pass(Duration::from_secs(40 * 3600));
        stage.sign_for(100);
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 1);
        let row = "SELECT state, attempts, last_error FROM assets";
        assert_eq!(stage.world.cell(row).await, "mirrored|0|∅");
    }

    async fn unsigned_ones_are_looked_at_again_and_every_content_is_kept(stage: Stage) {
        stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 9_000));
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 2);
        stage.world.pass(Duration::from_secs(8 * 86_400));
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.unchanged), (0, 2), "{summary:?}");
        stage.world.pass(Duration::from_secs(8 * 86_400));
        stage.cdn.put("/avatar/a.webp", Thing::picture(3, 900));
        stage.cdn.put("/avatar/a.mp4", Thing::video(4, 900).with(Fault::Instead("<html>sorry")));
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.failed), (1, 1), "{summary:?}");
        assert_eq!(stage.world.cell("SELECT count(*) FROM asset_versions").await, "3");
        assert!(stage.asset("/avatar/a.mp4").await.starts_with("mirrored|the body is HTML"));
        assert_eq!(stage.place.files().len(), 3);
        stage.assert_clean().await;
    }

    async fn one_content_has_one_file(stage: Stage) {
        stage.sign_for(48);
        for id in ["a", "b", "c"] {
            stage.photo(id, Thing::picture(1, 900));
        }
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 3);
        assert_eq!(stage.place.files().len(), 1);
        assert_eq!(stage.world.cell("SELECT count(*) FROM asset_versions").await, "3");
    }

    async fn what_is_lost_spoiled_or_strange_is_found_and_repaired(stage: Stage) {
        stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 2_000_000));
        stage.avatar("b", Thing::picture(3, 900), Thing::video(4, 900));
        stage.poll().await;
        stage.work().await;
        let files = stage.place.files();
        let root = stage.place.root();
        let (lost, spoiled) = (root.join(&files[0]), root.join(&files[1]));
        std::fs::remove_file(&lost).unwrap();
        let mut bytes = std::fs::read(&spoiled).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&spoiled, bytes).unwrap();
        std::fs::write(root.join("sha256/stray.webp"), "stray").unwrap();
        let told: Vec<String> = stage.audit().await.findings.iter().map(ToString::to_string).collect();
        let expected = [
            format!("missing file {}", files[0]),
            format!("spoiled file {}", files[1]),
            "unknown file sha256/stray.webp".to_owned(),
        ];
        assert_eq!(told, expected);
        let now = stage.world.now();
        audit::repair(stage.world.store(), &stage.blobs, now).await.unwrap();
        assert_eq!(stage.work().await.saved, 2);
        std::fs::remove_file(root.join("sha256/stray.webp")).unwrap();
        stage.assert_clean().await;
        assert_eq!(stage.world.cell("SELECT count(*) FROM asset_versions").await, "4");
    }

    async fn only_what_nothing_needs_is_pruned(stage: Stage) {
        stage.avatar("keep", Thing::picture(1, 900), Thing::video(2, 900));
        stage.avatar("drop", Thing::picture(3, 900), Thing::video(2, 900));
        stage.poll().await;
        stage.work().await;
        stage.world.pass(Duration::from_secs(10 * 86_400));
        stage.world.heygen.remove(fake::Kind::Avatar, "drop");
        stage.poll().await;
        stage.world.pass(Duration::from_secs(40 * 86_400));
        let now = stage.world.now();
        let days = |days: u64| now.minus(Duration::from_secs(days * 86_400));
        let blobs = stage.blobs.clone();
        let none = audit::prune(stage.world.store(), &blobs, days(45), now, false).await.unwrap();
        assert_eq!(none.files, Vec::<String>::new());
        let dry = audit::prune(stage.world.store(), &blobs, days(30), now, true).await.unwrap();
        assert_eq!((dry.files.len(), dry.bytes, stage.place.files().len()), (1, 900, 3));
        let done = audit::prune(stage.world.store(), &blobs, days(30), now, false).await.unwrap();
        assert_eq!(done, dry);
        assert_eq!(stage.place.files().len(), 2);
        assert_eq!(stage.world.cell("SELECT count(*) FROM asset_versions WHERE pruned_at IS NOT NULL").await, "1");
        stage.assert_clean().await;
        let [picture, video] = [Thing::picture(3, 900), Thing::video(2, 900)];
        stage.avatar("drop", picture, video);
        stage.poll().await;
        stage.work().await;
        assert_eq!(stage.place.files().len(), 3);
        stage.assert_clean().await;
    }

    async fn a_hostile_list_gets_nowhere(stage: Stage) {
        let loopback = FakeCdn::start(stage.world.clock());
        loopback.put("/secret", Thing::picture(9, 900));
        let port = loopback.base.rsplit(':').next().unwrap().to_owned();
        let to = |host: &str| Fault::Redirect(format!("http://{host}:{port}/secret"));
        stage.avatar("a", Thing::picture(1, 900).with(to("localhost")), Thing::video(2, 900).with(to("[::1]")));
        stage.avatar("b", Thing::picture(1, 900).with(to("127.0.0.2")), Thing::video(2, 900).with(to("inside.test")));
        let elsewhere = [
            format!("http://127.0.0.3:{port}/secret"),
            format!("http://inside.test:{port}/secret"),
            format!("http://evil.example:{port}/secret"),
            format!("http://2130706434:{port}/secret"),
        ];
        for (n, url) in elsewhere.iter().enumerate() {
            let id = format!("c{n}");
            stage.world.heygen.add_photo(&id);
            stage.world.heygen.set_signed(fake::Kind::TalkingPhoto, &id, false);
            stage.world.heygen.set(fake::Kind::TalkingPhoto, &id, "preview_image_url", url.as_str());
        }
        stage.settings.mirror.allowed_hosts.push("*.test".into());
        let resolver = Names([("inside.test", "127.0.0.2:0")].into());
        stage.settings.resolver = Arc::new(resolver);
        stage.poll().await;
        let summary = stage.work().await;
        assert_eq!(summary.saved, 0, "{summary:?}");
        assert_eq!(loopback.total(), 0);
        let inside = "SELECT last_error FROM assets WHERE url LIKE 'http://inside.test%'";
        assert!(stage.world.cell(inside).await.contains("inside a network"));
        assert!(stage.asset("/avatar/b.mp4").await.contains("inside a network"));
        assert!(stage.asset("/avatar/a.webp").await.contains("not among mirror.allowed_hosts"));
        assert_eq!(stage.place.files(), Vec::<String>::new());
    }

    async fn a_signed_link_goes_out_byte_for_byte_or_not_at_all(stage: Stage) {
        let sent = "/a%7eb'c|d/~original?Expires=4000000000&Signature=a-_~b|{c}%7e&Key-Pair-Id=K";
        let kept = "/plain?Expires=4000000000&Signature=it's&Key-Pair-Id=K";
        for (id, link) in [("sent", sent), ("kept", kept)] {
            let (path, _) = link.split_once('?').unwrap();
            let url = stage.cdn.put(path, Thing::picture(link.len() as u64, 900));
            stage.world.heygen.add_photo(id);
            stage.world.heygen.set_signed(fake::Kind::TalkingPhoto, id, false);
            let link = url.replace(path, link);
            stage.world.heygen.set(fake::Kind::TalkingPhoto, id, "preview_image_url", link.as_str());
        }
        stage.poll().await;
        let summary = stage.work().await;
        assert_eq!((summary.saved, summary.skipped), (1, 1), "{summary:?}");
        assert!(stage.cdn.written("/a%7eb'c|d/~original").ends_with(sent));
        assert_eq!(stage.cdn.asked("/plain"), 0);
        assert!(stage.asset("/plain").await.contains("cannot be sent byte for byte"));
        assert_eq!(summary.reasons[0].host, "127.0.0.1");
        // A new link is tried again.
        let link = stage.cdn.put("/plain", Thing::picture(8, 900))
            + "?Expires=4100000000&Signature=its&Key-Pair-Id=K";
        stage.world.heygen.set(fake::Kind::TalkingPhoto, "kept", "preview_image_url", link.as_str());
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 1);
        assert_eq!(stage.asset("/plain").await, "mirrored|∅");
    }

    async fn what_is_not_wanted_is_left_out_until_it_is(stage: Stage) {
        stage.settings.mirror.videos = false;
        stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 900));
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 1);
        assert_eq!(stage.asset("/avatar/a.mp4").await, "skipped|∅");
        stage.settings.mirror.videos = true;
        assert_eq!(stage.work().await.saved, 1);
    }

    async fn pictures_of_groups_are_saved_and_samples_of_voices_where_they_are_wanted(stage: Stage) {
        let picture = stage.cdn.put("/group/g.webp", Thing::picture(1, 900));
        let sample = stage.cdn.put("/voice/v.mp3", Thing::sound(2, 900));
        stage.world.heygen.add_group("g");
        stage.world.heygen.add_voice("v", false);
        stage.world.heygen.lists(|lists| {
            lists.groups.get_mut("g").unwrap()["preview_image_url"] = picture.into();
            lists.voices.get_mut("v").unwrap()["preview_audio_url"] = sample.into();
        });
        for catalogue in [Catalogue::AvatarGroups, Catalogue::Voices] {
            assert_eq!(stage.world.poll_of(catalogue).await.row.outcome, "succeeded");
        }
        assert_eq!(stage.work().await.saved, 1);
        assert_eq!(stage.asset("/group/g.webp").await, "mirrored|∅");
        assert_eq!(stage.asset("/voice/v.mp3").await, "skipped|∅");
        stage.settings.mirror.audio = true;
        assert_eq!(stage.work().await.saved, 1);
        stage.assert_clean().await;
    }

    async fn a_whole_catalogue_is_saved_whatever_goes_wrong(stage: Stage) {
        let (pictures, videos, dying, every) = match std::env::var_os("HEYGEN_SYNC_TEST_FULL") {
            Some(_) => (8_000, 1_300, 1_000, 50),
            None => (160, 26, 40, 20),
        };
        let mut dice = fastrand::Rng::with_seed(11);
        let mut faults = BTreeMap::new();
        stage.sign_for(48);
        for n in 0..pictures + videos {
            let id = format!("x{n}");
            let size = if n < pictures { dice.usize(20_000..100_000) } else { dice.usize(400_000..3_000_000) };
            let thing = match n < pictures {
                true => Thing::picture(1_000 + n, size),
                false => Thing::video(1_000 + n, size),
            };
            let fault = match n % every {
                3 => [
                    Fault::Instead("<!DOCTYPE html><html>"),
                    Fault::Instead("<?xml version='1.0'?><Error/>"),
                    Fault::Instead(""),
                    Fault::CutOff,
                    Fault::Status(500),
                    Fault::Status(403),
                    Fault::Status(404),
                ]
                .get((n / every % 7) as usize)
                .cloned(),
                4 => Some(Fault::CutOnce),
                5 => Some(Fault::StatusOnce(503)),
                _ => None,
            };
            let lasting = fault.clone().filter(|f| !matches!(f, Fault::CutOnce | Fault::StatusOnce(_)));
            faults.extend(lasting.map(|fault| (id.clone(), fault)));
            stage.photo(&id, Thing { fault, ..thing });
        }
        stage.poll().await;
        let expires = "SELECT max(expires_at) FROM assets";
        let expires: heygen_sync::time::Timestamp = stage.world.cell(expires).await.parse().unwrap();
        stage.cdn.kill_links(pictures + videos - dying, expires.millis() / 1000);
        stage.sign_for(100);
        let started = std::time::Instant::now();
        let summary = stage.work().await;
        let total = pictures + videos;
        eprintln!("{total} assets: {:?} in {:?}", summary, started.elapsed());
        assert_eq!(summary.saved, total - faults.len() as u64, "{summary:?}");
        assert_eq!(summary.failed + summary.gone, faults.len() as u64);
        let refreshes = "SELECT count(*) FROM polls WHERE trigger = 'refresh'";
        assert_eq!(stage.world.cell(refreshes).await, "1");
        let reasons = "SELECT count(*) FROM assets WHERE state <> 'mirrored' AND last_error IS NULL";
        assert_eq!(stage.world.cell(reasons).await, "0");
        let audit = stage.audit().await;
        assert_eq!((audit.findings, audit.right), (vec![], summary.saved));
        let before = stage.cdn.all_asked();
        for id in faults.keys() {
            stage.cdn.mend(&format!("/photo/{id}.webp"));
        }
        stage.world.pass(Duration::from_secs(3600));
        let again = stage.work().await;
        // A link that was refused before its expiry is tried again, too.
        assert_eq!(again.saved, faults.len() as u64, "{again:?}");
        let after = stage.cdn.all_asked();
        let asked_again = after.iter().filter(|(path, count)| before.get(*path) != Some(*count));
        assert_eq!(asked_again.count() as u64, again.saved);
        stage.assert_clean().await;
    }
}

/// A resolver for the names and addresses of a test.
pub struct Names(pub BTreeMap<&'static str, &'static str>);

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let found = self.0.get(name.as_str()).map(|address| address.parse::<SocketAddr>().unwrap());
        Box::pin(async move { Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mirrors_share_a_queue_on_postgres_and_fetch_nothing_twice() {
    let mut stage = Stage::start(Engine::Postgres, Place::folder()).await;
    stage.sign_for(48);
    for n in 0..300 {
        stage.photo(&format!("p{n}"), Thing::picture(n, 3_000));
    }
    stage.poll().await;
    let mut other = stage.world.second().await;
    let (clock, settings, blobs) =
        (stage.world.clock(), stage.settings.clone(), stage.blobs.clone());
    let second = heygen_sync::mirror::run(
        &mut other,
        &clock,
        &settings,
        blobs,
        &|_| (),
        async |_: &mut _| Ok(()),
    );
    let first = stage.world.work_mirror(&stage.settings, &stage.blobs);
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap().saved + second.unwrap().saved, 300);
    assert!(stage.cdn.all_asked().values().all(|count| *count == 1));
    stage.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_file_system_keeps_for_itself_is_no_part_of_the_store() {
    let mut stage = Stage::start(Engine::Sqlite, Place::folder()).await;
    stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 900));
    stage.poll().await;
    stage.work().await;
    let root = stage.place.root();
    std::fs::create_dir(root.join("lost+found")).unwrap();
    std::fs::write(root.join("lost+found/#12"), "found").unwrap();
    std::fs::create_dir(root.join("other")).unwrap();
    std::fs::write(root.join("other/a"), "stray").unwrap();
    std::fs::write(root.join("stray"), "stray").unwrap();
    std::fs::write(root.join("stray#"), "stray").unwrap();
    let audit = stage.audit().await;
    let told: Vec<String> = audit.findings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["unknown file other/a", "unknown file stray"]);
    assert_eq!(audit.right, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_whose_clocks_differ_by_minutes_fetch_nothing_twice() {
    let mut stage = Stage::start(Engine::Postgres, Place::folder()).await;
    // Leases use the clock of the server, which is the system's.
    stage.world.set_clock(Clock::system().now());
    stage.sign_for(48);
    for n in 0..300 {
        stage.photo(&format!("p{n}"), Thing::picture(n, 3_000));
    }
    stage.poll().await;
    let mut other = stage.world.second().await;
    let ahead = stage.world.now().plus(Duration::from_secs(5 * 60));
    let ahead = Clock::new(move || ahead);
    let (settings, blobs) = (stage.settings.clone(), stage.blobs.clone());
    let second = async {
        let begun = std::time::Instant::now();
        while stage.cdn.total() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(120), "nobody began");
            tokio::task::yield_now().await;
        }
        let nobody = async |_: &mut _| Ok(());
        heygen_sync::mirror::run(&mut other, &ahead, &settings, blobs, &|_| (), nobody).await
    };
    let first = stage.world.work_mirror(&stage.settings, &stage.blobs);
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap().saved + second.unwrap().saved, 300);
    assert!(stage.cdn.all_asked().values().all(|count| *count == 1));
    let far = Clock::new(|| Timestamp::from_millis(0));
    assert_eq!(other.clock_ahead(&far).await.unwrap(), 0);
}

/// Contents that were no longer needed are needed again while they are pruned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_beside_a_mirror_takes_nothing_away_that_it_needs() {
    for place in [Place::folder(), Place::s3()] {
        let mut stage = Stage::start(Engine::Postgres, place).await;
        stage.avatar("stays", Thing::picture(999, 900), Thing::video(998, 900));
        for n in 0..40 {
            stage.photo(&format!("old{n}"), Thing::picture(n, 900));
        }
        stage.poll().await;
        assert_eq!(stage.work().await.saved, 42);
        (0..40)
            .for_each(|n| stage.world.heygen.remove(fake::Kind::TalkingPhoto, &format!("old{n}")));
        stage.world.pass(Duration::from_secs(86_400));
        stage.world.accepted = Accepted::All;
        stage.poll().await;
        stage.world.pass(Duration::from_secs(40 * 86_400));
        for n in 0..40 {
            stage.photo(&format!("new{n}"), Thing::picture(n, 900));
        }
        stage.poll().await;
        let now = stage.world.now();
        let since = now.minus(Duration::from_secs(86_400));
        let mut other = stage.world.second().await;
        let blobs = stage.blobs.clone();
        let prune = async {
            let begun = std::time::Instant::now();
            while stage.cdn.asked("/photo/new5.webp") == 0 {
                assert!(begun.elapsed() < Duration::from_secs(120), "nobody asked for it");
                tokio::task::yield_now().await;
            }
            audit::prune(&mut other, &blobs, since, now, false).await
        };
        let (pruned, worked) =
            tokio::join!(prune, stage.world.work_mirror(&stage.settings, &stage.blobs));
        pruned.unwrap();
        worked.unwrap();
        stage.assert_clean().await;
        let whole = "SELECT count(*) FROM assets WHERE url LIKE '%/new%' AND state = 'mirrored'";
        assert_eq!(stage.world.cell(whole).await, "40");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_files_are_removed_a_mirror_waits_with_what_it_writes_down() {
    let mut stage = Stage::start(Engine::Postgres, Place::folder()).await;
    stage.photo("one", Thing::picture(1, 900));
    stage.poll().await;
    let mut other = stage.world.second().await;
    stage.world.store().begin_removing(&[]).await.unwrap();
    assert_eq!(other.settle(&[]).await.unwrap(), None);
    let (clock, settings, blobs) =
        (stage.world.clock(), stage.settings.clone(), stage.blobs.clone());
    let refresh = async |_: &mut _| Ok(());
    let mirror = heygen_sync::mirror::run(&mut other, &clock, &settings, blobs, &|_| (), refresh);
    let saved = "SELECT count(*) FROM assets WHERE state = 'mirrored'";
    let removing = async {
        while stage.place.files().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(stage.world.cell(saved).await, "0");
        stage.world.store().end_removing().await.unwrap();
    };
    let (summary, ()) = tokio::join!(mirror, removing);
    assert_eq!(summary.unwrap().saved, 1);
    assert_eq!(stage.world.cell(saved).await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_missing_while_it_was_looked_at_again_is_not_taken_for_there() {
    let mut stage = Stage::start(Engine::Postgres, Place::folder()).await;
    stage.avatar("a", Thing::picture(1, 900), Thing::video(2, 900));
    stage.poll().await;
    assert_eq!(stage.work().await.saved, 2);
    stage.world.pass(Duration::from_secs(30 * 86_400));
    let (now, wanted) = (stage.world.now(), Wanted { pictures: true, videos: true, audio: true });
    let mut other = stage.world.second().await;
    let leased = other.lease(wanted, 9, &Default::default(), now, now).await.unwrap();
    let files = stage.place.files();
    stage.world.store().queue_again(&files, now).await.unwrap();
    // As after an answer "not modified".
    let unchanged: Vec<Settled> = leased.into_iter().map(Settled::from).collect();
    assert_eq!(unchanged.len(), 2);
    assert_eq!(other.settle(&unchanged).await.unwrap(), Some(vec![]));
    let queued = "SELECT count(*) FROM assets WHERE state = 'pending' AND file IS NULL";
    assert_eq!(stage.world.cell(queued).await, "2");
}

/// The one order of events that only the mark reveals: stored, pruned, recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pruned_before_it_is_written_down_is_told() {
    let mut stage = Stage::start(Engine::Postgres, Place::folder()).await;
    stage.photo("old", Thing::picture(1, 900));
    stage.photo("new", Thing::picture(2, 900));
    stage.poll().await;
    assert_eq!(stage.work().await.saved, 2);
    let files = stage.place.files();
    let now = stage.world.now();
    stage.world.meddle("UPDATE asset_versions SET pruned_at = fetched_at").await;
    let store = stage.world.store();
    assert_eq!(store.begin_removing(&files).await.unwrap(), Vec::<String>::new());
    store.end_removing().await.unwrap();
    stage
        .world
        .meddle("UPDATE assets SET file = NULL, state = 'pending', next_attempt_at = NULL")
        .await;
    let wanted = Wanted { pictures: true, videos: true, audio: true };
    let store = stage.world.store();
    let leased = store.lease(wanted, 9, &Default::default(), now, now).await.unwrap();
    let settled: Vec<Settled> = leased
        .into_iter()
        .zip(&files)
        .map(|(asset, file)| Settled {
            asset: Asset { file: Some(file.clone()), state: AssetState::Mirrored, ..asset },
            new_content: false,
            distrusted: false,
            stored: true,
        })
        .collect();
    let mut doubtful = store.settle(&settled).await.unwrap().unwrap();
    doubtful.sort();
    assert_eq!(doubtful, files);
    store.requeue_lost(&files[..1]).await.unwrap();
    let lost = "SELECT count(*) FROM assets WHERE state = 'pending' AND file IS NULL";
    assert_eq!(stage.world.cell(lost).await, "1");
}

#[tokio::test]
async fn a_second_mirror_of_a_file_is_left_out() {
    let mut stage = Stage::start(Engine::Sqlite, Place::folder()).await;
    let _held = stage.world.second().await.lock_queue().unwrap();
    let error = stage.world.work_mirror(&stage.settings, &stage.blobs).await.unwrap_err();
    assert_eq!(error.kind, Kind::Busy);
}
