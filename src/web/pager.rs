//! The links between the pages of a list.

/// An entry of the pager.
pub enum PagerStep {
    /// Another page.
    Go(String, i64),
    /// This page.
    Here(i64),
    /// Pages that are left out.
    Gap,
}

/// The links between the pages of a list.
pub struct Pager {
    /// The link to the page before.
    pub older: Option<String>,
    /// The entries.
    pub steps: Vec<PagerStep>,
    /// The link to the page after.
    pub newer: Option<String>,
    /// The number of pages.
    pub pages: i64,
}

impl Pager {
    /// Creates the pager of `pages` pages of which `page` is shown; `None` if there is only one page.
    pub fn new(page: i64, pages: i64, href: impl Fn(i64) -> String) -> Option<Self> {
        if pages <= 1 {
            return None;
        }
        let near =
            |other: i64| other == 1 || other == pages || (other - page).abs() <= 2 || pages <= 9;
        // Only numbers near the ends and near this page can be shown.
        let mut wanted: Vec<i64> = vec![1, 2, 3, 4, 5, 6, 7, 8, 9];
        wanted.extend((page - 2).max(1)..=(page + 2).min(pages));
        wanted.push(pages);
        wanted.retain(|other| *other <= pages && near(*other));
        wanted.sort_unstable();
        wanted.dedup();
        let mut steps = vec![];
        let mut last = 0;
        for other in wanted {
            if other > last + 1 {
                steps.push(PagerStep::Gap);
            }
            steps.push(if other == page {
                PagerStep::Here(other)
            } else {
                PagerStep::Go(href(other), other)
            });
            last = other;
        }
        Some(Self {
            older: (page > 1 && page <= pages).then(|| href(page - 1)),
            steps,
            newer: (page < pages).then(|| href(page + 1)),
            pages,
        })
    }
}
