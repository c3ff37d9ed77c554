use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::catalog::json::parse;

/// Returns the records of an array, or of the field `a` of an object, and whether all was read.
fn streamed(document: &[u8]) -> Result<Vec<String>, JsonFault> {
    let mut stream = JsonStream::new(document);
    let mut values = vec![];
    match stream.peek()? {
        Some(b'[') => {
            stream.array(|reader| {
                values.push(reader.value()?.get().to_owned());
                Ok(())
            })?;
        }
        _ => {
            let is_object = stream.object(|key, stream| {
                values.push(format!("{key}={}", stream.value()?));
                Ok(())
            })?;
            values.push(is_object.to_string());
        }
    }
    if stream.peek()?.is_none() { Ok(values) } else { Err(JsonFault::Malformed) }
}

/// The same, read at once.
fn whole(text: &str) -> Result<Vec<String>, Malformed> {
    parse(text, |reader| {
        let mut values = vec![];
        if reader.peek() == b'[' {
            reader.array(|reader| {
                values.push(reader.value()?.get().to_owned());
                Ok(())
            })?;
        } else {
            let is_object = reader.object(|key, reader| {
                values.push(format!("{key}={}", reader.value()?.get()));
                Ok(())
            })?;
            values.push(is_object.to_string());
        }
        Ok(values)
    })
}

#[test]
fn values_that_continue_in_the_next_piece_are_whole() {
    let text = format!(
        r#" {{"é😀\u00e9" : [12, {{"b": "\ud83d\ude00"}}], "n": {}, "t":true}}  "#,
        "9".repeat(100)
    );
    assert_eq!(streamed(text.as_bytes()).unwrap(), whole(&text).unwrap());
    assert_eq!(streamed(b"[1,22,333,4444,null , \"\\\\\"] ").unwrap().len(), 6);
}

#[test]
fn faults_are_told_apart() {
    assert!(matches!(streamed(b"[\"abcdefgh\", \"\xff\"]"), Err(JsonFault::NotUtf8(14))));
    assert!(matches!(
        streamed("[\"é".as_bytes().split_last().unwrap().1),
        Err(JsonFault::NotUtf8(2))
    ));
    let mut stream = JsonStream::new(b"[1,2".chain(io::BufReader::new(Broken)));
    assert!(matches!(stream.value(), Err(JsonFault::Source(_))));
}

/// A source that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

proptest! {
    #[test]
    fn a_document_in_pieces_is_read_as_one_in_memory(
        text in r#"[\[\{][\[\]{}",:\\u0-9dDaeE.+\- \n\ttrufalsné😀]{0,40}"#,
    ) {
        prop_assert_eq!(streamed(text.as_bytes()).ok(), whole(&text).ok());
    }

    #[test]
    fn json_in_pieces_is_read_as_json_in_memory(
        values in prop::collection::vec(r#"-?[1-9][0-9]{0,9}(\.[0-9]{1,9})?|true|null|"([aé😀]|\\n|\\u00e9){0,9}"|\{"a" ?: ?[0-9] ?\}"#, 0..9),
        space in "[ \n]{0,4}",
    ) {
        let text = format!("{space}[{}]{space}", values.join(&format!("{space},{space}")));
        prop_assert_eq!(streamed(text.as_bytes()).unwrap(), whole(&text).unwrap());
    }
}
