//! What tools write, and the ledger that makes each effect happen once.
//!
//! An effect is planned, then *intended* (the plan is on the disk), then *done* (the changes are in the database and
//! the result on the disk), then *delivered* (the result stands in the call's journal). Whoever attempts the same
//! effect meets the same row of the ledger: a retry, a model that calls a tool twice, a service that starts again.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::record::TENANT_COLUMN;
use super::{Column, Row, Store, StoreError, Table};
use crate::id::{BusinessId, CallId};

/// The code of [`StoreError::Unfit`] when an update's key matches no row of the business, or more than one.
pub const NO_ROW: &str = "22ROW";
/// At most so many changes in one effect.
pub const MAX_CHANGES: usize = 200;
/// The argument by which a caller has the same done once more; 1 is as good as none.
pub const REPEAT: &str = "repeat";

/// What tells one effect from another: a hash of the call, the tool and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(Arc<str>);

/// Column names and their new values: JSON scalars, money as decimal text.
pub type Cells = BTreeMap<Column, Value>;

/// One row that is written. The column that says whose it is stands in none of them: the store sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A new row.
    Insert {
        /// The table.
        table: Table,
        /// Whether its rows belong to businesses.
        tenant: bool,
        /// The row.
        row: Cells,
        /// What is wanted of the row as it was written.
        returning: Vec<Column>,
    },
    /// Other values in the one row that matches the key.
    Update {
        /// The table.
        table: Table,
        /// Whether its rows belong to businesses.
        tenant: bool,
        /// What the row is found by.
        by: Cells,
        /// What is written.
        set: Cells,
        /// What is wanted of the row as it was written.
        returning: Vec<Column>,
    },
}

/// What a tool is about to do, decided once: later attempts do the same, with the same ids and prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What it is known by.
    pub key: EffectKey,
    /// The call.
    pub call_id: CallId,
    /// The tool.
    pub tool: String,
    /// Whose rows are written, if the call belongs to a business.
    pub business_id: Option<BusinessId>,
    /// All of these, or none.
    pub changes: Vec<Change>,
    /// What the model is told once it is done.
    pub output: Row,
    /// Under which name it is told the first row as it was written; not at all without.
    pub row_as: Option<String>,
}

/// What the ledger knows of an effect.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRecord {
    /// The effect, as its first attempt planned it.
    pub effect: Effect,
    /// When that was.
    pub intended_at: Timestamp,
    /// What came of it and when; `None` while it is only intended.
    pub done: Option<(Row, Timestamp)>,
    /// Whether its result stands in the journal.
    pub delivered: bool,
}

impl EffectKey {
    /// The key of what a tool does with these arguments in a call that began with the event number `began`.
    pub fn of(call_id: &CallId, began: u64, tool: &str, arguments: &Map<String, Value>) -> Self {
        let mut text = format!("{call_id}\n{began}\n{tool}\n");
        let arguments =
            arguments.iter().filter(|(name, value)| *name != REPEAT || number(value).as_deref() != Some("1"));
        write_object(arguments, &mut text);
        let hash = Sha256::digest(text);
        Self(hash.iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}")).into())
    }

    /// The key as text: 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The same text for the same value, however it was written: keys in order, numbers by their value, and what is null
/// counts as absent.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => write_object(fields.iter(), text),
        Value::Array(values) => {
            text.push('[');
            for value in values {
                write_canonical(value, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Number(_) => text.push_str(&number(value).unwrap_or_default()),
        Value::Null | Value::Bool(_) | Value::String(_) => drop(write!(text, "{value}")),
    }
}

fn write_object<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, text: &mut String) {
    let sorted: BTreeMap<_, _> = fields.filter(|(_, value)| !value.is_null()).collect();
    text.push('{');
    for (name, value) in sorted {
        let _ = write!(text, "{}:", Value::from(name.as_str()));
        write_canonical(value, text);
        text.push(',');
    }
    text.push('}');
}

/// A number by its value: `2`, `2.0` and `20e-1` are the same.
fn number(value: &Value) -> Option<String> {
    let written = value.as_number()?.to_string();
    let exact = written.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&written));
    Some(exact.map_or(written, |number| number.normalize().to_string()))
}

impl Change {
    fn parts(&self) -> (Vec<&Cells>, bool) {
        match self {
            Self::Insert { row, .. } => (vec![row], true),
            Self::Update { by, set, .. } => (vec![by, set], false),
        }
    }
}

