//! Where one SQL statement ends and the next begins, as the record of migrations keeps them.

/// The statements of a file, each without its `;`, comments included. A `;` in quotes, a dollar-quoted body or a
/// comment ends nothing.
pub(super) fn statements(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        at += token_length(rest);
        if rest.starts_with(';') {
            found.push(&sql[start..at - 1]);
            start = at;
        }
    }
    found.push(&sql[start..]);
    found.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// How many bytes stand together at the beginning of a text that is not empty: a comment, something in quotes, or
/// one character.
fn token_length(rest: &str) -> usize {
    let up_to = |from: usize, end: &str| {
        rest.get(from..).and_then(|inside| inside.find(end)).map_or(rest.len(), |at| from + at + end.len())
    };
    match rest.as_bytes() {
        [b'-', b'-', ..] => up_to(2, "\n"),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'\'', ..] => up_to(1, "'"),
        [b'"', ..] => up_to(1, "\""),
        [b'$', ..] => dollar_tag(rest).map_or(1, |tag| up_to(tag.len(), tag)),
        _ => rest.chars().next().map_or(1, char::len_utf8),
    }
}

/// Block comments stand in one another.
fn block_comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 {
        let Some(next) = rest[at..].find(['/', '*']) else {
            return rest.len();
        };
        at += next;
        let (change, length) = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth = depth.saturating_add_signed(change);
        at += length;
    }
    at
}

/// `$$` or `$name$`; `$1` is a parameter.
fn dollar_tag(rest: &str) -> Option<&str> {
    let end = 1 + rest[1..].find('$')?;
    let name = &rest[1..end];
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then_some(&rest[..=end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_end_at_semicolons_of_their_own() {
        let sql = "-- first; still\ncreate table a (b text default ';''');;\n/* x; /* y; */ z; */ select \"a;b\";\n\
                   do $$ begin; end $$;do $b$ $$;$$ $b$ ; select $1; -- end";
        assert_eq!(
            statements(sql),
            [
                "-- first; still\ncreate table a (b text default ';''')",
                "/* x; /* y; */ z; */ select \"a;b\"",
                "do $$ begin; end $$",
                "do $b$ $$;$$ $b$",
                "select $1",
                "-- end"
            ]
        );
    }

    #[test]
    fn what_is_not_closed_goes_to_the_end() {
        for sql in ["select 'a;", "select $$ a;", "/* a; /* b */", "select \"a;", "-- a;", "select $a$;$b$"] {
            assert_eq!(statements(sql), [sql]);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_panics(sql in r"([a-z;'$/*\-\n é]|\$\$|/\*|\*/|--){0,40}") {
            let kept = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace() && *c != ';').collect() };
            prop_assert_eq!(kept(&statements(&sql).concat()), kept(&sql));
        }
    }
}
