//! The fields that a list had at the time of any poll: the fold of its `schema_changes`, with every
//! step kept.

use std::collections::HashMap;

use super::polls::AllPolls;
use crate::{
    catalog::{
        item::FieldName,
        schema::{Field, Schema, SchemaChange, fold},
    },
    time::Timestamp,
};

/// The steps of each field, oldest first.
#[derive(Debug, Default)]
pub struct Timeline(HashMap<FieldName, Vec<(i64, Field)>>);

impl Timeline {
    /// Creates the timeline of the rows of one list, oldest first.
    pub fn new(rows: Vec<(i64, SchemaChange)>, polls: &AllPolls) -> Self {
        let mut schema = Schema::new();
        let mut steps: HashMap<FieldName, Vec<(i64, Field)>> = HashMap::new();
        for (poll_id, change) in rows {
            let observed_at = polls.get(poll_id).and_then(|poll| poll.observed_at.as_deref());
            let Some(at) = observed_at.and_then(Timestamp::parse) else { continue };
            fold(&mut schema, &change, at);
            if let Some(field) = schema.get(&change.field) {
                steps.entry(change.field).or_default().push((poll_id, field.clone()));
            }
        }
        Self(steps)
    }

    /// Returns the field as it was before the poll.
    pub fn before(&self, field: &str, poll_id: i64) -> Option<&Field> {
        self.after(field, poll_id - 1)
    }

    /// Returns the field as it was after the poll.
    pub fn after(&self, field: &str, poll_id: i64) -> Option<&Field> {
        let steps = self.0.get(field)?;
        let beyond = steps.partition_point(|(step, _)| *step <= poll_id);
        steps.get(beyond.checked_sub(1)?).map(|(_, field)| field)
    }
}
