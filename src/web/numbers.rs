//! The numbers of the front page: how many items there are, and the changes of seven days.

use std::time::Duration;

use super::{context::PageContext, failure::PageFailure, timeline::back, words};
use crate::{
    catalog::kind::Kind,
    store::{
        browse::{Reading, polls::Day},
        status::ItemCounts,
    },
};

/// The number of days before today in the last seven days.
pub const WEEK: i64 = 6;
/// Half a year, in days before the current one.
pub const HALF_YEAR: i64 = 26 * 7 - 1;

/// The numbers of the front page.
pub struct Numbers {
    /// The counts of each kind.
    pub counts: Vec<(Kind, ItemCounts)>,
    /// The changes of the last seven days.
    pub week: Day,
}

impl Numbers {
    /// Reads the counts, and sums the last seven days of `days`, which are those of the last half year.
    pub async fn read(
        context: &PageContext<'_>,
        reading: &mut Reading,
        days: &[Day],
    ) -> Result<Self, PageFailure> {
        let counts = reading.counts(&context.account, context.viewpoint.at()).await?;
        let from = words::day(back(context.reference(), WEEK));
        let mut week = Day { day: from.clone(), ..Day::default() };
        days.iter().filter(|day| day.day >= from).for_each(|day| week.add(day));
        Ok(Self { counts, week })
    }

    /// Returns the kinds with missing items, and how many are missing.
    pub fn missing(&self) -> Vec<(Kind, i64)> {
        let counts = self.counts.iter().filter(|(_, counts)| counts.missing > 0);
        counts.map(|(kind, counts)| (*kind, counts.missing)).collect()
    }
}

/// Returns the changes of each day of the last half year.
pub async fn half_year(
    context: &PageContext<'_>,
    reading: &mut Reading,
) -> Result<Vec<Day>, PageFailure> {
    let to = context.reference();
    let until = to.plus(Duration::from_millis(1));
    Ok(reading.days(&context.account, back(to, HALF_YEAR), until).await?)
}
