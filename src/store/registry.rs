//! The declaration of SQL statements: each becomes an entry of `STATEMENTS` of its file. All of these are
//! in [`super::declared`], so that a test prepares each statement on both engines.

use std::fmt::Debug;

use sqlx::SqlStr;

use super::conn::Engine;
use crate::catalog::{catalogue::Catalogue, kind::Kind};

/// Returns a declared statement for each combination of its arguments, with its name.
pub type Declared = fn(Engine) -> Vec<(String, SqlStr)>;

/// Declares the statements of a file: `const NAME = "…"` is a `&'static str`, and `fn name(…) { … }`
/// returns a [`SqlStr`] of the text that its body evaluates to. `STATEMENTS` contains all of them; the
/// compiler warns if it is unused.
macro_rules! register {
    (@ [$($declared:expr,)*]) => {
        pub(in crate::store) const STATEMENTS: &[$crate::store::registry::Declared] = &[$($declared),*];
    };
    (@ [$($declared:expr,)*] $(#[$doc:meta])* $vis:vis const $name:ident = $sql:expr; $($rest:tt)*) => {
        $(#[$doc])*
        $vis const $name: &str = $sql;
        $crate::store::registry::register! {
            @ [
                $($declared,)*
                |_| vec![(stringify!($name).to_owned(), sqlx::SqlSafeStr::into_sql_str($name))],
            ]
            $($rest)*
        }
    };
    (@ [$($declared:expr,)*] $(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),*) $body:block
        $($rest:tt)*) => {
        $(#[$doc])*
        $vis fn $name($($arg: $type),*) -> sqlx::SqlStr {
            sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe($body))
        }
        $crate::store::registry::register! {
            @ [
                $($declared,)*
                |engine| $crate::store::registry::for_each_argument(
                    engine,
                    stringify!($name),
                    |($($arg,)*): ($($type,)*)| $name($($arg),*),
                ),
            ]
            $($rest)*
        }
    };
    ($($all:tt)+) => { $crate::store::registry::register! { @ [] $($all)+ } };
}
pub(super) use register;

/// Returns a statement for each combination of the values that its arguments can have.
pub(super) fn for_each_argument<T: Argument + Debug>(
    engine: Engine,
    name: &str,
    statement: impl Fn(T) -> SqlStr,
) -> Vec<(String, SqlStr)> {
    T::all(engine).into_iter().map(|of| (format!("{name} {of:?}"), statement(of))).collect()
}

/// A type of the arguments that statements are built from.
pub trait Argument: Copy {
    /// Returns all values on an engine.
    fn all(engine: Engine) -> Vec<Self>;
}

impl Argument for Engine {
    fn all(engine: Engine) -> Vec<Self> {
        vec![engine]
    }
}

impl Argument for Kind {
    fn all(_: Engine) -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl Argument for Catalogue {
    fn all(_: Engine) -> Vec<Self> {
        Self::ALL.to_vec()
    }
}

impl Argument for bool {
    fn all(_: Engine) -> Vec<Self> {
        vec![false, true]
    }
}

impl Argument for () {
    fn all(_: Engine) -> Vec<Self> {
        vec![()]
    }
}

impl<A: Argument> Argument for (A,) {
    fn all(engine: Engine) -> Vec<Self> {
        A::all(engine).into_iter().map(|a| (a,)).collect()
    }
}

impl<A: Argument, B: Argument> Argument for (A, B) {
    fn all(engine: Engine) -> Vec<Self> {
        let pairs = |a| B::all(engine).into_iter().map(move |b| (a, b));
        A::all(engine).into_iter().flat_map(pairs).collect()
    }
}

impl<A: Argument, B: Argument, C: Argument> Argument for (A, B, C) {
    fn all(engine: Engine) -> Vec<Self> {
        let triples = |(a, b)| C::all(engine).into_iter().map(move |c| (a, b, c));
        <(A, B)>::all(engine).into_iter().flat_map(triples).collect()
    }
}
