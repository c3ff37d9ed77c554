//! `/`: one sentence, what is held, the chart, the newest, what is about to vanish, what changed.

use std::time::Duration;

use askama::Template;

use super::{
    chart,
    diffs::{ChangeView, Is, folded},
    failure::Failure,
    page::{Context, Link, Pic, Shell},
    params::By,
    polls::{Held, held},
    response::render,
    route::View,
    timeline::{Charts, back, charts},
    words,
};
use crate::{
    catalog::kind::Kind,
    store::browse::{
        Reading,
        changes::ChangesFilter,
        overview::{Brief, Lists},
        polls::Day,
    },
    time::Timestamp,
};

/// So many changed items are enough to choose four lines from.
const MANY: i64 = 100;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    shell: Shell,
    avatars: Link,
    photos: Link,
    /// Whether no item was added or removed in the week.
    same_items: bool,
    /// What happened in the week.
    news: Vec<Link>,
    missing: Vec<Link>,
    /// Of the missing.
    verb: &'static str,
    week: &'static str,
    held: Option<Held>,
    charts: Charts,
    per_day: String,
    newest: Vec<BriefView>,
    all_new: Link,
    vanishing: Vec<BriefView>,
    all_missing: Vec<Link>,
    at_risk: Vec<Link>,
    only_held: bool,
    changes: Vec<(String, ChangeView)>,
    all_changes: Link,
}

/// Seven days are today and the six before it.
const WEEK: i64 = 6;

/// An item on the front page.
pub struct BriefView {
    href: String,
    name: String,
    id: String,
    pic: Pic,
    text: String,
    when: String,
}

/// The numbers of the front page's sentence.
pub struct Numbers {
    /// Current avatars and talking photos.
    pub current: [i64; 2],
    /// Missing ones.
    pub missing: [i64; 2],
    /// What happened in the last seven days.
    pub week: Day,
}

/// The front page.
pub async fn page(context: &Context<'_>, reading: &mut Reading) -> Result<String, Failure> {
    let (account, at) = (context.account.as_str(), context.place.at());
    let reference = context.reference();
    let days = half_year(context, reading).await?;
    let numbers = numbers(context, reading, &days).await?;
    let lists = reading.front(account, at, context.first_poll_at(), context.now).await?;
    let week_start = back(reference, WEEK);
    let changes = changes(context, reading, &lists).await?;
    let from = words::day(week_start);
    let since = |change: &str| {
        context.href("/changes", &[("change", change.to_owned()), ("from", from.clone())])
    };
    let list =
        |kind: Kind, own: &[(&str, String)]| context.href(super::route::list_path(kind), own);
    let of_missing = |kind: Kind| {
        let text = match numbers.missing.iter().all(|count| *count > 0) {
            true => format!("{} {}", words::number(numbers.missing[kind.index()]), kind.plural),
            false => format!("All {}", words::number(numbers.missing[kind.index()])),
        };
        Link::new(list(kind, &[("listed", "missing".into())]), text)
    };
    let missing = |kind: Kind| {
        let count = numbers.missing[kind.index()];
        let text = words::counted(count, kind.singular, kind.plural);
        Link::new(list(kind, &[("listed", "missing".into())]), text)
    };
    let is_missing = |kind: &Kind| numbers.missing[kind.index()] > 0;
    let risky = |kind: &Kind| lists.expiring.iter().any(|brief| brief.kind == *kind);
    let spans = chart::spans(
        &days,
        back(reference, 26 * 7 - 1).max(words::start_of_day(context.first_poll_at())),
        reference,
        By::Week,
        reference,
    );
    let week = &numbers.week;
    render(&Page {
        shell: Shell::new(context, &View::Overview, "Overview"),
        avatars: Link::new(
            list(Kind::AVATAR, &[]),
            words::counted(numbers.current[0], "avatar", "avatars"),
        ),
        photos: Link::new(
            list(Kind::TALKING_PHOTO, &[]),
            words::counted(numbers.current[1], "talking photo", "talking photos"),
        ),
        same_items: week.added + week.removed == 0,
        news: [
            (week.added, "added"),
            (week.removed, "removed"),
            (week.restored, "restored"),
            (week.changed, "changed"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, change)| {
            Link::new(since(change), format!("{} {change}", words::number(count)))
        })
        .collect(),
        missing: Kind::ALL.into_iter().filter(is_missing).map(missing).collect(),
        verb: if numbers.missing.iter().sum::<i64>() == 1 { "is" } else { "are" },
        week: if at.is_some() { "In the seven days before" } else { "In the last seven days" },
        held: held(context, &context.good.row),
        charts: charts(context, &spans, 13),
        per_day: context.href("/timeline", &[("by", "day".into())]),
        newest: lists.newest.iter().map(|brief| brief_view(context, brief, "")).collect(),
        all_new: Link::new(context.href("/changes", &[("change", "added".into())]), "All"),
        only_held: after_polls(context) == 1,
        vanishing: vanishing(context, &lists),
        all_missing: Kind::ALL.into_iter().filter(is_missing).map(of_missing).collect(),
        at_risk: Kind::ALL
            .into_iter()
            .filter(risky)
            .map(|kind| {
                let text = format!("{} with pictures at risk", kind.plural);
                Link::new(list(kind, &[("picture", "risk".into())]), text)
            })
            .collect(),
        changes,
        all_changes: Link::new(since("changed"), format!("All {}", words::number(week.changed))),
    })
}

