//! A change for people: which words differ, in a line or in two columns; changes that many items
//! share said once. Pure.

use std::collections::BTreeMap;

use super::{
    page::{Context, Link, Pic},
    words::{self, Piece},
};
use crate::{catalog::kind::Kind, store::browse::changes::Line};

/// A run of text in a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What it is.
    pub is: Is,
    /// The text.
    pub text: String,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// It stayed.
    Same,
    /// It went.
    Was,
    /// It came.
    Now,
    /// There is none.
    Nothing,
}

impl Mark {
    fn new(is: Is, text: &str) -> Self {
        Self { is, text: words::exact_inside(text) }
    }
}

/// A value for people: an array of texts as these, all else as it is.
pub fn shown(value: &str) -> String {
    match value.starts_with('[') {
        true => serde_json::from_str::<Vec<String>>(value)
            .map_or_else(|_| value.to_owned(), |texts| texts.join(", ")),
        false => value.to_owned(),
    }
}

/// The old value and the new one, each with what differs marked.
pub fn columns(old: Option<&str>, new: Option<&str>) -> [Vec<Mark>; 2] {
    let (old, new) = (old.map(shown), new.map(shown));
    match (&old, &new) {
        (Some(old), Some(new)) => {
            let (old, new) = words::without_host(old, new);
            let (a, b) = words::compared(old, new);
            [marked(&a, Is::Was), marked(&b, Is::Now)]
        }
        (old, new) => [alone(old.as_deref(), Is::Was), alone(new.as_deref(), Is::Now)],
    }
}

fn alone(text: Option<&str>, is: Is) -> Vec<Mark> {
    vec![match text {
        None => Mark { is: Is::Nothing, text: "nothing".into() },
        Some("") => Mark { is, text: "(empty)".into() },
        Some(text) => Mark { is, text: words::exact(text) },
    }]
}

fn marked(pieces: &[Piece], is: Is) -> Vec<Mark> {
    let mark = |piece: &Piece| Mark::new(if piece.same { Is::Same } else { is }, &piece.text);
    let marks: Vec<Mark> = pieces.iter().map(mark).collect();
    match marks.iter().all(|mark| mark.text.is_empty()) {
        true => alone(Some(""), is),
        false => marks,
    }
}

/// Both values in one line: what stayed once, what went before what came.
pub fn inline(old: Option<&str>, new: Option<&str>) -> Vec<Mark> {
    let [old, new] = columns(old, new);
    let mut line = vec![];
    let mut new = new.into_iter().peekable();
    for mark in old {
        match mark.is {
            Is::Same => {
                while let Some(came) = new.next_if(|mark| mark.is != Is::Same) {
                    line.push(came);
                }
                new.next();
                line.push(mark);
            }
            _ => line.push(mark),
        }
    }
    line.extend(new);
    line
}

/// A line of the change feed as it is shown.
pub struct ChangeView {
    /// The picture of the item, or of the first of them.
    pub pic: Pic,
    /// Its name, or how many there are.
    pub who: String,
    /// Its page, where it is one.
    pub href: Option<String>,
    /// `+`, `~`, `−` or `↺`.
    pub sign: &'static str,
    /// `added`, `changed`, `removed` or `restored`, which is its class too.
    pub word: String,
    /// What happened, field by field.
    pub hows: Vec<How>,
    /// All of them.
    pub more: Option<Link>,
}

/// What happened to a field, or in words.
pub struct How {
    /// The field; empty where words say it all.
    pub field: String,
    /// Old and new.
    pub marks: Vec<Mark>,
    /// Words.
    pub text: String,
    /// Where to see it.
    pub link: Option<Link>,
}

/// The sign of a change.
pub fn sign(change: &str) -> &'static str {
    match change {
        "added" => "+",
        "changed" => "~",
        "removed" => "−",
        _ => "↺",
    }
}

/// So many lines of items added or removed stand apart; more are one line.
const FEW: usize = 5;

/// The lines of one poll: what many items share once, items added or removed by their first word.
pub fn folded(context: &Context<'_>, lines: &[Line]) -> Vec<ChangeView> {
    let mut groups: BTreeMap<(usize, Kind), Vec<&Line>> = BTreeMap::new();
    let order = |change: &str| match change {
        "changed" => 0,
        "restored" => 1,
        "added" => 2,
        _ => 3,
    };
    for line in lines {
        groups.entry((order(&line.change), line.kind)).or_default().push(line);
    }
    let mut views = vec![];
    for lines in groups.into_values() {
        let (fields, whole): (Vec<&Line>, Vec<&Line>) =
            lines.into_iter().partition(|line| line.field.is_some());
        match whole.is_empty() {
            true => views.extend(changed(context, &fields)),
            false => views.extend(came_or_went(context, &whole, &fields)),
        }
    }
    views
}

fn changed(context: &Context<'_>, lines: &[&Line]) -> Vec<ChangeView> {
    let mut views: Vec<ChangeView> = vec![];
    let mut alone: Vec<(&str, usize)> = vec![];
    let mut told = 0;
    for line in lines {
        told += line.same;
        let known = alone.iter().find(|(id, _)| *id == line.item_id).map(|(_, at)| *at);
        match known {
            Some(at) if line.same == 1 => views[at].hows.push(how(context, line)),
            _ => {
                if line.same == 1 {
                    alone.push((&line.item_id, views.len()));
                }
                views.push(view(context, line, line.same, vec![how(context, line)]));
            }
        }
    }
    if let Some(line) = lines.first()
        && line.all > told
    {
        let rest = line.all - told;
        let mut view = view(context, line, rest, vec![]);
        view.href = None;
        view.who = words::counted(rest, "more change", "more changes");
        view.more = Some(all_link(context, line, false, "Show all"));
        views.push(view);
    }
    views
}

