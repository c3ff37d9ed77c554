//! The pure core.
pub mod signed_url;
