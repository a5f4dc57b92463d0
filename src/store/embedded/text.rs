//! How text is compared: whatever its case, and decimal text by its value. Pure; `pool` gives both to SQLite.

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::store::fold::fold;

/// Does the whole text match the parts, `None` standing for any run of characters? Text and parts are folded by the
/// caller, and no two texts stand side by side.
///
/// SQLite's own `LIKE` refuses patterns over 50,000 bytes, is quadratic in hostile ones, and needs an escape for what
/// is data; here wildcards and data differ in type.
pub(super) fn matches(text: &str, parts: &[Option<&str>]) -> bool {
    let mut rest = text;
    let mut floating = false;
    for (place, part) in parts.iter().enumerate() {
        let Some(part) = part else {
            floating = true;
            continue;
        };
        let is_last = place + 1 == parts.len();
        let after = match (floating, is_last) {
            (true, true) => return rest.ends_with(part),
            (true, false) => rest.find(part).map(|at| &rest[at + part.len()..]),
            (false, _) => rest.strip_prefix(part),
        };
        let Some(after) = after else { return false };
        rest = after;
        floating = false;
    }
    floating || rest.is_empty()
}

/// Orders decimal text by its value: `9` before `10.00`, `3.5` equal to `3.50`. Text that is no decimal number
/// comes after every number, by its bytes, so that the order is total, as SQLite asks of a collation.
pub(super) fn compare_decimals(left: &str, right: &str) -> Ordering {
    match (decimal(left), decimal(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// Whether text is a decimal number.
pub(super) fn is_decimal(text: &str) -> bool {
    decimal(text).is_some()
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text.trim()).ok()
}

/// A cell as text to be matched, folded. `None` for null and for bytes that are no text.
pub(super) fn folded_cell(cell: rusqlite::types::ValueRef<'_>) -> Option<String> {
    use rusqlite::types::ValueRef;
    let text: Cow<'_, str> = match cell {
        ValueRef::Null | ValueRef::Blob(_) => return None,
        ValueRef::Integer(number) => number.to_string().into(),
        ValueRef::Real(number) => number.to_string().into(),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok()?.into(),
    };
    Some(fold(&text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_matches_its_parts_and_nothing_else() {
        let any = None;
        let text = Some;
        for (parts, good, bad) in [
            (vec![text("goat")], vec!["goat"], vec!["goats", "a goat", ""]),
            (vec![text("goat"), any], vec!["goat", "goat stew"], vec!["a goat", "goa"]),
            (vec![any, text("goat")], vec!["goat", "a goat", "goat goat"], vec!["goat stew"]),
            (vec![any, text("goat"), any], vec!["a goat stew", "goat"], vec!["", "sheep"]),
            (vec![text("a"), any, text("b"), any, text("b")], vec!["abb", "axbyb"], vec!["ab", "abbx"]),
            (vec![any], vec!["", "x"], vec![]),
            (vec![any, any, text("x")], vec!["x", "yx"], vec!["xy"]),
            (vec![any, text("")], vec!["", "x"], vec![]),
            (vec![], vec![""], vec!["x"]),
        ] {
            for hay in good {
                assert!(matches(hay, &parts), "{hay:?} {parts:?}");
            }
            for hay in bad {
                assert!(!matches(hay, &parts), "{hay:?} {parts:?}");
            }
        }
    }

    #[test]
    fn decimal_text_is_ordered_by_its_value() {
        let mut texts = ["12000", "n/a", "900", "-3.50", "3.5", "0.001", "-20", "", "10.00"];
        texts.sort_by(|left, right| compare_decimals(left, right));
        assert_eq!(texts, ["-20", "-3.50", "0.001", "3.5", "10.00", "900", "12000", "", "n/a"]);
        assert_eq!(compare_decimals("3.50", "3.5"), Ordering::Equal);
        assert_eq!(compare_decimals("0.1234567890123456789012", "0.1234567890123456789013"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn what_is_inside_a_text_is_found_in_it(before in "\\PC{0,9}", middle in "\\PC{0,9}", after in "\\PC{0,9}") {
            let whole = format!("{before}{middle}{after}");
            prop_assert!(matches(&whole, &[None, Some(middle.as_str()), None]));
            let around = [Some(before.as_str()), None, Some(after.as_str())];
            prop_assert!(matches(&whole, &around));
        }

        #[test]
        fn the_order_of_decimals_is_total(texts in proptest::collection::vec("-?[0-9]{0,3}\\.?[0-9]{0,2}|[a-z]{0,2}", 3)) {
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
            prop_assert_eq!(compare_decimals(a, b), compare_decimals(b, a).reverse());
            if compare_decimals(a, b).is_le() && compare_decimals(b, c).is_le() {
                prop_assert!(compare_decimals(a, c).is_le());
            }
        }
    }
}
