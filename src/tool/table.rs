//! Table tools: a query or a change of one table, declared in a file. The model's arguments reach the store as bound values only.

mod declaration;
mod filter;
mod parameter;
mod parts;
mod write;

use std::time::Duration;

use serde_json::{Map, Value, json};
use toml::Spanned;

use self::filter::Filter;
use self::parameter::Parameter;
use self::write::Write;
use crate::store::record::TENANT_COLUMN;
use crate::store::{Column, Order, Row, Select, Store, StoreError, Table, Tenant};
use crate::tool::document::Section;
use crate::tool::{Effect, Filler, Plan, ToolContext, ToolError, ToolSpec};

/// A tool that reads or writes one table, as its file declares.
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
    action: Action,
}

/// What a table tool does.
#[derive(Debug, Clone, PartialEq)]
enum Action {
    Read(Query),
    Write(Write),
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

    /// Whether it changes something.
    pub fn effect(&self) -> Effect {
        match self.action {
            Action::Read(_) => Effect::Read,
            Action::Write(_) => Effect::Write,
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
        match &self.action {
            Action::Read(query) => {
                let select = query.select(&arguments, &context.tenant)?;
                let rows = context.store.select(select).await?;
                Ok(query.answer(rows, &arguments))
            }
            Action::Write(_) => Err(ToolError::Refused(format!("`{}` changes a table", self.name))),
        }
    }

    /// What is to be changed for arguments that satisfy the schema.
    ///
    /// # Errors
    /// [`ToolError::Refused`] for an argument that cannot be bound, or when nothing would be changed.
    pub fn plan(&self, arguments: Map<String, Value>, context: &ToolContext) -> Result<Plan, ToolError> {
        match &self.action {
            Action::Read(_) => Err(ToolError::Refused(format!("`{}` changes nothing", self.name))),
            Action::Write(write) => {
                write.plan(&self.with_defaults(arguments), &context.tenant).map_err(ToolError::Refused)
            }
        }
    }

    /// What of the table and the columns it uses is not there, and what there is instead; `None` when all is.
    ///
    /// # Errors
    /// When the store cannot say now: see [`StoreError::is_passing`].
    pub async fn missing(&self, store: &Store) -> Result<Option<String>, StoreError> {
        let (table, mut used) = match &self.action {
            Action::Read(query) => (&query.from, query.used_columns()),
            Action::Write(write) => (write.table(), write.used_columns()),
        };
        used.sort_unstable();
        used.dedup();
        let known = match store.columns(table.clone()).await {
            Ok(known) => known,
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => return Ok(Some(error.to_string())),
        };
        let missing: Vec<_> = used.into_iter().filter(|name| !known.iter().any(|k| k == name)).collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let hint = if missing.contains(&TENANT_COLUMN) {
            "; rows that every business may read need `tenant = false`"
        } else {
            ""
        };
        let (missing, known) = (missing.join(", "), known.join(", "));
        Ok(Some(format!("table `{table}` has no column {missing}; it has {known}{hint}")))
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
}

impl Query {
    fn used_columns(&self) -> Vec<&str> {
        let filters = self.all.iter().chain(&self.any).map(Filter::column);
        let order = self.order.iter().map(|order| &order.column);
        let mut names: Vec<_> = self.columns.iter().chain(filters).chain(order).map(Column::as_str).collect();
        names.extend(self.tenant.then_some(TENANT_COLUMN));
        names
    }

    /// The query for these arguments. It asks for one row more than the limit, to know whether there are more.
    fn select(&self, arguments: &Map<String, Value>, tenant: &Tenant) -> Result<Select, ToolError> {
        let bind = |filters: &[Filter]| -> Result<Vec<_>, ToolError> {
            let bound = filters.iter().filter_map(|filter| filter.bind(arguments).transpose());
            bound.collect::<Result<_, _>>().map_err(ToolError::Refused)
        };
        Ok(Select {
            from: self.from.clone(),
            tenant: if self.tenant { tenant.clone() } else { Tenant::Any },
            columns: self.columns.clone(),
            all: bind(&self.all)?,
            any: bind(&self.any)?,
            order: self.order.clone(),
            limit: self.limit + 1,
        })
    }

    fn answer(&self, mut rows: Vec<Row>, arguments: &Map<String, Value>) -> Value {
        let limit = self.limit as usize;
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
        answer.insert(self.list.clone(), rows.into());
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
