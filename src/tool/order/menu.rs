//! Finding what a guest means on the menu: by its id or its name, and clear words when that is nothing, several
//! things, or not to be had. Pure.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::store::Row;

/// So many items are named when one is not found, or several fit.
const SHOWN: usize = 5;

/// One item of the menu.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MenuItem {
    pub(super) id: String,
    pub(super) business_id: String,
    pub(super) venue: String,
    pub(super) name: String,
    pub(super) price: Decimal,
    pub(super) currency: String,
    available: bool,
    words: Vec<String>,
    /// The words before the first comma: what it is called without its size.
    head: Vec<String>,
}

/// The items that can be ordered here.
#[derive(Debug)]
pub(super) struct Menu {
    items: Vec<MenuItem>,
}

impl Menu {
    /// The menu as its rows say; one without a price is not on it.
    pub(super) fn new(rows: &[Row]) -> Self {
        Self { items: rows.iter().filter_map(MenuItem::read).collect() }
    }

    /// The item that is meant.
    ///
    /// # Errors
    /// Words for the model when it is unknown, could be several, or is not to be had.
    pub(super) fn find(&self, asked: &str) -> Result<&MenuItem, String> {
        let by_id = self.items.iter().filter(|item| item.id.eq_ignore_ascii_case(asked.trim()));
        let words = plain_words(asked);
        // From the plainest meaning to the widest: the first that anything satisfies decides.
        let meanings: [&dyn Fn(&MenuItem) -> bool; 3] =
            [&|item| item.words == words, &|item| same(&item.head, &words), &|item| {
                words.iter().all(|word| item.words.iter().any(|own| alike(own, word)))
            }];
        let by_name = meanings.iter().map(|means| self.items.iter().filter(|item| means(item)).collect());
        let found = std::iter::once(by_id.collect::<Vec<_>>())
            .chain(by_name.filter(|_| !words.is_empty()))
            .find(|found| !found.is_empty());
        let Some(found) = found else {
            return Err(self.unknown(asked, &words));
        };
        let available: Vec<_> = found.iter().copied().filter(|item| item.available).collect();
        match (available.as_slice(), found.as_slice()) {
            ([one], _) => Ok(one),
            ([], [one, ..]) => {
                Err(format!("`{}` is not available now: offer the guest something else", one.name))
            }
            (several, _) => Err(format!(
                "`{asked}` could be {}: ask the guest which, and use its id",
                several.iter().take(SHOWN).map(|item| item.shown()).collect::<Vec<_>>().join(", or ")
            )),
        }
    }

    fn unknown(&self, asked: &str, words: &[String]) -> String {
        let shared = |item: &MenuItem| {
            words.iter().filter(|word| item.words.iter().any(|own| alike(own, word))).count()
        };
        let mut near: Vec<_> = self.items.iter().filter(|item| item.available && shared(item) > 0).collect();
        near.sort_by_key(|item| std::cmp::Reverse(shared(item)));
        let near: Vec<_> = near.into_iter().take(SHOWN).map(MenuItem::shown).collect();
        if near.is_empty() {
            return format!("there is no `{asked}` on the menu: look it up with lookup_menu first");
        }
        format!("there is no `{asked}` on the menu; near it are {}", near.join(", "))
    }
}

impl MenuItem {
    fn read(row: &Row) -> Option<Self> {
        let text = |key: &str| row.get(key)?.as_str().map(str::to_owned);
        let name = text("name")?;
        Some(Self {
            id: text("id")?,
            business_id: text("business_id")?,
            venue: text("venue")?,
            price: text("price")?.parse().ok()?,
            currency: text("currency")?,
            available: row.get("available")?.as_bool()?,
            words: plain_words(&name),
            head: plain_words(name.split(',').next().unwrap_or(&name)),
            name,
        })
    }

    fn shown(&self) -> String {
        format!("{} ({}, id {})", self.name, self.venue, self.id)
    }
}

/// The first of the items, when all are of one house and priced in one currency.
///
/// # Errors
/// Words for the model.
pub(super) fn one_house<'m>(mut items: impl Iterator<Item = &'m MenuItem>) -> Result<&'m MenuItem, String> {
    let first = items.next().ok_or_else(|| "there is nothing in the order".to_owned())?;
    match items.find(|item| item.business_id != first.business_id || item.currency != first.currency) {
        None => Ok(first),
        Some(other) => Err(format!(
            "{} is sold at {} and {} at {}: these are two orders, so ask the guest where they are",
            first.name, first.venue, other.name, other.venue
        )),
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
}

/// Whether two words are one, or one is the plural of the other.
fn alike(one: &str, other: &str) -> bool {
    let singular = |word: &'_ str| -> usize {
        if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
            word.len() - 1
        } else {
            word.len()
        }
    };
    one == other || one[..singular(one)] == other[..singular(other)]
}

/// The words of a name in small letters, without marks on them: `Mützig` and `mutzig` are one.
fn plain_words(text: &str) -> Vec<String> {
    let plain: String = text.chars().flat_map(char::to_lowercase).flat_map(without_mark).collect();
    let words = plain.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.map(str::to_owned).collect();
    let articles: BTreeSet<&str> = ["a", "an", "the"].into();
    words.into_iter().filter(|word| !articles.contains(word.as_str())).collect()
}

fn without_mark(letter: char) -> Option<char> {
    Some(match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'ç' | 'ċ' => 'c',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ġ' => 'g',
        'ħ' => 'h',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        'ÿ' => 'y',
        'ż' => 'z',
        // Marks that stand after their letter.
        '\u{300}'..='\u{36f}' => return None,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn menu() -> Menu {
        let item = |id: &str, name: &str, available: bool| {
            let row = json!({"id": id, "business_id": "b", "venue": "Terrace", "name": name, "price": "10",
                "currency": "RWF", "available": available});
            row.as_object().unwrap().clone()
        };
        Menu::new(&[
            item("mutzig", "Mützig, 65 cl", true),
            item("primus", "Primus, 72 cl", true),
            item("goat", "Goat brochette", true),
            item("goat-stew", "Goat stew", true),
            item("fish", "Tilapia brochette", false),
            item("tea", "Iced hibiscus tea", true),
        ])
    }

    fn found(asked: &str) -> Result<String, String> {
        menu().find(asked).map(|item| item.id.clone())
    }

    #[test]
    fn an_item_is_found_by_its_id_or_its_name_however_it_is_written() {
        for (asked, id) in [
            ("goat", "goat"),
            ("GOAT-STEW", "goat-stew"),
            ("Mutzig", "mutzig"),
            ("mützig", "mutzig"),
            ("mu\u{308}tzig, 65 cl", "mutzig"),
            ("the goat brochettes", "goat"),
            ("hibiscus teas", "tea"),
        ] {
            assert_eq!(found(asked).as_deref(), Ok(id), "{asked}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_in_words() {
        assert!(found("stew of goat").unwrap_err().contains("near it are Goat stew (Terrace, id goat-stew)"));
        assert!(found("submarine").unwrap_err().contains("lookup_menu"));
        assert!(found("tilapia").unwrap_err().contains("is not available now"));
        assert!(found("cl").unwrap_err().contains("could be Mützig, 65 cl (Terrace, id mutzig), or Primus"));
        assert!(found(" ,; ").unwrap_err().contains("there is no"));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_is_answered(asked in "\\PC{0,20}") {
            let _ = menu().find(&asked);
        }
    }
}
