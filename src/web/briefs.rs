//! The items on the front page, and when they or their pictures will be lost.

use super::{
    context::PageContext,
    pic::{OfItem, Pic},
    words,
};
use crate::store::{
    browse::overview::{Brief, Lists},
    row::{PollRow, policy_of},
};

/// An item on the front page.
pub struct BriefView {
    /// The URL of its page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its picture.
    pub pic: Pic,
    /// A remark.
    pub text: String,
    /// When it will be lost.
    pub when: String,
}

/// Returns the number of consecutive polls without an item after which it is removed, as of a poll.
pub fn after_polls(poll: &PollRow) -> i64 {
    let policy = poll.policy.as_ref().and_then(|policy| policy_of(&policy.0));
    policy.map_or(1, |policy| i64::from(policy.after_polls))
}

/// Returns missing items and when they are removed, then items whose preview is not stored and expires.
pub fn vanishing(context: &PageContext<'_>, lists: &Lists) -> Vec<BriefView> {
    let missing = lists.missing.iter().take(4).map(|brief| {
        let poll = context.polls.last_of(brief.kind.catalogue).unwrap_or(&context.good);
        let held = poll.counts.is_some_and(|counts| counts.held > 0);
        let since =
            brief.at.map(|at| words::short_date(at, context.reference())).unwrap_or_default();
        let when = match after_polls(poll) - brief.polls {
            left if left <= 0 && held => "held".into(),
            left if left <= 1 => "removed at the next poll".to_owned(),
            left => format!("removed in {left} polls"),
        };
        let mut view = brief_view(context, brief, &format!("not listed since {since}"));
        view.when = when;
        view
    });
    let in_list = |brief: &Brief, list: &[Brief]| {
        list.iter().any(|other| other.kind == brief.kind && other.id == brief.id)
    };
    let videos = lists.expiring_videos.iter().filter(|brief| !in_list(brief, &lists.expiring));
    let mut expiring: Vec<&Brief> = lists.expiring.iter().chain(videos).collect();
    expiring.sort_by_key(|brief| brief.at);
    let expiring = expiring.into_iter().map(|brief| {
        let [picture, video] =
            [&lists.expiring, &lists.expiring_videos].map(|list| in_list(brief, list));
        let text = match (picture, video) {
            (true, true) => "picture and video not mirrored",
            (true, false) => "picture not mirrored",
            (false, _) => "video not mirrored",
        };
        let mut view = brief_view(context, brief, text);
        view.when = brief.at.map_or(String::new(), |at| {
            let hours = (at.millis() - context.now.millis()) / 3_600_000;
            format!("its link expires in {}", words::counted(hours.max(1), "hour", "hours"))
        });
        view
    });
    missing.chain(expiring.take(4)).collect()
}

/// Returns the view of an item with a remark.
pub fn brief_view(context: &PageContext<'_>, brief: &Brief, text: &str) -> BriefView {
    let name = brief.name.as_deref().unwrap_or("");
    let item = OfItem { kind: brief.kind, id: &brief.id, version: brief.version };
    BriefView {
        href: context.item(brief.kind, &brief.id),
        name: words::tile_name(name),
        id: brief.id.clone(),
        pic: Pic::of(context, item, Some(name), &brief.image),
        text: text.to_owned(),
        when: String::new(),
    }
}
