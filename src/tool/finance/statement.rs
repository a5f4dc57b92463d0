//! Profit and loss from general-ledger lines. Decimal arithmetic only, one statement per currency: amounts of
//! different currencies are never added.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use serde_json::Value;

use crate::store::Row;

/// One line of the general ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// The day it was posted, as `2026-03-31`.
    pub(super) posted_on: String,
    /// Four digits; the first says what it is.
    pub(super) account: String,
    /// The account in words.
    pub(super) account_name: String,
    /// Positive in the account's natural direction.
    pub(super) amount: Decimal,
    /// ISO 4217. Said once, by the statement.
    #[serde(skip)]
    pub(super) currency: String,
    /// What it was for.
    pub(super) memo: Option<String>,
}

/// Where an account stands in the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Revenue,
    CostOfGoods,
    OperatingExpense,
    /// Depreciation, interest, tax and the balance sheet: no part of EBITDA.
    Outside,
}

/// Profit and loss in one currency, down to EBITDA.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Statement {
    /// ISO 4217.
    pub(super) currency: String,
    /// Accounts 4xxx.
    pub(super) revenue: Decimal,
    /// Accounts 5xxx.
    pub(super) cost_of_goods_sold: Decimal,
    /// Revenue less cost of goods.
    pub(super) gross_profit: Decimal,
    /// Gross profit in percent of revenue, one decimal; absent without revenue.
    pub(super) gross_margin_percent: Option<Decimal>,
    /// Accounts 6xxx.
    pub(super) operating_expenses: Decimal,
    /// Gross profit less operating expenses.
    pub(super) ebitda: Decimal,
    /// EBITDA in percent of revenue, one decimal; absent without revenue.
    pub(super) ebitda_margin_percent: Option<Decimal>,
    /// The total of each account in it, by account.
    pub(super) accounts: Vec<AccountTotal>,
    /// The largest lines behind it, largest first.
    pub(super) largest_lines: Vec<Line>,
    /// How many lines are behind it.
    pub(super) line_count: usize,
    /// How many of them are not among the largest.
    pub(super) lines_left_out: usize,
    /// What is not in it and why; absent when every line is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) excluded: Option<String>,
}

/// What was posted to one account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AccountTotal {
    /// Four digits.
    pub(super) account: String,
    /// The account in words.
    pub(super) account_name: String,
    /// The sum of its lines.
    pub(super) total: Decimal,
}

impl Line {
    /// Reads a row of the ledger.
    ///
    /// # Errors
    /// What is wrong with it, in words for the model: a statement is not computed without it.
    pub(super) fn read(row: &Row) -> Result<Self, String> {
        let text = |name: &str| match row.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            // digits as they stand: a number is never taken through a float of ours
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err(unreadable(row, name)),
        };
        let amount = text("amount")?;
        Ok(Self {
            posted_on: text("posted_on")?,
            account: text("account")?,
            account_name: text("account_name")?,
            amount: amount.trim().parse().map_err(|_| unreadable(row, "amount"))?,
            currency: text("currency")?,
            memo: row.get("memo").and_then(Value::as_str).map(str::to_owned),
        })
    }

    fn class(&self) -> Class {
        match self.account.as_bytes().first() {
            Some(b'4') => Class::Revenue,
            Some(b'5') => Class::CostOfGoods,
            Some(b'6') => Class::OperatingExpense,
            _ => Class::Outside,
        }
    }
}

fn unreadable(row: &Row, column: &str) -> String {
    let id = row.get("id").map(ToString::to_string).unwrap_or_default();
    format!(
        "the ledger line {id} has no readable {column}, so no figures are computed: the ledger must be mended"
    )
}

/// One statement per currency, by currency, each with at most `most_lines` lines divided among them.
///
/// # Errors
/// When a sum is beyond what can be represented exactly.
pub(super) fn statements(lines: Vec<Line>, most_lines: usize) -> Result<Vec<Statement>, String> {
    let mut by_currency: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in lines {
        by_currency.entry(line.currency.clone()).or_default().push(line);
    }
    let each = most_lines / by_currency.len().max(1);
    by_currency
        .into_iter()
        .map(|(currency, lines)| {
            let too_large = || format!("the amounts in {currency} are too large to be added exactly");
            statement(&currency, lines, each).ok_or_else(too_large)
        })
        .collect()
}

/// `None` when a sum overflows.
fn statement(currency: &str, lines: Vec<Line>, most_lines: usize) -> Option<Statement> {
    let (outside, mut lines): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.class() == Class::Outside);
    let total = |class: Class| {
        let amounts = lines.iter().filter(|line| line.class() == class).map(|line| line.amount);
        sum(amounts)
    };
    let revenue = total(Class::Revenue)?;
    let cost_of_goods_sold = total(Class::CostOfGoods)?;
    let operating_expenses = total(Class::OperatingExpense)?;
    let gross_profit = revenue.checked_sub(cost_of_goods_sold)?;
    let ebitda = gross_profit.checked_sub(operating_expenses)?;
    let accounts = account_totals(&lines)?;
    let line_count = lines.len();
    lines.sort_by(|a, b| {
        let key = |line: &Line| (Reverse(line.amount.abs()), line.posted_on.clone(), line.account.clone());
        key(a).cmp(&key(b))
    });
    lines.truncate(most_lines);
    Some(Statement {
        currency: currency.to_owned(),
        revenue,
        cost_of_goods_sold,
        gross_profit,
        gross_margin_percent: percent(gross_profit, revenue),
        operating_expenses,
        ebitda,
        ebitda_margin_percent: percent(ebitda, revenue),
        accounts,
        lines_left_out: line_count - lines.len(),
        largest_lines: lines,
        line_count,
        excluded: excluded(&outside),
    })
}

