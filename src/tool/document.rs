//! A TOML file under inspection: every mistake is kept with its line, so that all are told at once and not one
//! per attempt.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where in the document something stands, in bytes.
pub type Place = Range<usize>;

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// A TOML text, and the mistakes found in it so far.
#[derive(Debug)]
pub struct Document<'t> {
    text: &'t str,
    first_line: usize,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'t> Document<'t> {
    /// A text that begins at a line of its file, from 1.
    pub fn new(text: &'t str, first_line: usize) -> Self {
        Self { text, first_line, mistakes: RefCell::default() }
    }

    /// Parses the text; `None` when it is not TOML, with what is wrong kept as mistakes.
    pub fn parse(&self) -> Option<Spanned<DeTable<'t>>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            self.mistake(&error.span().unwrap_or(0..0), error.message().replace('\n', ", "));
        }
        errors.is_empty().then_some(table)
    }

    /// The line of the file on which a place begins.
    pub fn line_of(&self, place: &Place) -> usize {
        let before = &self.text.as_bytes()[..place.start.min(self.text.len())];
        self.first_line + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Keeps a mistake.
    pub fn mistake(&self, place: &Place, what: impl Into<String>) {
        let line = self.line_of(place);
        self.mistakes.borrow_mut().push(Mistake { line, what: what.into() });
    }

    /// Whether nothing was wrong so far.
    pub fn is_clean(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    /// The mistakes, in the order of their lines.
    pub fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort();
        mistakes
    }
}

/// A table of the document being read key by key. What was never asked for is unknown.
#[derive(Debug)]
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    table: &'d DeTable<'t>,
    place: Place,
    asked: Vec<&'static str>,
}

impl<'d, 't> Section<'d, 't> {
    /// The document's outermost table.
    pub fn root(document: &'d Document<'t>, root: &'d Spanned<DeTable<'t>>) -> Self {
        Self { document, table: root.get_ref(), place: 0..0, asked: Vec::new() }
    }

    fn of(document: &'d Document<'t>, value: &'d Spanned<DeValue<'t>>, table: &'d DeTable<'t>) -> Self {
        Self { document, table, place: value.span(), asked: Vec::new() }
    }

    /// Where the table begins.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Keeps a mistake.
    pub fn mistake(&self, place: &Place, what: impl Into<String>) {
        self.document.mistake(place, what);
    }

