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
use crate::store::record::NameError;
use crate::store::{Column, Order, Row, Scalar, Select, Store, Table, Test};
use crate::tool::document::Section;
use crate::tool::{Filler, ToolContext, ToolError, ToolSpec};

/// The column that says whose a row is, in every table that belongs to businesses.
const TENANT_COLUMN: &str = "business_id";

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
        let select = self.select(&arguments, context.business_id.as_deref())?;
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
    fn select(&self, arguments: &Map<String, Value>, business_id: Option<&str>) -> Result<Select, ToolError> {
        let bind = |filters: &[Filter]| -> Result<Vec<_>, ToolError> {
            let bound = filters.iter().filter_map(|filter| filter.bind(arguments).transpose());
            bound.collect::<Result<_, _>>().map_err(ToolError::Refused)
        };
        let mut all = bind(&self.query.all)?;
        if let Some(business_id) = business_id.filter(|_| self.query.tenant) {
            all.push(of_business(business_id)?);
        }
        Ok(Select {
            from: self.query.from.clone(),
            columns: self.query.columns.clone(),
            all,
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

/// The filter that keeps a call to the rows of its business.
///
/// # Errors
/// None in practice: the column's name is checked as any other.
pub fn of_business(business_id: &str) -> Result<(Column, Test), NameError> {
    Ok((TENANT_COLUMN.parse()?, Test::Eq(Scalar::Text(business_id.to_owned()))))
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
