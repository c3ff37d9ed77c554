//! Decodes a response of v2 into its lists, each record on its own.
//!
//! Anything that is not a catalogue is rejected here (rule 11), so no later code can mistake an error
//! page for an empty list.

use std::{
    io::{BufRead, Cursor},
    sync::Arc,
};

use super::{
    body::{Document, error_text, is_not, missing, parse_stream, warning_text},
    json::Raw,
    json_stream::{JsonFault, JsonStream},
    kind::{ByKind, Kind},
    list::{Answer, ListBuilder, redecoded_if_copies},
    recognition::Recognition,
    record::{ApiNames, Decoded},
    value::read_pairs,
};
use crate::error::{Error, Result};

/// The kinds that v2 lists.
pub const V2_KINDS: [Kind; 2] = [Kind::AVATAR, Kind::TALKING_PHOTO];

/// Returns the field names of v2, which are those of the tables' columns.
fn v2(kind: Kind) -> ApiNames {
    ApiNames { id: kind.id, renamed: &[] }
}

/// Decodes a response of `GET /v2/avatars`.
pub fn decode(body: &[u8]) -> Result<Answer> {
    decode_known(body, &Arc::default())
}

/// Like [`decode`], but does not decode recognised records.
pub fn decode_known(body: &[u8], known: &Arc<Recognition>) -> Result<Answer> {
    let mut body = Cursor::new(body);
    redecoded_if_copies(known, |known| AnswerContents::read(&mut body, known)?.answer(false))
}

/// Decodes a saved response: a whole one, or only its `data`; `None` if its `data` is an array, as
/// in a page of v3.
pub fn decode_saved(body: &mut impl Document, known: &Arc<Recognition>) -> Result<Option<Answer>> {
    let read = AnswerContents::read(body, known)?;
    if read.is_page {
        return Ok(None);
    }
    let mut read = Some(read);
    let answer =
        |known: &_| read.take().map_or_else(|| AnswerContents::read(body, known), Ok)?.answer(true);
    redecoded_if_copies(known, answer).map(Some)
}

/// The lists among an object's fields, each `None` if it is not an array.
type ListBuilders = ByKind<Option<ListBuilder>>;

/// The contents of an answer, read in one pass and interpreted afterwards.
#[derive(Default)]
struct AnswerContents {
    error: Option<String>,
    warning: Option<String>,
    /// The lists in `data`; the inner `None` if `data` is not an object.
    data: Option<Option<ListBuilders>>,
    is_page: bool,
    /// The lists outside `data`.
    lists: ListBuilders,
}

impl AnswerContents {
    fn read(body: &mut impl Document, known: &Arc<Recognition>) -> Result<Self> {
        let mut read = Self::default();
        let is_object = parse_stream(body, |stream| {
            stream.object(|key, stream| {
                match key {
                    "error" => read.error = Some(stream.value()?),
                    "warning" => read.warning = Some(stream.value()?),
                    "data" => {
                        let mut lists = ListBuilders::new();
                        read.is_page = stream.peek()? == Some(b'[');
                        let is_object = stream
                            .object(|key, stream| read_list(key, stream, &mut lists, known))?;
                        read.data = Some(is_object.then_some(lists));
                    }
                    _ => read_list(key, stream, &mut read.lists, known)?,
                }
                Ok(())
            })
        })?;
        if is_object { Ok(read) } else { Err(is_not("the answer", "object")) }
    }

    fn answer(self, data_alone: bool) -> Result<Answer> {
        if let Some(error) = self.error.as_deref().map(Raw::of).and_then(error_text) {
            return Err(Error::not_a_catalogue(format!("the answer is an error: {error}")));
        }
        let mut lists = match self.data {
            Some(lists) => lists.ok_or_else(|| is_not("`data`", "object"))?,
            None if data_alone => self.lists,
            None => return Err(missing("data")),
        };
        let list = |kind: Kind| match lists.remove(&kind) {
            Some(Some(list)) => Ok(list.finish()),
            Some(None) => Err(is_not(&format!("`{}`", kind.table), "array")),
            None => Err(missing(kind.table)),
        };
        let lists = V2_KINDS.into_iter().map(list).collect::<Result<_>>()?;
        let warning = self.warning.as_deref().map(Raw::of).and_then(warning_text);
        Ok(Answer { lists, warning })
    }
}

fn read_list(
    key: &str,
    stream: &mut JsonStream<impl BufRead>,
    lists: &mut ListBuilders,
    known: &Arc<Recognition>,
) -> Result<(), JsonFault> {
    let Some(kind) = V2_KINDS.into_iter().find(|kind| kind.table == key) else {
        return stream.skip();
    };
    let (mut list, dialect) = (ListBuilder::new(kind, known), v2(kind));
    let is_array = stream.array(|reader| {
        let record = read_pairs(reader)?.map(|pairs| list.decode(&pairs, &dialect));
        list.push(record.unwrap_or(Decoded::Unusable));
        Ok(())
    })?;
    lists.insert(kind, is_array.then_some(list));
    Ok(())
}

#[cfg(test)]
mod tests;
