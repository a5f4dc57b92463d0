//! A tool's output within the size the model is given: rows go first, one by one, then the length of texts; what
//! was left out is always said.

use serde_json::{Map, Value, json};

/// The longest output the model is given, in bytes.
pub(super) const MAX_OUTPUT: usize = 16 << 10;
/// Room kept for the words that say what was left out.
const NOTE_ROOM: usize = 400;
/// How long texts may stay when the output is too long, tried in this order, in bytes.
const TEXT_LIMITS: [usize; 2] = [2_000, 200];

/// A value as JSON text of at most `limit` bytes.
pub(super) fn cap(value: Value, limit: usize) -> String {
    let text = value.to_string();
    if text.len() <= limit {
        return text;
    }
    let room = limit.saturating_sub(NOTE_ROOM);
    let mut fields = match value {
        Value::Object(fields) => fields,
        other => Map::from_iter([("result".to_owned(), other)]),
    };
    let mut notes = Vec::new();
    for text_limit in TEXT_LIMITS {
        if size_of(&fields) <= room {
            break;
        }
        let shortened = fields.values_mut().map(|value| shorten_texts(value, text_limit)).sum::<usize>();
        if shortened > 0 {
            notes.push(format!("{shortened} long texts were cut to {text_limit} bytes"));
        }
        drop_rows(&mut fields, room, &mut notes);
    }
    notes.push("ask for less to see what was left out".to_owned());
    fields.insert("left_out".to_owned(), notes.join("; ").into());
    let text = Value::Object(fields).to_string();
    if text.len() <= limit {
        return text;
    }
    json!({"error": "the result is too long to be shown: ask for less, or more specifically"}).to_string()
}

fn size_of(fields: &Map<String, Value>) -> usize {
    // braces, and per field its key with quotes, a colon and a comma
    fields.iter().map(|(key, value)| key.len() + value.to_string().len() + 4).sum::<usize>() + 2
}

/// Drops rows from the end of the longest lists until the fields fit.
fn drop_rows(fields: &mut Map<String, Value>, room: usize, notes: &mut Vec<String>) {
    let mut size = size_of(fields);
    let mut lists: Vec<_> =
        fields.iter_mut().filter_map(|(key, value)| Some((key, value.as_array_mut()?))).collect();
    lists.sort_by_cached_key(|(_, rows)| {
        std::cmp::Reverse(rows.iter().map(|row| row.to_string().len()).sum::<usize>())
    });
    for (key, rows) in lists {
        let before = rows.len();
        while size > room {
            let Some(row) = rows.pop() else { break };
            size = size.saturating_sub(row.to_string().len() + 1);
        }
        if rows.len() < before {
            notes.push(format!("{} of {before} rows of `{key}` were left out", before - rows.len()));
        }
    }
}

/// Cuts every text longer than `limit` bytes, on a character's boundary; says how many.
fn shorten_texts(value: &mut Value, limit: usize) -> usize {
    match value {
        Value::String(text) if text.len() > limit => {
            let end = (0..=limit).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
            1
        }
        Value::Array(values) => values.iter_mut().map(|value| shorten_texts(value, limit)).sum(),
        Value::Object(fields) => fields.values_mut().map(|value| shorten_texts(value, limit)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        assert_eq!(cap(json!({"items": [1, 2]}), 100), r#"{"items":[1,2]}"#);
    }

    #[test]
    fn a_long_list_loses_rows_and_says_how_many() {
        let rows: Vec<_> = (0..1_000).map(|id| json!({"id": id, "text": "some words"})).collect();
        let output: Value =
            serde_json::from_str(&cap(json!({"items": rows, "count": 1_000}), 4_000)).unwrap();
        let kept = output["items"].as_array().unwrap();
        assert!(kept.len() > 50, "as many rows as fit are kept, not {}", kept.len());
        assert_eq!(kept[0]["id"], 0);
        let note = output["left_out"].as_str().unwrap();
        assert!(note.contains(&format!("{} of 1000 rows of `items`", 1_000 - kept.len())), "{note}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let output: Value = serde_json::from_str(&cap(json!({"text": "é".repeat(9_000)}), 4_000)).unwrap();
        assert_eq!(output["text"].as_str().unwrap().chars().count(), 1_001);
        assert!(output["left_out"].as_str().unwrap().contains("1 long texts"));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            ".{0,400}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 200, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,30}", inner, 0..10)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_output_is_json_within_the_limit_whatever_the_value(value in json_value(), limit in 500usize..3_000) {
            let output = cap(value, limit);
            prop_assert!(output.len() <= limit);
            prop_assert!(serde_json::from_str::<Value>(&output).is_ok());
        }
    }
}