impl Effect {
    /// Refuses what no tool should ask for, before anything is written down.
    ///
    /// # Errors
    /// [`StoreError::Unknown`], which says what.
    fn check(&self) -> Result<(), StoreError> {
        let refused = |what: &str| Err(StoreError::Unknown(format!("`{}` {what}", self.tool)));
        if self.changes.is_empty() || self.changes.len() > MAX_CHANGES {
            return refused(&format!("must write 1 to {MAX_CHANGES} rows"));
        }
        for cells in self.changes.iter().flat_map(|change| change.parts().0) {
            if cells.is_empty() {
                return refused("must name the columns it writes, and those it finds a row by");
            }
            if cells.keys().any(|column| column.as_str() == TENANT_COLUMN) {
                return refused("must not say whose row it writes: the call does");
            }
        }
        Ok(())
    }

    /// What the model is told, given the rows as they were written.
    pub(super) fn result(&self, written: Vec<Row>) -> Row {
        let mut result = self.output.clone();
        if let Some((name, row)) = self.row_as.clone().zip(written.into_iter().next()) {
            result.insert(name, Value::Object(row));
        }
        result
    }
}

impl Store {
    /// Writes down durably what is about to be done, and answers it; or what the ledger has of that key already.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] for an effect that makes no sense, else as the file fails.
    pub async fn intend(&self, effect: Effect) -> Result<EffectRecord, StoreError> {
        effect.check()?;
        self.local().intend(effect).await
    }

    /// What the ledger has of a key.
    ///
    /// # Errors
    /// As the file fails.
    pub async fn effect(&self, key: &EffectKey) -> Result<Option<EffectRecord>, StoreError> {
        self.local().effect(key.clone()).await
    }

    /// Makes an intended effect happen, unless it has: answers what came of it, now or then.
    ///
    /// # Errors
    /// [`StoreError::Unfit`], [`StoreError::Unknown`] and [`StoreError::Denied`] mean that nothing was done; after any
    /// other it may have been, and attempting it again finds out.
    pub async fn apply(&self, record: EffectRecord) -> Result<EffectRecord, StoreError> {
        match self {
            _ if record.done.is_some() => Ok(record),
            Self::Embedded(store) => store.apply(record.effect.key).await,
            Self::Supabase(store) => store.apply(record.effect).await,
        }
    }

    /// Forgets an effect that the database has refused: the next attempt plans anew. What is done stays.
    ///
    /// # Errors
    /// As the file fails.
    pub async fn forget_intent(&self, key: &EffectKey) -> Result<(), StoreError> {
        self.local().forget_intent(key.clone()).await
    }

    /// Remembers that an effect's result stands in the journal. One that is not done is left as it is.
    ///
    /// # Errors
    /// As the file fails.
    pub async fn delivered(&self, key: &EffectKey) -> Result<(), StoreError> {
        self.local().delivered(key.clone()).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key(arguments: &Value) -> EffectKey {
        EffectKey::of(&CallId::default_call(), 1, "place_order", arguments.as_object().unwrap())
    }

    #[test]
    fn the_same_arguments_have_the_same_key_however_they_are_written() {
        let one: Value = serde_json::from_str(r#"{"b": [1, {"y": 2.50, "x": null}], "a": "é"}"#).unwrap();
        let two: Value =
            serde_json::from_str(r#"{ "a":"\u00e9", "c": null, "repeat": 1.0, "b": [1.0, {"y": 25e-1}] }"#)
                .unwrap();
        assert_eq!(key(&one), key(&two));
        assert_eq!(key(&one).as_str().len(), 64);
    }

    #[test]
    fn another_call_tool_or_repeat_is_another_effect() {
        let arguments = json!({"a": 1});
        let arguments = arguments.as_object().unwrap();
        let default = CallId::default_call();
        let keys = [
            EffectKey::of(&default, 1, "place_order", arguments),
            EffectKey::of(&default, 9, "place_order", arguments),
            EffectKey::of(&default, 1, "book_table", arguments),
            EffectKey::of(&"t1".parse().unwrap(), 1, "place_order", arguments),
            key(&json!({"a": 1, "repeat": 2})),
            key(&json!({"a": "1"})),
            key(&json!({"a": [1]})),
        ];
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c\",:{}\\[\\]]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::btree_map("[a-c\"]{1,2}", inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn different_arguments_never_share_a_text(one in json_value(), two in json_value()) {
            let text = |value: &Value| {
                let mut text = String::new();
                write_canonical(value, &mut text);
                text
            };
            prop_assert_eq!(text(&one) == text(&two), one == two);
        }
    }
}
