//! HTML: its headings, and what a reader of the page would read. Only the tokens are looked at, one after the other: no
//! tree is built, so that no page is too deep. Pure.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

use super::Block;

/// What stands in these is not read on the page.
const UNREAD: [&[u8]; 9] =
    [b"script", b"style", b"noscript", b"template", b"svg", b"head", b"iframe", b"object", b"select"];
/// These begin or end a text that stands by itself.
const STANDS_ALONE: [&[u8]; 27] = [
    b"p",
    b"div",
    b"section",
    b"article",
    b"main",
    b"header",
    b"footer",
    b"nav",
    b"aside",
    b"ul",
    b"ol",
    b"dl",
    b"table",
    b"blockquote",
    b"pre",
    b"figure",
    b"form",
    b"fieldset",
    b"details",
    b"address",
    b"hr",
    b"body",
    b"html",
    b"tbody",
    b"thead",
    b"hgroup",
    b"dialog",
];
/// These begin or end a line.
const LINES: [&[u8]; 9] =
    [b"br", b"li", b"tr", b"dt", b"dd", b"caption", b"figcaption", b"summary", b"option"];

pub(super) fn read(text: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    // So that the text of a script is not taken for tags.
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(text, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => reader.start(&tag.name, tag.self_closing),
            Token::EndTag(tag) => reader.end(&tag.name),
            Token::String(text) => reader.text(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    reader.end_block();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    open: String,
    /// The element that is not read, and how often it has been opened within itself.
    unread: Option<(Vec<u8>, usize)>,
    heading: Option<u8>,
}

impl Reader {
    fn start(&mut self, name: &[u8], closed: bool) {
        if let Some((unread, depth)) = &mut self.unread {
            if unread == name && !closed {
                *depth += 1;
            } else if unread == b"head" && name == b"body" {
                // A head may end without saying so.
                self.unread = None;
            }
            return;
        }
        if UNREAD.contains(&name) && !closed {
            self.unread = Some((name.to_owned(), 1));
        } else if let Some(level) = heading(name) {
            self.end_block();
            self.heading = Some(level);
        } else if STANDS_ALONE.contains(&name) {
            self.end_block();
        } else if LINES.contains(&name) {
            self.end_line();
            if name == b"li" {
                self.open.push_str("- ");
            }
        }
    }

    fn end(&mut self, name: &[u8]) {
        if let Some((unread, depth)) = &mut self.unread {
            if unread == name {
                *depth -= 1;
                if *depth == 0 {
                    self.unread = None;
                }
            }
            return;
        }
        if heading(name).is_some() || STANDS_ALONE.contains(&name) {
            self.end_block();
        } else if LINES.contains(&name) {
            self.end_line();
        } else if matches!(name, b"td" | b"th") {
            self.open.push_str(" | ");
        }
    }

    /// White space counts once, as on the page.
    fn text(&mut self, text: &str) {
        if self.unread.is_some() {
            return;
        }
        let is_apart = |open: &str| open.is_empty() || open.ends_with(char::is_whitespace);
        for (place, word) in text.split(char::is_whitespace).enumerate() {
            if place > 0 && !is_apart(&self.open) {
                self.open.push(' ');
            }
            self.open.push_str(word);
        }
    }

    fn end_line(&mut self) {
        let kept = self.open.trim_end_matches([' ', '|']).len();
        self.open.truncate(kept);
        if !self.open.is_empty() && !self.open.ends_with('\n') {
            self.open.push('\n');
        }
    }

    fn end_block(&mut self) {
        self.end_line();
        let text = std::mem::take(&mut self.open);
        let heading = self.heading.take();
        if text.trim().is_empty() {
            return;
        }
        self.blocks.push(match heading {
            Some(level) => Block::Heading { level, text },
            None => Block::Paragraph(text),
        });
    }
}

fn heading(name: &[u8]) -> Option<u8> {
    match name {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}
