//! Markdown: its headings, and what stands below them without the marks. Pure.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Block, html};

pub(super) fn read(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(text, options) {
        reader.take(event);
    }
    reader.end_paragraph();
    reader.blocks
}

#[derive(Default)]
struct Reader {
    blocks: Vec<Block>,
    open: String,
    /// HTML that stands in the text comes in lines, tags and all.
    html: String,
    /// In a list, a table or a quotation paragraphs are lines of one text.
    depth: usize,
    is_metadata: bool,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                if !self.is_metadata {
                    self.open.push_str(&text);
                }
            }
            Event::Html(text) => self.html.push_str(&text),
            Event::InlineHtml(tag) => {
                if tag.to_ascii_lowercase().starts_with("<br") {
                    self.open.push('\n');
                }
            }
            Event::SoftBreak | Event::HardBreak => self.open.push('\n'),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
            Event::Rule => self.end_paragraph(),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::List(_) | Tag::Table(_) | Tag::BlockQuote(_) => {
                if self.depth == 0 {
                    self.end_paragraph();
                }
                self.depth += 1;
            }
            Tag::Item => {
                self.end_line();
                self.open.push_str("- ");
            }
            Tag::Heading { .. } | Tag::CodeBlock(_) if self.depth == 0 => self.end_paragraph(),
            Tag::MetadataBlock(_) => self.is_metadata = true,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) if self.depth == 0 => {
                let text = std::mem::take(&mut self.open);
                self.blocks.push(Block::Heading { level: level as u8, text });
            }
            TagEnd::List(_) | TagEnd::Table | TagEnd::BlockQuote(_) => {
                self.depth = self.depth.saturating_sub(1);
                self.end_text();
            }
            TagEnd::TableCell => self.open.push_str(" | "),
            TagEnd::TableHead | TagEnd::TableRow => {
                let row = self.open.trim_end_matches([' ', '|']).len();
                self.open.truncate(row);
                self.end_line();
            }
            TagEnd::Paragraph | TagEnd::CodeBlock | TagEnd::Heading(_) => self.end_text(),
            TagEnd::Item => self.end_line(),
            TagEnd::HtmlBlock => {
                self.end_text();
                let found = html::read(&std::mem::take(&mut self.html));
                self.blocks.extend(found);
            }
            TagEnd::MetadataBlock(_) => self.is_metadata = false,
            _ => {}
        }
    }

    /// The end of something that is a paragraph unless it stands in a list.
    fn end_text(&mut self) {
        if self.depth == 0 { self.end_paragraph() } else { self.end_line() }
    }

    fn end_line(&mut self) {
        if !self.open.is_empty() && !self.open.ends_with('\n') {
            self.open.push('\n');
        }
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.open);
        if !text.trim().is_empty() {
            self.blocks.push(Block::Paragraph(text));
        }
    }
}
