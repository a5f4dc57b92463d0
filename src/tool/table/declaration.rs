//! Reads the file of a table tool.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::filter::Filter;
use super::parameter::Parameter;
use super::{Action, Query, TableTool, read_column, write};
use crate::store::{Column, Order, Table};
use crate::tool::document::{Document, Mistake, Section};
use crate::tool::{Effect, Filler, LONGEST_DESCRIPTION, is_tool_name};

const DEFAULT_TIMEOUT_MS: i64 = 3_000;
const LONGEST_TIMEOUT_MS: i64 = 30_000;
const LONGEST_FILLER: usize = 200;
const DEFAULT_FILLER_AFTER_MS: i64 = 1_200;
const FILLER_AFTER_MS: RangeInclusive<i64> = 200..=10_000;
const DEFAULT_LIMIT: i64 = 10;
/// The most rows a tool may ask for: the model reads them all, and the caller waits meanwhile.
const HIGHEST_LIMIT: i64 = 100;
const DEFAULT_LIST: &str = "rows";

impl TableTool {
    /// Reads a tool's file.
    ///
    /// # Errors
    /// Every mistake in it, by line.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let document = Document::new(text, 1);
        let tool = document.parse().and_then(|root| read_tool(&document, Section::root(&document, &root)));
        match tool {
            Some(tool) if document.is_clean() => Ok(tool),
            Some(_) | None => Err(document.into_mistakes()),
        }
    }
}

fn read_tool(document: &Document<'_>, mut root: Section<'_, '_>) -> Option<TableTool> {
    let name = read_name(&mut root);
    let name_line = name.as_ref().map_or(1, |name| document.line_of(&name.span()));
    let description = root.required_text("description", LONGEST_DESCRIPTION);
    let effect = read_effect(&mut root);
    let timeout_ms = root.integer("timeout_ms", 1..=LONGEST_TIMEOUT_MS).unwrap_or(DEFAULT_TIMEOUT_MS);
    let filler = read_filler(&mut root);
    let parameters: Vec<_> = root
        .section("parameters")
        .map(|section| section.named_sections())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, section)| Parameter::read(name.get_ref(), &name.span(), section))
        .collect();
    let (action, table_line) = match effect {
        Some(Effect::Read) => {
            root.require("table");
            let table = root.section("table");
            let line = table.as_ref().map_or(1, |table| document.line_of(table.place()));
            (table.and_then(|table| read_query(table, &parameters)).map(Action::Read), line)
        }
        Some(Effect::Write) => {
            let write = write::read(&mut root, &parameters);
            let line = write.as_ref().map_or(1, |(_, place)| document.line_of(place));
            (write.map(|(write, _)| Action::Write(write)), line)
        }
        // Which of the sections it needs is not known.
        None => return None,
    };
    root.finish();
    Some(TableTool {
        name: name?.into_inner(),
        description: description?.into_inner(),
        timeout: Duration::from_millis(timeout_ms.unsigned_abs()),
        filler,
        name_line,
        table_line,
        parameters,
        action: action?,
    })
}

fn read_name(root: &mut Section<'_, '_>) -> Option<Spanned<String>> {
    let name = root.required_text("name", 64)?;
    if !is_tool_name(name.get_ref()) {
        root.mistake(
            &name.span(),
            format!("`{}` is no tool name: use 1 to 64 of a-z, A-Z, 0-9, '_' and '-', and no `handoff_` at its start", name.get_ref()),
        );
    }
    Some(name)
}

fn read_effect(root: &mut Section<'_, '_>) -> Option<Effect> {
    let effect = root.required_text("effect", 20)?;
    let known = Effect::parse(effect.get_ref());
    if known.is_none() {
        root.mistake(
            &effect.span(),
            format!("unknown effect `{}`, known effects are read, write", effect.get_ref()),
        );
    }
    known
}

