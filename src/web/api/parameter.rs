//! The parameters of each route: the OpenAPI document describes them, and every request is checked against
//! them.

use serde_json::json;
use utoipa::openapi::{
    RefOr, Required,
    path::{Parameter as Described, ParameterBuilder, ParameterIn},
    schema::{
        AnyOfBuilder, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, Type,
    },
};

use crate::{
    answers::MOST,
    catalog::kind::Kind,
    store::{
        browse::facets::{FACETS, Facet},
        table::words::CHANGES,
    },
    web::{
        params::ORDERS,
        query_pairs::{BadParameter, QueryPairs, bad, not_one_of},
    },
};

/// The maximum number of rows of an answer without `limit`.
pub const USUAL: usize = 100;

/// The maximum length of a text, in characters.
pub const LONGEST: usize = 1_024;

/// A parameter of a query string.
pub struct Parameter {
    name: &'static str,
    meaning: String,
    takes: ParameterType,
    required: bool,
}

/// The type of a parameter.
#[derive(Clone)]
enum ParameterType {
    /// Text.
    Text,
    /// One of these words.
    Word(Vec<&'static str>),
    /// Any of these words, or any texts if there are none; repeated.
    Many(Vec<&'static str>),
    /// A day or a time.
    Moment,
    /// A whole number, 1 or more.
    Number,
    /// A number of rows from 1 to [`MOST`].
    Limit,
}

/// Declares the parameters of a route as a type, for the OpenAPI document.
macro_rules! query {
    ($(#[$meta:meta])* $Name:ident: $parameters:expr) => {
        $(#[$meta])*
        pub struct $Name;

        impl $Name {
            /// Returns the parameters.
            pub fn parameters() -> Vec<$crate::web::api::parameter::Parameter> {
                $parameters
            }
        }

        impl utoipa::IntoParams for $Name {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                Self::parameters().iter().map(|parameter| parameter.described()).collect()
            }
        }
    };
}
pub(super) use query;

fn optional(name: &'static str, takes: ParameterType, meaning: &str) -> Parameter {
    Parameter { name, meaning: meaning.into(), takes, required: false }
}

/// Creates a text parameter.
pub fn text(name: &'static str, meaning: &str) -> Parameter {
    optional(name, ParameterType::Text, meaning)
}

/// Creates a parameter that is a day or a time.
pub fn moment(name: &'static str, meaning: &str) -> Parameter {
    optional(name, ParameterType::Moment, meaning)
}

/// Creates a text parameter that may be repeated.
pub fn texts(name: &'static str, meaning: &str) -> Parameter {
    optional(name, ParameterType::Many(vec![]), meaning)
}

/// Creates the account parameter of a list.
pub fn account() -> Parameter {
    text("account", "the account; if omitted, default or else the first by name")
}

/// Creates the account parameter of a query that covers all accounts without it.
pub fn only_account() -> Parameter {
    text("account", "only this account")
}

/// Creates the time parameter of a list.
pub fn as_of() -> Parameter {
    moment("as_of", "the state at this time, or at the end of this day, in UTC")
}

/// Creates the parameter `kind`.
pub fn kind() -> Parameter {
    optional("kind", ParameterType::Word(Kind::ALL.map(Kind::as_str).to_vec()), "only this kind")
}

/// Creates the parameter `change`.
pub fn change() -> Parameter {
    optional("change", ParameterType::Word(CHANGES.to_vec()), "only this kind of change")
}

/// Creates the parameter `poll`, the number of a poll.
pub fn poll() -> Parameter {
    optional("poll", ParameterType::Number, "only changes of this poll")
}

/// Creates the parameter `limit`, the number of rows.
pub fn limit() -> Parameter {
    optional("limit", ParameterType::Limit, &format!("at most this many rows; {USUAL} by default"))
}

/// Creates the parameter `cursor`, the position after which the page begins.
pub fn cursor() -> Parameter {
    text("cursor", "next_cursor of the previous page, with the same parameters")
}

/// Returns the parameters of the facets, the search and the order of a list.
pub fn filter() -> impl Iterator<Item = Parameter> {
    let columns = Kind::ALL.into_iter().flat_map(|kind| kind.columns.iter());
    let mut names: Vec<&str> = columns.map(|column| column.name).collect();
    names.sort_unstable();
    names.dedup();
    let orders = ORDERS.map(|(word, ..)| word).to_vec();
    let beside = [
        text(
            "q",
            "only items whose name or id contains all of these words, ignoring case and \
             diacritics",
        ),
        optional(
            "none",
            ParameterType::Many(names),
            "only items for which all of these fields are empty",
        ),
        optional("sort", ParameterType::Word(orders), "the order; name by default"),
    ];
    FACETS.iter().map(facet).chain(beside)
}

fn facet(facet: &'static Facet) -> Parameter {
    let words: Vec<&str> = facet.choices().iter().map(|choice| choice.word).collect();
    let takes = if facet.single { ParameterType::Word(words) } else { ParameterType::Many(words) };
    let usual = facet.usual.map(|word| format!("; {word} by default")).unwrap_or_default();
    let meaning = format!("only items with one of these values of: {}{usual}", facet.title);
    optional(facet.param, takes, &meaning)
}

impl Parameter {
    /// Makes the parameter required.
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Returns the parameter as the OpenAPI document contains it.
    pub fn described(&self) -> Described {
        let required = if self.required { Required::True } else { Required::False };
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .description(Some(self.meaning.as_str()))
            .schema(Some(self.takes.schema()))
            .build()
    }

    /// Fails if the values cannot be used.
    fn refuse(&self, values: &[&str]) -> Result<(), BadParameter> {
        let name = self.name;
        match values.len() {
            0 if self.required => return Err(bad(name, "is missing")),
            0 | 1 => {}
            _ if !matches!(self.takes, ParameterType::Many(_)) => {
                return Err(bad(name, "is given twice; give it once"));
            }
            count if count > MOST => {
                return Err(bad(name, &format!("has more than {MOST} values")));
            }
            _ => {}
        }
        for value in values {
            match &self.takes {
                _ if value.is_empty() => return Err(bad(name, "is empty")),
                _ if value.chars().count() > LONGEST => {
                    return Err(bad(name, &format!("is longer than {LONGEST} characters")));
                }
                ParameterType::Word(words) | ParameterType::Many(words)
                    if !words.is_empty() && !words.contains(value) =>
                {
                    return Err(not_one_of(name, words));
                }
                ParameterType::Number => number(name, value, i64::MAX)?,
                ParameterType::Limit => {
                    number(name, value, i64::try_from(MOST).unwrap_or(i64::MAX))?
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Fails if the value is not a whole number from 1 to `most`.
fn number(name: &str, value: &str, most: i64) -> Result<(), BadParameter> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<i64>() {
        Ok(number) if digits && (1..=most).contains(&number) => Ok(()),
        _ => Err(bad(name, &format!("must be a whole number from 1 to {most}"))),
    }
}

/// Fails if the OpenAPI document does not allow the query.
pub fn check(pairs: &QueryPairs, parameters: &[Parameter]) -> Result<(), BadParameter> {
    let known = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    if let Some((name, _)) = pairs.all().find(|(name, _)| !known(name)) {
        return Err(bad(name, "is not a parameter of this path"));
    }
    parameters.iter().try_for_each(|parameter| {
        let own = pairs.all().filter(|(name, _)| *name == parameter.name);
        parameter.refuse(&own.map(|(_, value)| value).collect::<Vec<_>>())
    })
}

impl ParameterType {
    fn schema(&self) -> RefOr<Schema> {
        let string = || ObjectBuilder::new().schema_type(Type::String);
        let formatted =
            |format| Object::from(string().format(Some(SchemaFormat::KnownFormat(format))));
        let plain =
            || string().min_length(Some(1)).max_length(Some(LONGEST)).pattern(Some("^[^\\x00]*$"));
        let number = || {
            let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
            number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        };
        let words = |words: &[&'static str]| match words.is_empty() {
            true => plain(),
            false => string().enum_values(Some(words.to_vec())),
        };
        match self {
            Self::Text => plain().build().into(),
            Self::Word(choices) => words(choices).build().into(),
            Self::Many(choices) => {
                let array = ArrayBuilder::new().items(words(choices).build());
                array.min_items(Some(1)).max_items(Some(MOST)).build().into()
            }
            Self::Moment => AnyOfBuilder::new()
                .item(formatted(KnownFormat::Date))
                .item(formatted(KnownFormat::DateTime))
                .into(),
            Self::Number => number().build().into(),
            Self::Limit => number().maximum(Some(MOST)).default(Some(json!(USUAL))).build().into(),
        }
    }
}
