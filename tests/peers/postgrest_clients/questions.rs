//! What is asked: of the demo rows, in our words and in the clients'.

use ai_realtime::store::{Order, Pattern, PatternPart, Scalar, Select, Tenant, Test};
use serde_json::{Value, json};

/// One question.
pub(super) struct Question {
    pub(super) what: &'static str,
    pub(super) select: Select,
    /// Whether it is asked in the same words. Patterns are not: with `ilike` nobody can look for a `*`.
    pub(super) same_words: bool,
    filters: Vec<Value>,
    or: String,
}

pub(super) fn all() -> Vec<Question> {
    let text = |text: &str| Scalar::Text(text.to_owned());
    let decimal = |text: &str| Scalar::Decimal(text.parse().unwrap());
    let texts = |texts: &[&str]| Test::In(texts.iter().map(|each| text(each)).collect());
    let kigali = "Agaseke Terrace, Kigali";
    vec![
        menu("text with a comma", vec![("venue", Test::Eq(text(kigali)))]),
        menu("a list of texts with commas", vec![("venue", texts(&[kigali, "x)", "a.b"]))]),
        menu("a list of one", vec![("id", texts(&["kgl-mutzig", "nobody"]))]),
        menu("an empty list", vec![("id", Test::In(vec![]))]),
        menu("other than", vec![("currency", Test::Ne(text("RWF")))]),
        menu(
            "two bounds",
            vec![("price", Test::Gte(decimal("4.50"))), ("price", Test::Lt(Scalar::Integer(9)))],
        ),
        menu(
            "above and up to",
            vec![("price", Test::Gt(decimal("3000"))), ("price", Test::Lte(decimal("9500")))],
        ),
        menu("a flag", vec![("available", Test::Eq(Scalar::Bool(false)))]),
        menu(
            "quotes, backslashes, signs of the grammar",
            vec![("name", Test::Eq(text("\"a\\b\",(c.d)&e=%25+*")))],
        ),
        rules("without a value", vec![("region", Test::IsNull(true))]),
        rules("with a value", vec![("region", Test::IsNull(false)), ("jurisdiction", Test::Eq(text("EU")))]),
        rules("everything", vec![]),
        ledger(
            "days",
            vec![("posted_on", Test::Gte(text("2025-04-01"))), ("posted_on", Test::Lt(text("2025-05-01")))],
        ),
        any("one of two", vec![("venue", Test::Eq(text(kigali))), ("price", Test::Lt(decimal("3")))]),
        any(
            "one of hostile ones",
            vec![("name", Test::Eq(text("\"),(x"))), ("id", Test::Eq(text("kgl-mutzig")))],
        ),
        pattern("within a text", "goat", true),
        pattern("at the beginning of a text", "BEEF", false),
        pattern("with signs of its own", "50% (a_b)", true),
    ]
}

fn menu(what: &'static str, all: Vec<(&str, Test)>) -> Question {
    question(what, "menu_items", &["id", "name", "price", "dietary"], "price", all)
}

fn rules(what: &'static str, all: Vec<(&str, Test)>) -> Question {
    question(what, "tax_rules", &["id", "region", "rate"], "region", all)
}

fn ledger(what: &'static str, all: Vec<(&str, Test)>) -> Question {
    question(what, "gl_lines", &["id", "posted_on", "amount"], "amount", all)
}

fn any(what: &'static str, any: Vec<(&str, Test)>) -> Question {
    let or = any.iter().map(|(column, test)| in_or(column, test)).collect::<Vec<_>>().join(",");
    let mut question = Question { or, same_words: false, ..menu(what, vec![]) };
    question.select.any = any.into_iter().map(|(column, test)| (column.parse().unwrap(), test)).collect();
    question
}

fn pattern(what: &'static str, text: &str, open: bool) -> Question {
    let mut parts = vec![PatternPart::Text(text.to_owned()), PatternPart::Any];
    if open {
        parts.insert(0, PatternPart::Any);
    }
    let mut question = menu(what, vec![]);
    question.select.all = vec![("name".parse().unwrap(), Test::Like(Pattern(parts)))];
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let wanted = format!("{}{escaped}%", if open { "%" } else { "" });
    Question { same_words: false, filters: vec![json!(["ilike", "name", wanted])], ..question }
}

fn question(
    what: &'static str,
    from: &str,
    columns: &[&str],
    order: &str,
    all: Vec<(&str, Test)>,
) -> Question {
    let ordered = |column: &str, descending| Order { column: column.parse().unwrap(), descending };
    Question {
        what,
        same_words: true,
        filters: all.iter().map(|(column, test)| for_clients(column, test)).collect(),
        or: String::new(),
        select: Select {
            from: from.parse().unwrap(),
            tenant: Tenant::Any,
            columns: columns.iter().map(|column| column.parse().unwrap()).collect(),
            all: all.into_iter().map(|(column, test)| (column.parse().unwrap(), test)).collect(),
            any: vec![],
            order: vec![ordered(order, true), ordered("id", false)],
            limit: 12,
        },
    }
}

impl Question {
    /// As the scripts are told.
    pub(super) fn for_clients(&self) -> Value {
        let of_type = |column: &str| match column {
            "price" | "rate" | "amount" => format!("{column}::text"),
            column => column.to_owned(),
        };
        let select: Vec<_> = self.select.columns.iter().map(|column| of_type(column.as_str())).collect();
        let order: Vec<_> =
            self.select.order.iter().map(|order| json!([order.column.as_str(), order.descending])).collect();
        json!({
            "table": self.select.from.as_str(), "select": select.join(","), "filters": self.filters, "or": self.or,
            "order": order, "limit": self.select.limit,
        })
    }
}

fn for_clients(column: &str, test: &Test) -> Value {
    match test {
        Test::Eq(scalar) => json!(["eq", column, value(scalar)]),
        Test::Ne(scalar) => json!(["neq", column, value(scalar)]),
        Test::Lt(scalar) => json!(["lt", column, value(scalar)]),
        Test::Lte(scalar) => json!(["lte", column, value(scalar)]),
        Test::Gt(scalar) => json!(["gt", column, value(scalar)]),
        Test::Gte(scalar) => json!(["gte", column, value(scalar)]),
        Test::In(scalars) => json!(["in", column, scalars.iter().map(value).collect::<Vec<_>>()]),
        Test::IsNull(is_null) => json!(["is_null", column, is_null]),
        Test::Like(_) => panic!("a pattern has other words"),
    }
}

/// As the clients' documentation tells their users to write it.
fn in_or(column: &str, test: &Test) -> String {
    let told = for_clients(column, test);
    let value = told[2].as_str().unwrap().replace('\\', "\\\\").replace('"', "\\\"");
    format!("{column}.{}.\"{value}\"", told[0].as_str().unwrap())
}

fn value(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Decimal(number) => number.to_string(),
        Scalar::Bool(yes) => yes.to_string(),
    }
}
