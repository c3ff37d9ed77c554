//! heygen-sync keeps a faithful local copy, with history, of what HeyGen offers to an account.
pub mod catalog;
pub mod error;
pub mod heygen;
pub mod time;
