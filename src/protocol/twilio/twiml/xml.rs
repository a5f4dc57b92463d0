//! Writing XML. Element and attribute names are ours; every value is escaped.

/// A document that grows.
#[derive(Debug)]
pub(super) struct Writer(String);

/// Attributes; one without a value is left out.
type Attributes<'a> = [(&'static str, Option<&'a str>)];

impl Writer {
    /// An empty document.
    pub(super) fn new() -> Self {
        Self(r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned())
    }

    /// The document.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// An element without content.
    pub(super) fn empty(&mut self, name: &'static str, attributes: &Attributes<'_>) {
        self.open(name, attributes);
        self.0.push_str("/>");
    }

    /// An element that holds text.
    pub(super) fn text(&mut self, name: &'static str, attributes: &Attributes<'_>, text: &str) {
        self.element(name, attributes, |xml| escape(&mut xml.0, text));
    }

    /// An element that holds what `content` writes.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: &Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.0.push('>');
        let begun = self.0.len();
        content(self);
        if self.0.len() == begun {
            self.0.pop();
            self.0.push_str("/>");
        } else {
            self.0.push_str("</");
            self.0.push_str(name);
            self.0.push('>');
        }
    }

    fn open(&mut self, name: &str, attributes: &Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            let Some(value) = value else { continue };
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            escape(&mut self.0, value);
            self.0.push('"');
        }
    }
}

/// Writes a text so that it reads back as it was, in an element as in an attribute. What XML cannot hold at all
/// (most control characters) is left out.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // As they are, a reader would turn them into spaces or line feeds.
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(&mut out, text);
        out
    }

    /// What any XML reader does: `&amp;` last, so that nothing is read twice.
    fn read_back(text: &str) -> String {
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'")]
            .into_iter()
            .chain([("&#9;", "\t"), ("&#10;", "\n"), ("&#13;", "\r"), ("&amp;", "&")])
            .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(escaped("a\0b\u{b}c\u{1f}d\u{ffff}e"), "abcde");
    }

    proptest! {
        #[test]
        fn a_text_reads_back_as_it_was(text in any::<String>()) {
            let out = escaped(&text);
            prop_assert!(!out.contains(['<', '>', '"', '\'', '\n', '\r', '\t', '\0']));
            let held: String = text
                .chars()
                .filter(|c| matches!(c, '\t' | '\n' | '\r') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}')))
                .collect();
            prop_assert_eq!(read_back(&out), held);
        }
    }
}
