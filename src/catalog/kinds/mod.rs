//! The kinds, one file for each catalogue.

mod avatar_group;
mod looks;
mod voice;

use super::description::Description;

/// Every kind, in the order in which kinds are always listed.
pub(super) static ALL: [&Description; 4] =
    [&looks::AVATAR, &looks::TALKING_PHOTO, &avatar_group::AVATAR_GROUP, &voice::VOICE];
