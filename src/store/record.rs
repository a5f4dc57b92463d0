//! What goes into a store and comes out: queries as data, rows, call events.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::calls::LogChange;
use crate::id::{BusinessId, CallId};

/// The column that says whose a row is, in every table whose rows belong to businesses.
pub const TENANT_COLUMN: &str = "business_id";

/// A row as the tools see it: column name to JSON value.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// One numbered event of a call, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord {
    /// The call.
    pub call_id: CallId,
    /// Rises by one per call, from 1.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Its type, such as `turn.done`.
    pub kind: String,
    /// The whole event as one JSON object, as clients are shown it.
    pub body: Arc<str>,
    /// What it changes in the log of its call, when it is to be written; nothing on an event that was read.
    pub change: Option<Arc<LogChange>>,
}

/// Why a text is no table or column name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 of a-z, 0-9 and '_', beginning with a letter or '_'")]
pub struct NameError(pub String);

macro_rules! sql_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text: safe to stand in a query.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
                let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                if first && rest && text.len() <= 63 { Ok(Self(text.into())) } else { Err(NameError(text.into())) }
            }
        }
        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

sql_name! {
    /// The name of a table.
    Table
}
sql_name! {
    /// The name of a column.
    Column
}

/// Whose rows are read or written. The store binds it: no argument and no prompt can widen it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tenant {
    /// Those of one business.
    Of(BusinessId),
    /// Those of every business, or of a table whose rows belong to none.
    #[default]
    Any,
}

impl Tenant {
    /// The business, if it is one.
    pub fn business(&self) -> Option<&BusinessId> {
        match self {
            Self::Of(business) => Some(business),
            Self::Any => None,
        }
    }
}

impl From<Option<BusinessId>> for Tenant {
    fn from(business: Option<BusinessId>) -> Self {
        business.map_or(Self::Any, Self::Of)
    }
}

/// A value bound into a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text, and dates as RFC 3339 text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number; money is never a float. Compared by value: `3.5` equals `3.50` and is below `12`.
    Decimal(Decimal),
    /// Yes or no.
    Bool(bool),
}

/// A part of a case-insensitive match: a wildcard of ours, or text that is data to the last character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternPart {
    /// Any run of characters.
    Any,
    /// Exactly this text: `%`, `_`, `*` and `\` in it mean themselves.
    Text(String),
}

/// A case-insensitive match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub Vec<PatternPart>);

/// What a column must satisfy.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equal.
    Eq(Scalar),
    /// Not equal.
    Ne(Scalar),
    /// Less.
    Lt(Scalar),
    /// Less or equal.
    Lte(Scalar),
    /// Greater.
    Gt(Scalar),
    /// Greater or equal.
    Gte(Scalar),
    /// One of these; no row when the list is empty.
    In(Vec<Scalar>),
    /// Matches, whatever the case of its letters.
    Like(Pattern),
    /// Is null, or is not.
    IsNull(bool),
}

/// The order of the rows. Rows without a value in the column come last, either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By this column.
    pub column: Column,
    /// Largest first.
    pub descending: bool,
}

/// A read of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The table.
    pub from: Table,
    /// Whose rows. A table whose rows belong to businesses has a column [`TENANT_COLUMN`].
    pub tenant: Tenant,
    /// The columns wanted; at least one.
    pub columns: Vec<Column>,
    /// All of these must hold.
    pub all: Vec<(Column, Test)>,
    /// And, unless empty, at least one of these.
    pub any: Vec<(Column, Test)>,
    /// The order of the rows.
    pub order: Vec<Order>,
    /// At most so many rows; taken as 1 when 0, and as [`super::MAX_ROWS`] when above it.
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_query() {
        for good in ["menu_items", "_x", "a1", &"x".repeat(63)] {
            assert_eq!(good.parse::<Table>().unwrap().as_str(), good);
            assert_eq!(good.parse::<Column>().unwrap().to_string(), good);
        }
        for bad in ["", "1a", "Menu", "a b", "a\"b", "a;b", "a.b", "é", "a\n", &"x".repeat(64)] {
            assert_eq!(bad.parse::<Table>(), Err(NameError(bad.into())), "{bad:?}");
            assert_eq!(bad.parse::<Column>(), Err(NameError(bad.into())), "{bad:?}");
        }
    }
}
