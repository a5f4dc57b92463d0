//! Splits a persona's file into its head (TOML between two `+++` lines) and its body (the prompt).

use crate::tool::document::Mistake;

const FENCE: &str = "+++";

/// A file's two parts, each with the line of the file it begins on, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    pub(super) head: &'t str,
    pub(super) head_line: usize,
    pub(super) body: &'t str,
    pub(super) body_line: usize,
}

/// Splits a file.
///
/// # Errors
/// Where a `+++` line is missing.
pub(super) fn split(text: &str) -> Result<Parts<'_>, Mistake> {
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().filter(|line| line.trim_end() == FENCE);
    let Some(opening) = opening else {
        let what =
            format!("the file must begin with a line `{FENCE}`, then its settings in TOML, then `{FENCE}`");
        return Err(Mistake { line: 1, what });
    };
    let start = opening.len();
    let mut end = start;
    for (index, line) in lines.enumerate() {
        if line.trim_end() == FENCE {
            let body_line = index + 3; // one for the opening fence, one for the closing, and lines count from 1
            return Ok(Parts {
                head: &text[start..end],
                head_line: 2,
                body: &text[end + line.len()..],
                body_line,
            });
        }
        end += line.len();
    }
    Err(Mistake { line: 1, what: format!("the settings have no end: a line `{FENCE}` must close them") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn head_and_body_know_their_lines() {
        let parts = split("+++\na = 1\nb = 2\n+++\nHello\n").unwrap();
        let expected = Parts { head: "a = 1\nb = 2\n", head_line: 2, body: "Hello\n", body_line: 5 };
        assert_eq!(parts, expected);
        assert_eq!(split("+++\r\n+++\r\nHi +++ there").unwrap().body, "Hi +++ there");
    }

    #[test]
    fn a_missing_fence_is_told() {
        assert_eq!(split("name = 1\n").unwrap_err().line, 1);
        assert!(split("+++\nname = 1\n").unwrap_err().what.contains("no end"));
        assert!(split("").is_err());
    }

    proptest! {
        #[test]
        fn the_parts_are_all_of_the_file(head in "([a-z =]{0,9}\n){0,5}", body in ".{0,40}") {
            let text = format!("+++\n{head}+++\n{body}");
            let parts = split(&text).unwrap();
            prop_assert_eq!((parts.head, parts.body), (head.as_str(), body.as_str()));
            prop_assert_eq!(parts.body_line, head.lines().count() + 3);
        }
    }
}