fn sum(mut amounts: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    amounts.try_fold(Decimal::ZERO, Decimal::checked_add)
}

fn account_totals(lines: &[Line]) -> Option<Vec<AccountTotal>> {
    let mut accounts: BTreeMap<(&str, &str), Vec<Decimal>> = BTreeMap::new();
    for line in lines {
        accounts.entry((&line.account, &line.account_name)).or_default().push(line.amount);
    }
    let total = |((account, account_name), amounts): ((&str, &str), Vec<Decimal>)| {
        let total = sum(amounts.into_iter())?;
        Some(AccountTotal { account: account.to_owned(), account_name: account_name.to_owned(), total })
    };
    accounts.into_iter().map(total).collect()
}

fn percent(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let share = part.checked_div(whole)?.checked_mul(Decimal::ONE_HUNDRED)?;
    let mut share = share.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero);
    share.rescale(1);
    Some(share)
}

fn excluded(outside: &[Line]) -> Option<String> {
    if outside.is_empty() {
        return None;
    }
    let mut accounts: Vec<_> =
        outside.iter().map(|line| format!("{} {}", line.account, line.account_name)).collect();
    accounts.sort();
    accounts.dedup();
    Some(format!(
        "{} lines on accounts that are no part of EBITDA (only 4xxx, 5xxx and 6xxx are): {}",
        outside.len(),
        accounts.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn line(account: &str, amount: &str, currency: &str) -> Line {
        let row = json!({
            "id": 1, "posted_on": "2026-03-05", "account": account, "account_name": format!("Account {account}"),
            "amount": amount, "currency": currency, "memo": null,
        });
        Line::read(row.as_object().unwrap()).unwrap()
    }

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn ebitda_is_revenue_less_cost_of_goods_and_operating_expenses() {
        let lines = vec![
            line("4000", "1000.10", "EUR"),
            line("4100", "0.20", "EUR"),
            line("5000", "300.05", "EUR"),
            line("6000", "200.00", "EUR"),
            line("7000", "999.00", "EUR"),
        ];
        let all = statements(lines, 20).unwrap();
        let [statement] = all.as_slice() else { panic!("one currency, one statement: {all:?}") };
        assert_eq!(statement.revenue, decimal("1000.30"));
        assert_eq!(statement.gross_profit, decimal("700.25"));
        assert_eq!(statement.ebitda, decimal("500.25"));
        assert_eq!(statement.gross_margin_percent, Some(decimal("70.0")));
        assert_eq!(statement.ebitda_margin_percent, Some(decimal("50.0")));
        assert!(statement.excluded.as_ref().unwrap().contains("7000 Account 7000"));
        assert_eq!(statement.line_count, 4);
    }

    #[test]
    fn currencies_are_never_added() {
        let lines = vec![line("4000", "5", "RWF"), line("4000", "7", "EUR"), line("6000", "9", "RWF")];
        let all = statements(lines, 20).unwrap();
        let found: Vec<_> =
            all.iter().map(|each| (each.currency.as_str(), each.ebitda.to_string())).collect();
        assert_eq!(found, [("EUR", "7".to_owned()), ("RWF", "-4".to_owned())]);
    }

    #[test]
    fn a_loss_without_revenue_has_no_margin() {
        let all = statements(vec![line("6000", "10.00", "USD")], 20).unwrap();
        assert_eq!(all[0].ebitda, decimal("-10.00"));
        assert_eq!(all[0].ebitda_margin_percent, None);
    }

    #[test]
    fn the_largest_lines_come_first_and_the_rest_is_counted() {
        let lines = vec![line("4000", "1", "EUR"), line("6000", "-30", "EUR"), line("5000", "20", "EUR")];
        let all = statements(lines, 2).unwrap();
        let amounts: Vec<_> = all[0].largest_lines.iter().map(|line| line.amount.to_string()).collect();
        assert_eq!(amounts, ["-30", "20"]);
        assert_eq!((all[0].line_count, all[0].lines_left_out), (3, 1));
    }

    #[test]
    fn a_line_that_cannot_be_read_stops_the_figures() {
        let row = json!({"id": 9, "posted_on": "2026-01-01", "account": "4000", "account_name": "x", "amount": "1,5", "currency": "EUR"});
        let why = Line::read(row.as_object().unwrap()).unwrap_err();
        assert_eq!(
            why,
            "the ledger line 9 has no readable amount, so no figures are computed: the ledger must be mended"
        );
    }

    #[test]
    fn a_sum_beyond_exactness_is_refused() {
        let huge = Decimal::MAX.to_string();
        assert!(statements(vec![line("4000", &huge, "EUR"), line("4000", &huge, "EUR")], 20).is_err());
    }

    proptest! {
        #[test]
        fn accounts_add_up_to_the_figures(amounts in prop::collection::vec((4_000u32..7_000, -1_000_000i64..1_000_000), 1..60)) {
            let lines = amounts.iter().map(|(account, cents)| line(&account.to_string(), &Decimal::new(*cents, 2).to_string(), "EUR"));
            let all = statements(lines.collect(), 20).unwrap();
            let signed = |total: &AccountTotal| if total.account.starts_with('4') { total.total } else { -total.total };
            prop_assert_eq!(all[0].ebitda, all[0].accounts.iter().map(signed).sum::<Decimal>());
            prop_assert_eq!(all[0].line_count, amounts.len());
        }
    }
}