async fn half_year(context: &Context<'_>, reading: &mut Reading) -> Result<Vec<Day>, Failure> {
    let to = context.reference();
    let until = to.plus(Duration::from_millis(1));
    Ok(reading.days(&context.account, back(to, 26 * 7), until).await?)
}

async fn numbers(
    context: &Context<'_>,
    reading: &mut Reading,
    days: &[Day],
) -> Result<Numbers, Failure> {
    let counts = reading.counts(&context.account, context.place.at()).await?;
    let from = words::day(back(context.reference(), WEEK));
    let mut week = Day { day: from.clone(), ..Day::default() };
    for day in days.iter().filter(|day| day.day >= from) {
        week.added += day.added;
        week.changed += day.changed;
        week.removed += day.removed;
        week.restored += day.restored;
    }
    Ok(Numbers {
        current: counts.map(|count| count.current),
        missing: counts.map(|count| count.missing),
        week,
    })
}

/// The numbers of the front page, for its export.
pub async fn summary(context: &Context<'_>, reading: &mut Reading) -> Result<Numbers, Failure> {
    let days = half_year(context, reading).await?;
    numbers(context, reading, &days).await
}

async fn changes(
    context: &Context<'_>,
    reading: &mut Reading,
    lists: &Lists,
) -> Result<Vec<(String, ChangeView)>, Failure> {
    let filter = ChangesFilter { change: Some("changed".into()), ..ChangesFilter::default() };
    // After a poll that changed much no older one is looked at.
    let mut seen = 0;
    let enough = |(_, _, items): &&(i64, Timestamp, i64)| {
        let look = seen < MANY;
        seen += items;
        look
    };
    let polls: Vec<&(i64, Timestamp, i64)> = lists.changed.iter().take_while(enough).collect();
    let ids: Vec<i64> = polls.iter().map(|(poll, ..)| *poll).collect();
    let lines = reading.lines(&context.account, &ids, &filter).await?;
    let mut views = vec![];
    for (poll, at, _) in polls {
        let own: Vec<_> = lines.iter().filter(|line| line.poll_id == *poll).cloned().collect();
        let day = words::short_date(*at, context.reference());
        views.extend(folded(context, &own).into_iter().map(|view| (day.clone(), view)));
    }
    views.truncate(4);
    Ok(views)
}

/// After how many polls without an item its removal is believed.
fn after_polls(context: &Context<'_>) -> i64 {
    let policy = context.good.row.policy.as_ref().map_or("{}", |policy| &policy.0);
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap_or_default();
    policy.get("after_polls").and_then(serde_json::Value::as_i64).unwrap_or(1)
}

/// Missing items and when they go; then pictures that are not kept and whose link expires.
fn vanishing(context: &Context<'_>, lists: &Lists) -> Vec<BriefView> {
    let after = after_polls(context);
    let held = context.good.row.counts.is_some_and(|counts| counts.held > 0);
    let missing = lists.missing.iter().map(|brief| {
        let since =
            brief.at.map(|at| words::short_date(at, context.reference())).unwrap_or_default();
        let when = match after - brief.polls {
            left if left <= 0 && held => "held back".into(),
            left if left <= 1 => "goes at the next poll".to_owned(),
            left => format!("goes in {}", words::counted(left, "poll", "polls")),
        };
        let mut view = brief_view(context, brief, &format!("not listed since {since}"));
        view.when = when;
        view
    });
    let same = |a: &Brief, b: &Brief| a.kind == b.kind && a.id == b.id;
    let what = |brief: &Brief, of: &[Brief]| of.iter().any(|other| same(other, brief));
    let videos = lists.expiring_videos.iter().filter(|brief| !what(brief, &lists.expiring));
    let mut expiring: Vec<&Brief> = lists.expiring.iter().chain(videos).collect();
    expiring.sort_by_key(|brief| brief.at);
    let expiring = expiring.into_iter().map(|brief| {
        let picture = what(brief, &lists.expiring);
        let word = match (picture, what(brief, &lists.expiring_videos)) {
            (true, true) => "picture and video not mirrored",
            (true, false) => "picture not mirrored",
            (false, _) => "video not mirrored",
        };
        let mut view = brief_view(context, brief, word);
        view.when = brief.at.map_or(String::new(), |at| {
            let hours = (at.millis() - context.now.millis()) / 3_600_000;
            format!("its link expires in {}", words::counted(hours.max(1), "hour", "hours"))
        });
        view
    });
    missing.take(4).chain(expiring.take(4)).collect()
}

fn brief_view(context: &Context<'_>, brief: &Brief, text: &str) -> BriefView {
    let name = brief.name.as_deref().unwrap_or("");
    BriefView {
        href: context.item(brief.kind, &brief.id),
        name: words::tile_name(name),
        id: brief.id.clone(),
        pic: Pic::new(
            brief.image.as_deref().filter(|_| !context.without_mirror()),
            brief.kind,
            if name.is_empty() { &brief.id } else { name },
            "",
        ),
        text: text.to_owned(),
        when: String::new(),
    }
}
