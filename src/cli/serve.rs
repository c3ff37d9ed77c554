//! `serve`: the gallery.

use std::sync::Arc;

use clap::Args;

use super::{Context, output::note};
use crate::{
    error::{Error, Result},
    metrics,
    mirror::{guard, request::Requests},
    system::Stop,
    web::{
        self, App, GallerySettings,
        previews::{self, PreviewFolder, Previews},
        security::Access,
    },
};

/// Show the catalogue in a browser: pictures, history, changes, polls
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Listen at this address; overrides the configured one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

impl ServeArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let (config, _, location) = context.config()?;
        let mut serve = config.serve.clone();
        serve.listen = self.listen.unwrap_or(serve.listen);
        let address = serve.address()?;
        let guard = Access {
            token: serve.token(&context.sources)?,
            behind_proxy: serve.behind_proxy,
            hosts: serve.hosts.clone(),
        };
        // Stored pictures are shown even if the mirror is off; its settings may then be invalid.
        let files = match super::stores::blobs(&config, context) {
            Err(error) if config.mirror.enabled => return Err(error),
            files => files.ok(),
        };
        let mut settings = GallerySettings::new(guard, files);
        if serve.fetches_previews(address) {
            let (resolver, most) = (Arc::new(guard::System), serve.preview_cache);
            let longest = (previews::longest(most), "half of serve.preview_cache, 64 MiB at most,");
            let requests = Requests::new(&config.mirror, resolver, longest, &context.clock)?;
            let folder = serve.preview_cache_folder.as_ref().map(|folder| {
                let root = context.sources.working_dir.join(folder);
                PreviewFolder::open(&root, serve.preview_cache_folder_size)
            });
            let previews = Previews::new(requests, most, folder.transpose()?);
            settings.previews = Some(Arc::new(previews));
        }
        settings.program = context.program();
        let mut app = App::new(location, settings, context.clock.clone());
        app.configured = metrics::Configured::of(&config);
        let quiet = context.quiet;
        let listening = move |address| {
            if !quiet {
                note(format_args!(
                    "heygen-sync: the gallery is at http://{address}/ (stop with Ctrl-C)"
                ));
            }
        };
        let cannot = |fault| Error::unforeseen(format!("cannot wait for signals: {fault}"));
        let mut stop = Stop::new().map_err(cannot)?;
        web::serve(app, address, listening, async move { stop.requested().await }).await?;
        Ok(0)
    }
}