    /// A value of any type.
    pub fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'t>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'d DeValue<'t>) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let value = self.value(key)?;
        let read = read(value.get_ref()).map(|found| Spanned::new(value.span(), found));
        if read.is_none() {
            let found = value.get_ref().type_str();
            self.mistake(&value.span(), format!("`{key}` must be {expected}, not {found}"));
        }
        read
    }

    /// A text, of 1 to `max_chars` characters.
    pub fn text(&mut self, key: &'static str, max_chars: usize) -> Option<Spanned<String>> {
        let text = self.typed(key, "a text", |value| value.as_str().map(str::to_owned))?;
        let length = text.get_ref().chars().count();
        if text.get_ref().trim().is_empty() || length > max_chars {
            self.mistake(
                &text.span(),
                format!("`{key}` must have 1 to {max_chars} characters, it has {length}"),
            );
            return None;
        }
        Some(text)
    }

    /// A text that must be there.
    pub fn required_text(&mut self, key: &'static str, max_chars: usize) -> Option<Spanned<String>> {
        self.require(key);
        self.text(key, max_chars)
    }

    /// Keeps a mistake when a key is absent.
    pub fn require(&self, key: &str) {
        if !self.table.contains_key(key) {
            self.mistake(&self.place, format!("`{key}` is missing"));
        }
    }

    /// A whole number within limits.
    pub fn integer(&mut self, key: &'static str, within: RangeInclusive<i64>) -> Option<i64> {
        let number = self.typed(key, "a whole number", integer)?;
        if !within.contains(number.get_ref()) {
            let (low, high) = (within.start(), within.end());
            self.mistake(
                &number.span(),
                format!("`{key}` must be {low} to {high}, not {}", number.get_ref()),
            );
            return None;
        }
        Some(number.into_inner())
    }

    /// Yes or no.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        Some(self.typed(key, "true or false", DeValue::as_bool)?.into_inner())
    }

    /// A list of texts; absent is empty.
    pub fn texts(&mut self, key: &'static str) -> Vec<Spanned<String>> {
        let Some(list) = self.typed(key, "a list of texts", |value| value.as_array()) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for value in list.into_inner() {
            match value.get_ref().as_str() {
                Some(text) => texts.push(Spanned::new(value.span(), text.to_owned())),
                None => self.mistake(
                    &value.span(),
                    format!("`{key}` must hold texts, not {}", value.get_ref().type_str()),
                ),
            }
        }
        texts
    }

    /// A table within this one.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'d, 't>> {
        let value = self.value(key)?;
        self.as_section(key, value)
    }

    /// The tables of a list; absent is empty.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'d, 't>> {
        let Some(list) = self.typed(key, "a list of tables", |value| value.as_array()) else {
            return Vec::new();
        };
        list.into_inner().iter().filter_map(|value| self.as_section(key, value)).collect()
    }

    /// All tables within this one, by their keys: for tables whose keys are names the author chose.
    pub fn named_sections(&self) -> Vec<(Spanned<String>, Section<'d, 't>)> {
        let named = |(key, value): (&Spanned<_>, &'d _)| {
            let key: Spanned<String> =
                Spanned::new(key.span(), String::from(AsRef::<str>::as_ref(key.get_ref())));
            self.as_section(key.get_ref(), value).map(|section| (key.clone(), section))
        };
        self.table.iter().filter_map(named).collect()
    }

    /// All values within this one, by their keys: for tables whose keys are names the author chose.
    pub fn entries(&self) -> Vec<(Spanned<String>, &'d Spanned<DeValue<'t>>)> {
        let named = |(key, value): (&Spanned<_>, &'d _)| {
            (Spanned::new(key.span(), String::from(AsRef::<str>::as_ref(key.get_ref()))), value)
        };
        self.table.iter().map(named).collect()
    }

    fn as_section(&self, key: &str, value: &'d Spanned<DeValue<'t>>) -> Option<Section<'d, 't>> {
        match value.get_ref().as_table() {
            Some(table) => Some(Section::of(self.document, value, table)),
            None => {
                let found = value.get_ref().type_str();
                self.mistake(&value.span(), format!("`{key}` must be a table, not {found}"));
                None
            }
        }
    }

    /// Ends the reading: what was not asked for is a mistake.
    pub fn finish(self) {
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) {
                let known = self.asked.join(", ");
                self.mistake(&key.span(), format!("unknown key `{name}`, known keys are {known}"));
            }
        }
    }
}

/// The whole number a value is, if it is one that fits.
pub fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str, read: impl Fn(&mut Section<'_, '_>)) -> Vec<(usize, String)> {
        let document = Document::new(text, 2);
        if let Some(root) = document.parse() {
            let mut section = Section::root(&document, &root);
            read(&mut section);
            section.finish();
        }
        document.into_mistakes().into_iter().map(|mistake| (mistake.line, mistake.what)).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_line_in_the_file() {
        let text = "name = 5\ncolour = \"red\"\nsize = 11\n\n[inner]\nx = 1\n";
        let found = mistakes(text, |section| {
            section.required_text("name", 10);
            section.required_text("voice", 10);
            section.integer("size", 1..=10);
            section.section("inner").unwrap().finish();
        });
        assert_eq!(
            found,
            [
                (2, "`name` must be a text, not integer".to_owned()),
                (2, "`voice` is missing".to_owned()),
                (3, "unknown key `colour`, known keys are name, voice, size, inner".to_owned()),
                (4, "`size` must be 1 to 10, not 11".to_owned()),
                (7, "unknown key `x`, known keys are ".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_line() {
        let found = mistakes("a = 1\nb = = 2\n", |_| ());
        assert_eq!(found.first().map(|(line, _)| *line), Some(3), "{found:?}");
        assert!(!mistakes("a = 1\na = 2\n", |_| ()).is_empty());
    }
}
