//! What a declared tool writes: a new row, or other values in the one row that a key names.

use serde_json::{Map, Value};
use toml::Spanned;

use super::declaration::{check_arguments, read_table};
use super::filter::Operand;
use super::parameter::Parameter;
use super::read_column;
use crate::store::effect::REPEAT;
use crate::store::record::TENANT_COLUMN;
use crate::store::{Cells, Change, Column, Row, Scalar, Table, Tenant};
use crate::tool::Plan;
use crate::tool::document::{Place, Section};

/// What the row as written is called in the output.
const DEFAULT_ROW: &str = "row";
/// What the output says besides the row.
const OWN_FIELDS: [&str; 4] = ["done", "note", "already_done", "done_at"];
/// The longest text the model is told when it is done.
const LONGEST_CONFIRM: usize = 500;

type Assignment = (Column, Operand);

/// A change without the arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    kind: Kind,
    table: Table,
    /// Its rows belong to businesses: a call of one business never writes another's.
    tenant: bool,
    returning: Vec<Column>,
    row_as: String,
    confirm: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Insert { values: Vec<Assignment> },
    Update { by: Vec<Assignment>, set: Vec<Assignment> },
}

impl Write {
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn used_columns(&self) -> Vec<&str> {
        let assigned: Vec<&Assignment> = match &self.kind {
            Kind::Insert { values } => values.iter().collect(),
            Kind::Update { by, set } => by.iter().chain(set).collect(),
        };
        let assigned = assigned.into_iter().map(|(column, _)| column);
        let mut names: Vec<_> = assigned.chain(&self.returning).map(Column::as_str).collect();
        names.extend(self.tenant.then_some(TENANT_COLUMN));
        names
    }

    /// The change for these arguments; a column whose argument is absent is left out.
    ///
    /// # Errors
    /// Words for the model about an argument that cannot be bound, or when nothing would be changed.
    pub(super) fn plan(&self, arguments: &Map<String, Value>, tenant: &Tenant) -> Result<Plan, String> {
        let (table, tenant_owned, returning) = (self.table.clone(), self.tenant, self.returning.clone());
        let change = match &self.kind {
            Kind::Insert { values } => {
                let row = bind(values, arguments)?;
                Change::Insert { table, tenant: tenant_owned, row, returning }
            }
            Kind::Update { by, set } => {
                let (by, set) = (bind(by, arguments)?, bind(set, arguments)?);
                if set.is_empty() {
                    return Err("there is nothing to change: say at least one new value".to_owned());
                }
                Change::Update { table, tenant: tenant_owned, by, set, returning }
            }
        };
        let mut output = Row::new();
        output.insert("done".to_owned(), Value::Bool(true));
        output.extend(self.confirm.clone().map(|confirm| ("note".to_owned(), Value::from(confirm))));
        Ok(Plan {
            business_id: tenant.business().filter(|_| tenant_owned).cloned(),
            changes: vec![change],
            output,
            row_as: (!self.returning.is_empty()).then(|| self.row_as.clone()),
        })
    }
}

fn bind(assignments: &[Assignment], arguments: &Map<String, Value>) -> Result<Cells, String> {
    let present = |operand: &Operand| operand.arguments().iter().all(|name| arguments.contains_key(*name));
    let given = assignments.iter().filter(|(_, operand)| present(operand));
    given.map(|(column, operand)| Ok((column.clone(), json(operand.bind(arguments)?)))).collect()
}

fn json(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Text(text) => Value::String(text),
        Scalar::Integer(whole) => Value::from(whole),
        Scalar::Decimal(number) => Value::String(number.to_string()),
        Scalar::Bool(yes) => Value::Bool(yes),
    }
}

