//! Table tools: a query declared in a file. The model's arguments reach the store as bound values only.

mod declaration;
mod filter;
mod parameter;
mod parts;

use std::time::Duration;

use serde_json::{Map, Value, json};
use toml::Spanned;

use self::filter::Filter;
use self::parameter::Parameter;
use crate::store::record::TENANT_COLUMN;
use crate::store::{Column, Order, Row, Select, Store, Table, Tenant};
use crate::tool::document::Section;
use crate::tool::{Filler, ToolContext, ToolError, ToolSpec};

/// A tool that reads one table, as its file declares.
#[derive(Debug, Clone, PartialEq)]
pub struct TableTool {
    /// Its name.
    pub name: String,
    /// When and how to use it, for the model.
    pub description: String,
    /// How long a run may take.
    pub timeout: Duration,
    /// What the caller hears when a run takes its time.
    pub filler: Option<Filler>,
    /// The line of its file where it is named, from 1.
    pub name_line: usize,
    /// The line of its file where its table is declared, from 1.
    pub table_line: usize,
    parameters: Vec<Parameter>,
    query: Query,
}

/// The query of a table tool, without the arguments.
#[derive(Debug, Clone, PartialEq)]
struct Query {
    from: Table,
    columns: Vec<Column>,
    all: Vec<Filter>,
    any: Vec<Filter>,
    order: Vec<Order>,
    limit: u32,
    /// What the list of rows is called in the output.
    list: String,
    /// Rows belong to businesses: a call of one business never sees another's.
    tenant: bool,
}

impl TableTool {
    /// What the model is shown.
    pub fn spec(&self) -> ToolSpec {
        let properties: Map<_, _> =
            self.parameters.iter().map(|each| (each.name.clone(), each.schema.clone())).collect();
        let required: Vec<_> =
            self.parameters.iter().filter(|each| each.required).map(|each| each.name.as_str()).collect();
        ToolSpec {
            name: self.name.clone(),
            description: self.description.clone(),
            parameters: json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            }),
            filler: self.filler.clone(),
        }
    }

    /// Runs the query for arguments that satisfy the schema.
    ///
    /// # Errors
    /// [`ToolError::Refused`] for an argument that cannot be bound, else as the store fails.
    pub async fn run(
        &self,
        arguments: Map<String, Value>,
        context: &ToolContext,
    ) -> Result<Value, ToolError> {
        let arguments = self.with_defaults(arguments);
        let select = self.select(&arguments, &context.tenant)?;
        let rows = context.store.select(select).await?;
        Ok(self.answer(rows, &arguments))
    }

    /// Answers whether the table and every column it uses are there, in words that say what is missing.
    ///
    /// # Errors
    /// What is missing, and what there is instead.
    pub async fn check(&self, store: &Store) -> Result<(), String> {
        let table = &self.query.from;
        let known = store.columns(table.clone()).await.map_err(|error| error.to_string())?;
        let missing: Vec<_> =
            self.used_columns().into_iter().filter(|name| !known.iter().any(|k| k == name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let hint = if missing.contains(&TENANT_COLUMN) {
            "; rows that every business may read need `tenant = false`"
        } else {
            ""
        };
        let (missing, known) = (missing.join(", "), known.join(", "));
        Err(format!("table `{table}` has no column {missing}; it has {known}{hint}"))
    }

    fn used_columns(&self) -> Vec<&str> {
        let query = &self.query;
        let filters = query.all.iter().chain(&query.any).map(Filter::column);
        let order = query.order.iter().map(|order| &order.column);
        let mut names: Vec<_> =
            query.columns.iter().chain(filters).chain(order).map(Column::as_str).collect();
        if query.tenant {
            names.push(TENANT_COLUMN);
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    fn with_defaults(&self, mut arguments: Map<String, Value>) -> Map<String, Value> {
        for parameter in &self.parameters {
            if let Some(default) = &parameter.default
                && !arguments.contains_key(&parameter.name)
            {
                arguments.insert(parameter.name.clone(), default.clone());
            }
        }
        arguments
    }

    /// The query for these arguments. It asks for one row more than the limit, to know whether there are more.
    fn select(&self, arguments: &Map<String, Value>, tenant: &Tenant) -> Result<Select, ToolError> {
        let bind = |filters: &[Filter]| -> Result<Vec<_>, ToolError> {
            let bound = filters.iter().filter_map(|filter| filter.bind(arguments).transpose());
            bound.collect::<Result<_, _>>().map_err(ToolError::Refused)
        };
        Ok(Select {
            from: self.query.from.clone(),
            tenant: if self.query.tenant { tenant.clone() } else { Tenant::Any },
            columns: self.query.columns.clone(),
            all: bind(&self.query.all)?,
            any: bind(&self.query.any)?,
            order: self.query.order.clone(),
            limit: self.query.limit + 1,
        })
    }

    fn answer(&self, mut rows: Vec<Row>, arguments: &Map<String, Value>) -> Value {
        let limit = self.query.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut answer = Map::new();
        answer.insert("count".into(), rows.len().into());
        if rows.is_empty() {
            answer.insert("note".into(), nothing_found(arguments).into());
        } else if more {
            let note = format!(
                "these are the first {limit}; there are more: ask for something more specific to see them"
            );
            answer.insert("note".into(), note.into());
        }
        answer.insert(self.query.list.clone(), rows.into());
        Value::Object(answer)
    }
}

fn nothing_found(arguments: &Map<String, Value>) -> String {
    let asked: Vec<_> = arguments.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let asked = if asked.is_empty() { String::new() } else { format!(" for {}", asked.join(", ")) };
    format!(
        "nothing was found{asked}: try once more with another, shorter or more general value, \
         else tell the caller that there is none; do not make one up"
    )
}

/// A column's name, or a mistake in the file.
fn read_column(section: &Section<'_, '_>, name: &Spanned<String>) -> Option<Column> {
    match name.get_ref().parse() {
        Ok(column) => Some(column),
        Err(error) => {
            section.mistake(&name.span(), format!("{error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests;
