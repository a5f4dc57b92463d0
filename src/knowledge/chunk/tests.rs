use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

fn heading(level: u8, text: &str) -> Block {
    Block::Heading { level, text: text.to_owned() }
}

fn paragraph(text: &str) -> Block {
    Block::Paragraph(text.to_owned())
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// A sentence of so many words.
fn sentence(number: usize, words: usize) -> String {
    let words: Vec<String> = (0..words).map(|word| format!("w{number}x{word}")).collect();
    format!("S{}. ", words.join(" "))
}

#[test]
fn a_short_text_is_one_chunk_for_each_top_heading() {
    let blocks = [
        paragraph("Before all headings."),
        heading(1, "House"),
        paragraph("Welcome."),
        heading(2, "Parking"),
        paragraph("Behind the house."),
        heading(3, "For coaches"),
        paragraph("Ask at the desk."),
        heading(2, "Wi-Fi"),
        paragraph("The password is mango42."),
    ];
    let found = chunks(&blocks);
    let found: Vec<_> = found.iter().map(|chunk| (chunk.heading.as_str(), chunk.content.as_str())).collect();
    assert_eq!(
        found,
        [
            ("", "Before all headings."),
            ("House", "Welcome."),
            ("House › Parking", "Behind the house.\n\nFor coaches\n\nAsk at the desk."),
            ("House › Wi-Fi", "The password is mango42."),
        ]
    );
}

#[test]
fn a_long_text_is_cut_between_sentences_and_what_stands_at_a_cut_is_in_both() {
    let text: String = (0..100).map(|number| sentence(number, 19)).collect();
    let found = chunks(&[heading(1, "Long"), paragraph(&text)]);
    assert_eq!(found.len(), 9);
    for pair in found.windows(2) {
        let shared = &pair[1].content[..pair[1].repeated];
        let count = words(shared).len();
        assert!((20..=40).contains(&count), "{count}");
        assert!(pair[0].content.ends_with(shared.trim_end()), "{shared}");
        assert!(pair[0].content.ends_with('.'), "cut within a sentence");
    }
    assert!(found.iter().all(|chunk| chunk.heading == "Long"));
    assert!(found.iter().all(|chunk| words(&chunk.content).len() <= MAX_WORDS));
    assert!(found.iter().rev().skip(1).all(|chunk| words(&chunk.content).len() >= 200));
}

#[test]
fn a_chunk_below_a_lower_heading_knows_that_heading() {
    let long: String = (0..40).map(|number| sentence(number, 19)).collect();
    let found =
        chunks(&[heading(1, "A"), heading(3, "B"), paragraph(&long), heading(3, "C"), paragraph("End.")]);
    assert_eq!(found[0].heading, "A › B");
    assert!(found.iter().any(|chunk| chunk.content.ends_with("C\n\nEnd.")));
    assert!(found.iter().all(|chunk| chunk.heading.starts_with("A › ")));
}

#[test]
fn what_has_no_sentences_and_no_words_is_cut_all_the_same() {
    for text in ["x".repeat(100_000), "é".repeat(50_000), "漢".repeat(20_000), "a b ".repeat(20_000)] {
        let found = chunks(&[paragraph(&text)]);
        assert!(found.len() > 5);
        assert!(found.iter().all(|chunk| chunk.content.len() <= MAX_BYTES));
        let fresh: String =
            found.iter().map(|chunk| chunk.content[chunk.repeated..].replace(' ', "")).collect();
        assert_eq!(fresh, text.replace(' ', ""));
    }
}

#[test]
fn a_heading_with_nothing_below_it_is_not_lost_and_nothing_gives_nothing() {
    let found =
        chunks(&[heading(1, "Closed on Mondays"), heading(1, "Open on Sundays"), paragraph("Until ten.")]);
    assert_eq!(found[0].content, "Closed on Mondays");
    let found = chunks(&[heading(1, "House rules"), heading(2, "Parking"), paragraph("Behind the house.")]);
    assert_eq!(found.len(), 1, "a heading above others is in their paths: {found:?}");
    assert!(chunks(&[]).is_empty());
    assert!(chunks(&[paragraph("  \n ")]).is_empty());
    let long = chunks(&[heading(1, &"word ".repeat(1_000)), paragraph("Text.")]);
    assert_eq!(long[0].heading.chars().count(), MAX_HEADING + 1);
}

fn block() -> impl Strategy<Value = Block> {
    let text = prop_oneof![
        "[a-z]{1,12}( [a-z]{1,9}){0,30}[.!?]( [A-Z][a-z]{0,9}){0,60}[.]",
        "\\PC{0,200}",
        ("[a-zé漢]{1,9}", 1usize..900).prop_map(|(word, times)| format!("{word} ").repeat(times)),
        ("[a-z漢🦀]{1,40}", 1usize..300).prop_map(|(word, times)| word.repeat(times)),
    ];
    prop_oneof![
        4 => text.prop_map(Block::Paragraph),
        1 => (1u8..=6, "[A-Za-z é]{0,30}").prop_map(|(level, text)| Block::Heading { level, text }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_word_is_lost_no_chunk_too_large_and_the_same_text_gives_the_same_chunks(
        blocks in proptest::collection::vec(block(), 0..12),
    ) {
        let found = chunks(&blocks);
        prop_assert_eq!(&found, &chunks(&blocks));
        for chunk in &found {
            prop_assert!(!chunk.content.trim().is_empty());
            prop_assert!(chunk.content.len() <= MAX_BYTES, "{} bytes", chunk.content.len());
            prop_assert!(chunk.content.unicode_words().count() <= MAX_WORDS);
            prop_assert!(chunk.heading.chars().count() <= MAX_HEADING + 1);
        }
        let plain = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        let fresh: String = found.iter().map(|chunk| plain(&chunk.content[chunk.repeated..])).collect();
        let paragraphs = blocks.iter().filter_map(|block| match block {
            Block::Paragraph(text) => Some(plain(text)),
            Block::Heading { .. } => None,
        });
        // Every letter of every paragraph, once and in order; headings stand between them or in the paths.
        let mut rest = fresh.as_str();
        for text in paragraphs {
            let at = rest.find(&text);
            prop_assert!(at.is_some(), "{text:?} is not in {rest:?}");
            rest = &rest[at.unwrap_or(0) + text.len()..];
        }
        let all: String = found.iter().map(|chunk| plain(&format!("{}{}", chunk.heading, chunk.content))).collect();
        for block in &blocks {
            if let Block::Heading { text, .. } = block {
                prop_assert!(all.contains(&plain(text)), "{text:?} is lost");
            }
        }
    }
}
