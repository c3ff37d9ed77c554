//! The gallery: its database, its settings, the responses that it caches.

use std::{sync::Arc, time::Duration};

use super::{cache::Cached, previews::Previews, security::Access};
use crate::{
    catalog::kind::Kind,
    metrics::Configured,
    mirror::Blobs,
    store::{
        Location,
        browse::{Reader, cube::FacetCounts},
    },
    time::Clock,
};

/// How the gallery is served.
#[derive(Clone)]
pub struct GallerySettings {
    /// Who has access.
    pub access: Access,
    /// The files of the mirror; `None` while the mirror is off.
    pub files: Option<Arc<Blobs>>,
    /// The fetcher of previews that the mirror does not have; `None` if none are fetched.
    pub previews: Option<Arc<Previews>>,
    /// The program and its flags for this database, quoted for a shell: the start of every command on a
    /// page. Never contains a password.
    pub program: String,
    /// How long a client of an export may pause reading before the export is aborted.
    pub patience: Duration,
}

impl GallerySettings {
    /// Creates the settings for a program without flags.
    pub fn new(access: Access, files: Option<Arc<Blobs>>) -> Self {
        let patience = Duration::from_secs(30);
        Self { access, files, previews: None, program: "heygen-sync".into(), patience }
    }
}

/// The gallery.
pub struct App {
    pub(super) reader: Reader,
    pub(super) settings: GallerySettings,
    pub(super) clock: Clock,
    /// The facet counts of lists, by query and database state.
    pub(super) facets: Cached<FacetCounts>,
    /// The numbers of items that searches find in several kinds, by query and database state.
    pub(super) found: Cached<Vec<(Kind, i64)>>,
    /// The texts that similar searches are made from, by account, time and database state.
    pub(super) texts: Cached<Vec<(Kind, String)>>,
    /// Pages, by their tags: between two polls, the same page is rendered once.
    pub(super) pages: Cached<String>,
    /// The configured catalogues and receivers, which have metrics even before their first poll.
    pub configured: Configured,
}

/// The number of lists whose facets are cached, and of searches.
const LISTS: usize = 64;

/// The number of cached pages.
const PAGES: usize = 48;
/// The maximum size of a cached page, in bytes.
pub(super) const PAGE_BYTES: usize = 128 * 1024;

impl App {
    /// Creates a gallery of the database at `location`.
    pub fn new(location: Location, settings: GallerySettings, clock: Clock) -> Self {
        Self {
            reader: Reader::new(location),
            settings,
            clock,
            facets: Cached::new(LISTS),
            found: Cached::new(LISTS),
            texts: Cached::new(1),
            pages: Cached::new(PAGES),
            configured: Configured::default(),
        }
    }
}