fn came_or_went(context: &Context<'_>, lines: &[&Line], fields: &[&Line]) -> Vec<ChangeView> {
    let Some(first) = lines.first() else { return vec![] };
    let mut words: Vec<(&str, Vec<&Line>)> = vec![];
    for line in lines {
        let word = line.name.as_deref().unwrap_or("").split_whitespace().next().unwrap_or("");
        match words.iter_mut().find(|(known, _)| *known == word && !word.is_empty()) {
            Some((_, same)) => same.push(line),
            None => words.push((word, vec![line])),
        }
    }
    if words.len() > FEW || first.all > lines.len() as i64 {
        let mut one = view(context, first, first.all, vec![]);
        one.more = Some(all_link(
            context,
            first,
            false,
            &format!("Show all {}", words::number(first.all)),
        ));
        return vec![one];
    }
    let mut views = vec![];
    for (word, same) in words {
        let line = same[0];
        let mut hows = vec![How {
            field: String::new(),
            marks: vec![],
            text: remark(context, line),
            link: None,
        }];
        if same.len() == 1 {
            let own =
                fields.iter().filter(|field| field.item_id == line.item_id && field.same == 1);
            hows.extend(own.map(|field| how(context, field)));
        }
        hows.retain(|how| !how.text.is_empty() || !how.field.is_empty());
        let mut one = view(context, line, same.len() as i64, hows);
        if same.len() > 1 {
            let looks = words::counted(same.len(), "look", "looks");
            one.who = format!("{}, {looks}", words::tile_name(word));
            one.more = Some(all_link(context, line, false, &format!("Show all {}", same.len())));
        }
        views.push(one);
    }
    views
}

/// What is known of an item that came or went.
fn remark(context: &Context<'_>, line: &Line) -> String {
    match line.change.as_str() {
        "added" => {
            let gender = line.gender.as_deref().filter(|gender| !gender.is_empty());
            let video = line.has_video.then_some("with preview video");
            let all: Vec<String> =
                gender.map(words::tile_name).into_iter().chain(video.map(str::to_owned)).collect();
            all.join(", ")
        }
        "removed" => line.previous_poll_at.map_or(String::new(), |at| {
            let day = words::short_date(at, context.reference());
            format!("last seen {day}, {}", words::clock(at))
        }),
        _ => "listed again".into(),
    }
}

fn view(context: &Context<'_>, line: &Line, count: i64, hows: Vec<How>) -> ChangeView {
    let name = line.name.as_deref().unwrap_or("");
    let who = match count {
        1 if name.is_empty() => line.item_id.clone(),
        1 => words::exact(&words::tile_name(name)),
        count => format!("{} {}", words::number(count), line.kind.plural),
    };
    ChangeView {
        pic: Pic::new(
            line.image.as_deref().filter(|_| !context.without_mirror()),
            line.kind,
            if name.is_empty() { &line.item_id } else { name },
            "",
        ),
        who,
        href: (count == 1).then(|| context.item(line.kind, &line.item_id)),
        sign: sign(&line.change),
        word: line.change.clone(),
        hows,
        more: (count > 1)
            .then(|| all_link(context, line, true, &format!("Show all {}", words::number(count)))),
    }
}

fn how(context: &Context<'_>, line: &Line) -> How {
    let field = line.field.clone().unwrap_or_default();
    if field == "preview_image_url" && line.same == 1 {
        let href = context.item(line.kind, &line.item_id);
        let text =
            if line.new.is_some() { "new preview picture" } else { "no preview picture any more" };
        let link = Some(Link::new(href, "Before and after"));
        return How { field: String::new(), marks: vec![], text: text.into(), link };
    }
    let marks = inline(line.old.as_deref(), line.new.as_deref());
    How { field: words::tile_name(&field), marks, text: String::new(), link: None }
}

/// The poll's own list of these changes.
fn all_link(context: &Context<'_>, line: &Line, of_field: bool, text: &str) -> Link {
    let mut own = vec![("kind", line.kind.as_str().to_owned()), ("change", line.change.clone())];
    own.extend(line.field.iter().filter(|_| of_field).map(|field| ("field", field.clone())));
    Link::new(context.href(&format!("/polls/{}", line.poll_id), &own), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(marks: &[Mark]) -> String {
        let each = marks.iter().map(|mark| match mark.is {
            Is::Same => mark.text.clone(),
            Is::Was => format!("[-{}-]", mark.text),
            Is::Now => format!("[+{}+]", mark.text),
            Is::Nothing => format!("({})", mark.text),
        });
        each.collect()
    }

    #[test]
    fn a_change_reads_as_one_line() {
        let line = |old, new| told(&inline(old, new));
        assert_eq!(line(Some("true"), Some("false")), "[-true-][+false+]");
        assert_eq!(
            line(Some("Colin Sitting Side"), Some("Colin Sitting Front")),
            "Colin Sitting [-Side-][+Front+]"
        );
        assert_eq!(
            line(Some(r#"["business","formal"]"#), Some(r#"["business","office"]"#)),
            "business, [-formal-][+office+]"
        );
        assert_eq!(line(None, Some("a")), "(nothing)[+a+]");
        assert_eq!(line(Some("a\n"), Some("")), "[-a↵-][+(empty)+]");
    }
}
