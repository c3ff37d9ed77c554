//! YAML in block style with its keys in the given order. Every text is in double quotes, which YAML
//! reads as JSON does, so no text can be mistaken for YAML syntax.

use std::fmt::Write;

/// A part of a document.
pub(super) enum Node {
    /// Text, quoted.
    Text(String),
    /// A number.
    Number(u32),
    /// A list.
    List(Vec<Node>),
    /// Keys with their values.
    Map(Vec<(&'static str, Node)>),
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// Returns the document as text.
pub(super) fn document(map: Vec<(&'static str, Node)>) -> String {
    let mut out = String::new();
    write(&Node::Map(map), 0, &mut out);
    out
}

/// Writes a node whose first line has been begun; its other lines are indented by `depth` levels.
fn write(node: &Node, depth: usize, out: &mut String) {
    match node {
        Node::Text(text) => {
            let _ = writeln!(out, "{}", serde_json::Value::from(text.as_str()));
        }
        Node::Number(number) => {
            let _ = writeln!(out, "{number}");
        }
        Node::List(nodes) => {
            for (at, node) in nodes.iter().enumerate() {
                begin_line(at, depth, out);
                out.push_str("- ");
                write(node, depth + 1, out);
            }
        }
        Node::Map(pairs) => {
            for (at, (key, node)) in pairs.iter().enumerate() {
                begin_line(at, depth, out);
                out.push_str(key);
                out.push(':');
                if let Node::List(_) | Node::Map(_) = node {
                    out.push('\n');
                    out.push_str(&"  ".repeat(depth + 1));
                } else {
                    out.push(' ');
                }
                write(node, depth + 1, out);
            }
        }
    }
}

fn begin_line(at: usize, depth: usize, out: &mut String) {
    if at > 0 {
        out.push_str(&"  ".repeat(depth));
    }
}