/// Reads `[insert]` or `[update]`, with where it stands; what is wrong is kept in the document.
pub(super) fn read(root: &mut Section<'_, '_>, parameters: &[Parameter]) -> Option<(Write, Place)> {
    for parameter in parameters.iter().filter(|parameter| parameter.name == REPEAT) {
        root.mistake(
            &parameter.place,
            format!("a tool that writes has a parameter `{REPEAT}` already: give it another name"),
        );
    }
    let (section, is_insert) = match (root.section("insert"), root.section("update")) {
        (Some(insert), None) => (insert, true),
        (None, Some(update)) => (update, false),
        (None, None) => {
            root.mistake(
                root.place(),
                "a tool with `effect = \"write\"` needs an `[insert]` or an `[update]`",
            );
            return None;
        }
        (Some(_), Some(update)) => {
            update.mistake(update.place(), "a tool has an `[insert]` or an `[update]`, not both");
            return None;
        }
    };
    let place = section.place().clone();
    read_write(section, is_insert, parameters).map(|write| (write, place))
}

fn read_write(mut section: Section<'_, '_>, is_insert: bool, parameters: &[Parameter]) -> Option<Write> {
    let table = section.required_text(if is_insert { "into" } else { "table" }, 63);
    let table = table.and_then(|name| read_table(&section, &name));
    let kind = if is_insert {
        Kind::Insert { values: read_assignments(&mut section, "values")? }
    } else {
        let by = read_assignments(&mut section, "by");
        let set = read_assignments(&mut section, "set");
        let (by, set) = by.zip(set)?;
        check_key(&section, &by, parameters);
        Kind::Update { by, set }
    };
    let names = section.texts("returning");
    let returning = names.iter().filter_map(|name| read_column(&section, name)).collect();
    let row_as = section.text("as", 40).map_or_else(|| DEFAULT_ROW.to_owned(), Spanned::into_inner);
    if OWN_FIELDS.contains(&row_as.as_str()) {
        let what = format!("`as` cannot be `{row_as}`: the output has a field of that name already");
        section.mistake(section.place(), what);
    }
    let tenant = section.boolean("tenant").unwrap_or(true);
    let confirm = section.text("confirm", LONGEST_CONFIRM).map(Spanned::into_inner);
    let used: Vec<_> = match &kind {
        Kind::Insert { values } => arguments(values).collect(),
        Kind::Update { by, set } => arguments(by).chain(arguments(set)).collect(),
    };
    check_arguments(&section, "column", parameters, &used);
    section.finish();
    Some(Write { kind, table: table?, tenant, returning, row_as, confirm })
}

fn arguments(assignments: &[Assignment]) -> impl Iterator<Item = &str> {
    assignments.iter().flat_map(|(_, operand)| operand.arguments())
}

/// A table of columns and their values. Whose row it is stands in none: the store sets it.
fn read_assignments(section: &mut Section<'_, '_>, key: &'static str) -> Option<Vec<Assignment>> {
    section.require(key);
    let assigned = section.section(key)?;
    let mut assignments = Vec::new();
    for (name, value) in assigned.entries() {
        let column = read_column(&assigned, &name);
        if name.get_ref() == TENANT_COLUMN {
            assigned.mistake(&name.span(), format!("`{TENANT_COLUMN}` is set by the service: leave it out"));
        }
        assignments.extend(column.zip(Operand::read(&assigned, value)));
    }
    if assignments.is_empty() {
        assigned.mistake(assigned.place(), format!("`{key}` must name at least one column"));
    }
    Some(assignments)
}

/// A key must always be whole: without an argument it would match other rows.
fn check_key(section: &Section<'_, '_>, by: &[Assignment], parameters: &[Parameter]) {
    let may_be_absent = |name: &&str| {
        parameters
            .iter()
            .any(|parameter| parameter.name == **name && !parameter.required && parameter.default.is_none())
    };
    for name in arguments(by).filter(may_be_absent) {
        section.mistake(
            section.place(),
            format!("`by` uses `{{{name}}}`, which may be left out: make it required, or give it a default"),
        );
    }
}