fn read_filler(root: &mut Section<'_, '_>) -> Option<Filler> {
    let text = root.text("filler", LONGEST_FILLER);
    let after_ms = root.integer("filler_after_ms", FILLER_AFTER_MS).unwrap_or(DEFAULT_FILLER_AFTER_MS);
    if let Some(value) = root.value("filler_after_ms")
        && root.value("filler").is_none()
    {
        root.mistake(&value.span(), "`filler_after_ms` says when the `filler` is said, and there is none");
    }
    Some(Filler { text: text?.into_inner(), after: Duration::from_millis(after_ms.unsigned_abs()) })
}

fn read_query(mut table: Section<'_, '_>, parameters: &[Parameter]) -> Option<Query> {
    let from = table.required_text("from", 63).and_then(|name| read_table(&table, &name));
    table.require("select");
    let columns = read_columns(&mut table);
    let all = read_filters(&mut table, "where");
    let any = read_filters(&mut table, "any");
    let order = read_order(&mut table);
    let limit = table.integer("limit", 1..=HIGHEST_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let list = table.text("as", 40).map_or_else(|| DEFAULT_LIST.to_owned(), Spanned::into_inner);
    if matches!(list.as_str(), "count" | "note") {
        table.mistake(
            table.place(),
            format!("`as` cannot be `{list}`: the output has a field of that name already"),
        );
    }
    let tenant = table.boolean("tenant").unwrap_or(true);
    let used: Vec<_> = all.iter().chain(&any).flat_map(Filter::arguments).collect();
    check_arguments(&table, "filter", parameters, &used);
    table.finish();
    let limit = u32::try_from(limit).ok()?;
    Some(Query { from: from?, columns, all, any, order, limit, list, tenant })
}

pub(super) fn read_table(section: &Section<'_, '_>, name: &Spanned<String>) -> Option<Table> {
    match name.get_ref().parse() {
        Ok(table) => Some(table),
        Err(error) => {
            section.mistake(&name.span(), format!("{error}"));
            None
        }
    }
}

fn read_columns(table: &mut Section<'_, '_>) -> Vec<Column> {
    let names = table.texts("select");
    let mut columns: Vec<Column> = Vec::new();
    for name in &names {
        let Some(column) = read_column(table, name) else {
            continue;
        };
        if columns.contains(&column) {
            table.mistake(&name.span(), format!("`{column}` is selected twice"));
        } else {
            columns.push(column);
        }
    }
    if let Some(select) = table.value("select")
        && names.is_empty()
    {
        table.mistake(&select.span(), "`select` must name at least one column");
    }
    columns
}

fn read_filters(table: &mut Section<'_, '_>, key: &'static str) -> Vec<Filter> {
    table.sections(key).into_iter().filter_map(Filter::read).collect()
}

/// `"name"`, `"-price"`, or a list of such.
fn read_order(table: &mut Section<'_, '_>) -> Vec<Order> {
    let is_list = table.value("order").is_some_and(|value| value.get_ref().is_array());
    let names = if is_list { table.texts("order") } else { table.text("order", 64).into_iter().collect() };
    let order = |name: Spanned<String>| {
        let (text, descending) = match name.get_ref().strip_prefix('-') {
            Some(column) => (column, true),
            None => (name.get_ref().as_str(), false),
        };
        let column = read_column(table, &Spanned::new(name.span(), text.to_owned()))?;
        Some(Order { column, descending })
    };
    names.into_iter().filter_map(order).collect()
}

/// Every argument that is named is a parameter, and every parameter is used. `user` is what may name them.
pub(super) fn check_arguments(
    section: &Section<'_, '_>,
    user: &str,
    parameters: &[Parameter],
    used: &[&str],
) {
    let known: Vec<&str> = parameters.iter().map(|each| each.name.as_str()).collect();
    let mut unknown: Vec<_> = used.iter().filter(|name| !known.contains(name)).collect();
    unknown.sort_unstable();
    unknown.dedup();
    for name in unknown {
        let known = known.join(", ");
        section
            .mistake(section.place(), format!("a {user} uses `{{{name}}}`, but the parameters are: {known}"));
    }
    for parameter in parameters.iter().filter(|each| !used.contains(&each.name.as_str())) {
        let name = &parameter.name;
        section.mistake(&parameter.place, format!("parameter `{name}` is used by no {user}"));
    }
}
