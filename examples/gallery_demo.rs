//! Serves the gallery of a made-up catalogue, standing still on one day: for screenshots and for a
//! look. `cargo run --example gallery_demo [ADDRESS:PORT]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/demo/mod.rs"]
mod demo;

use heygen_sync::{
    store::Location,
    web::{
        self,
        app::{App, GallerySettings},
        security::Access,
    },
};

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8087".into());
    let home = tempfile::tempdir().expect("a folder");
    let location = Location::Sqlite(home.path().join("demo.db"));
    let files = home.path().join("mirror");
    demo::seed(&location, &files, demo::FULL).await;
    let guard = Access { token: None, behind_proxy: false, hosts: vec![] };
    let settings = GallerySettings::new(guard, demo::blobs(&files));
    let app = App::new(location, settings, demo::clock());
    let address = address.parse().expect("an address and a port");
    let listening = |address| eprintln!("the demo is at http://{address}/");
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    web::serve(app, address, listening, stop).await.expect("serves");
}
