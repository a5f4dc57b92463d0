//! The finance tool: profit and loss of a period from the general ledger.

mod period;
mod statement;

use std::time::Duration;

use jiff::civil::{Date, date};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use validator::Validate;

use self::period::{FORMATS, Period, day, month_of, next_month};
use self::statement::{Line, statements};
use super::paging::read_all;
use super::{Tool, ToolContext, ToolError};
use crate::store::record::NameError;
use crate::store::{Column, Order, Scalar, Select, Test};

/// More lines than this are refused: a figure is computed on all its lines or not at all.
const MOST_LINES: usize = 50_000;
/// Ledger lines shown, over all currencies.
const SHOWN_LINES: usize = 20;
/// At most so many months with lines are looked for when a period has none.
const MOST_MONTHS: usize = 36;

/// No ledger is older.
const EARLIEST: Date = date(1900, 1, 1);

/// Profit and loss of a period.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct FetchFinancials {
    /// The period: a month such as 2026-03, a quarter such as 2026-Q1, a year such as 2026, or a range of days
    /// such as 2026-01-01..2026-03-31.
    #[validate(length(min = 4, max = 40))]
    period: String,
    /// Only this currency; leave it out for all currencies.
    #[serde(default)]
    #[schemars(with = "Currency")]
    currency: Option<Currency>,
}

// ISO 4217. No doc comments on the variants: schemars would turn a plain `enum` into a list of `oneOf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Currency {
    Rwf,
    Eur,
    Usd,
    Gbp,
    Cad,
}

impl Currency {
    fn code(self) -> &'static str {
        match self {
            Self::Rwf => "RWF",
            Self::Eur => "EUR",
            Self::Usd => "USD",
            Self::Gbp => "GBP",
            Self::Cad => "CAD",
        }
    }
}

impl Tool for FetchFinancials {
    const NAME: &'static str = "fetch_financials";
    const DESCRIPTION: &'static str = "Fetches the profit and loss statement (P&L) of a period from the general \
        ledger, per currency: revenue, cost of goods sold, gross profit, operating expenses, EBITDA and margins, \
        the total of each account, and the largest ledger lines behind the figures.";
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn run(self, context: ToolContext) -> Result<Value, ToolError> {
        let period = Period::parse(&self.period).map_err(ToolError::Refused)?;
        let ledger = Ledger { context, currency: self.currency };
        let lines = ledger.lines(period).await?;
        let mut answer = json!({"period": self.period.trim(), "from": period.from, "to": period.to});
        if lines.is_empty() {
            answer["statements"] = json!([]);
            answer["note"] = ledger.nothing_posted().await?.into();
        } else {
            let statements = statements(lines, SHOWN_LINES).map_err(ToolError::Refused)?;
            answer["statements"] = json!(statements);
            answer["note"] =
                "EBITDA is revenue less cost of goods sold and operating expenses, before interest, tax, \
                              depreciation and amortisation; currencies are never added together"
                    .into();
        }
        Ok(answer)
    }
}

/// The general ledger, as far as this call may read it.
struct Ledger {
    context: ToolContext,
    currency: Option<Currency>,
}

impl Ledger {
    async fn lines(&self, period: Period) -> Result<Vec<Line>, ToolError> {
        let too_many = format!(
            "the period has more than {MOST_LINES} ledger lines, too many to be added up at once: ask for a shorter one, {FORMATS}"
        );
        let days = vec![posted(Test::Gte, period.from), posted(Test::Lte, period.to)];
        let columns = ["id", "posted_on", "account", "account_name", "amount", "currency", "memo"];
        let select = self.select(&columns, days)?;
        let key = column("id")?;
        let rows = read_all(&self.context.store, select, &key, MOST_LINES, &too_many).await?;
        rows.iter().map(Line::read).collect::<Result<_, _>>().map_err(ToolError::Refused)
    }

    /// Says which months have lines, so that the model can offer them.
    async fn nothing_posted(&self) -> Result<String, ToolError> {
        let months = self.months().await?;
        let of_currency =
            self.currency.map(|currency| format!(" in {}", currency.code())).unwrap_or_default();
        Ok(match months.as_slice() {
            [] => format!("there are no ledger lines{of_currency} at all; do not make up figures"),
            months => format!(
                "there are no ledger lines{of_currency} in this period; the months with lines are {}; do not make up figures",
                months.join(", ")
            ),
        })
    }

    /// The months with lines, one small query each: from the first line to the first line after its month.
    async fn months(&self) -> Result<Vec<String>, ToolError> {
        let mut months = Vec::new();
        let mut after = EARLIEST;
        while months.len() < MOST_MONTHS {
            let select = self.select(&["posted_on"], vec![posted(Test::Gte, after)])?;
            let rows = self.context.store.select(select).await?;
            let first = rows.first().and_then(|row| day(row.get("posted_on")?.as_str()?));
            let Some(first) = first else { break };
            months.push(month_of(first));
            let Some(next) = next_month(first) else { break };
            after = next;
        }
        Ok(months)
    }

    /// The earliest line that fits; [`read_all`] sets another order and limit.
    fn select(&self, columns: &[&str], days: Vec<(&str, Test)>) -> Result<Select, NameError> {
        let mut all = days
            .into_iter()
            .map(|(name, test)| Ok((column(name)?, test)))
            .collect::<Result<Vec<_>, NameError>>()?;
        if let Some(currency) = self.currency {
            all.push((column("currency")?, Test::Eq(Scalar::Text(currency.code().to_owned()))));
        }
        Ok(Select {
            from: "gl_lines".parse()?,
            tenant: self.context.tenant.clone(),
            columns: columns.iter().map(|name| column(name)).collect::<Result<_, _>>()?,
            all,
            any: Vec::new(),
            order: vec![Order { column: column("posted_on")?, descending: false }],
            limit: 1,
        })
    }
}

fn posted(test: fn(Scalar) -> Test, date: Date) -> (&'static str, Test) {
    ("posted_on", test(Scalar::Text(date.to_string())))
}

fn column(name: &str) -> Result<Column, NameError> {
    name.parse()
}

#[cfg(test)]
mod tests;
