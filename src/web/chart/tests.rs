use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn weeks_begin_on_monday_and_leave_no_day_out() {
    let day = |day: &str, added| Day { day: day.into(), added, ..Day::default() };
    let days = [day("2026-11-15", 1), day("2026-11-16", 2), day("2026-11-22", 3)];
    let weeks = periods(&days, at("2026-11-10"), at("2026-11-23"), By::Week, at("2026-11-23"));
    let added: Vec<_> = weeks.iter().map(|w| (w.from.as_str(), w.sums.added)).collect();
    assert_eq!(added, [("2026-11-09", 1), ("2026-11-16", 5), ("2026-11-23", 0)]);
}

#[test]
fn no_bar_leaves_the_picture_whatever_the_numbers() {
    for (added, removed) in
        [(0, 0), (1, 0), (0, 1), (1_000_000, 3), (3, 1_000_000), (i64::MAX / 8, 1)]
    {
        let sums = Day { added, removed, ..Day::default() };
        let period = Period {
            from: "2026-11-23".into(),
            to: "2026-11-23".into(),
            label: "x".into(),
            first: "x".into(),
            sums,
        };
        let drawn = chart("c", &[period], 300, |_| String::new());
        for bar in &drawn.bars {
            assert!(bar.y >= 0 && bar.y + bar.height <= drawn.height, "{added} {removed} {bar:?}");
        }
    }
}

#[test]
fn no_label_leaves_the_picture_wherever_the_highest_bar_is() {
    for highest in 0..31 {
        let period = |at: usize| Period {
            label: "30 Nov".into(),
            sums: Day { added: if at == highest { 900 } else { 1 }, ..Day::default() },
            ..Period::default()
        };
        let periods: Vec<Period> = (0..31).map(period).collect();
        let drawn = chart("c", &periods, 354, |_| String::new());
        for label in &drawn.labels {
            let long = label.text.chars().count() as i64 * 7;
            let left = if label.class.contains("end") { label.x - long } else { label.x };
            assert!(left >= 0 && left + long <= drawn.width, "{highest}: {label:?}");
        }
    }
}

#[test]
fn ticks_are_round_numbers_below_the_highest() {
    assert_eq!(ticks(106), [100]);
    assert_eq!(ticks(65), [50]);
    assert_eq!(ticks(5), [5]);
    assert_eq!(ticks(1), [1]);
    assert_eq!(ticks(0), Vec::<i64>::new());
}
