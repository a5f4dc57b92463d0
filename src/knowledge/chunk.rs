//! Cuts a text into chunks: a few sentences each, some of them shared with the chunk before, so that what stands at a
//! cut is found whole in one of the two. Pure.

mod units;

use self::units::{Unit, units};

/// A chunk is filled up to so many words.
const TARGET_WORDS: usize = 250;
/// No chunk has more words than this.
pub const MAX_WORDS: usize = 300;
/// No chunk is longer, in bytes: below what a model takes for one embedding, in any script.
pub const MAX_BYTES: usize = 6_000;
/// So many words at most are repeated from the chunk before.
const OVERLAP_WORDS: usize = 40;
const OVERLAP_BYTES: usize = 900;
/// A chunk never goes on across a heading of this level or above.
const TOP_LEVEL: u8 = 2;
/// The longest heading path, in characters.
pub const MAX_HEADING: usize = 400;
/// What stands between the headings of a path.
const BETWEEN: &str = " › ";

/// A part of a text, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading, 1 the highest.
    Heading {
        /// 1 to 6.
        level: u8,
        /// Its words.
        text: String,
    },
    /// A paragraph, a list or a table: text that stands by itself.
    Paragraph(String),
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The headings it begins under, the highest first.
    pub heading: String,
    /// Its text.
    pub content: String,
    /// How many bytes at its beginning are repeated from the chunk before.
    pub repeated: usize,
}

/// What stands between two top headings, with the headings below them in its text.
struct Section {
    text: String,
    /// From which byte of the text on which headings hold.
    headings: Vec<(usize, Vec<String>)>,
}

/// Cuts a text of which these are the parts. The same text gives the same chunks.
pub fn chunks(blocks: &[Block]) -> Vec<Chunk> {
    sections(blocks).iter().flat_map(cut).collect()
}

fn sections(blocks: &[Block]) -> Vec<Section> {
    let mut path: Vec<(u8, String)> = Vec::new();
    let mut sections = vec![Section { text: String::new(), headings: vec![(0, Vec::new())] }];
    for block in blocks {
        let Some(section) = sections.last_mut() else { break };
        let (level, text) = match block {
            Block::Paragraph(text) => {
                section.add(text);
                continue;
            }
            Block::Heading { level, text } => (*level, text.trim()),
        };
        path.retain(|(above, _)| *above < level);
        path.push((level, text.to_owned()));
        let headings = path.iter().map(|(_, text)| text.clone()).collect();
        if level <= TOP_LEVEL {
            sections.push(Section { text: String::new(), headings: vec![(0, headings)] });
        } else {
            section.headings.push((section.text.len(), headings));
            section.add(text);
        }
    }
    keep_lone_headings(&mut sections);
    sections
}

/// The words of a heading stand in the paths of what is below it; where nothing is, they become a text of their own.
fn keep_lone_headings(sections: &mut [Section]) {
    for place in 0..sections.len() {
        let (path, next) =
            (sections[place].path().to_vec(), sections.get(place + 1).map_or(&[][..], Section::path));
        if sections[place].text.is_empty() && !(next.starts_with(&path) && fits_whole(next)) {
            sections[place].add(path.last().map_or("", String::as_str));
        }
    }
}

/// Whether a path is told without being shortened.
fn fits_whole(path: &[String]) -> bool {
    path.join(BETWEEN).chars().count() <= MAX_HEADING
}

impl Section {
    fn add(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() {
            self.text.push_str(text);
            self.text.push_str("\n\n");
        }
    }

    /// The headings it begins under.
    fn path(&self) -> &[String] {
        self.headings.first().map_or(&[], |(_, path)| path)
    }

    fn heading_at(&self, byte: usize) -> String {
        let path = self.headings.iter().rev().find(|(from, _)| *from <= byte);
        let path = path.map_or_else(String::new, |(_, path)| path.join(BETWEEN));
        match path.char_indices().nth(MAX_HEADING) {
            Some((end, _)) => format!("{}…", &path[..end]),
            None => path,
        }
    }
}

fn cut(section: &Section) -> Vec<Chunk> {
    let units = units(&section.text, MAX_WORDS, MAX_BYTES);
    let mut chunks = Vec::new();
    // Units from `repeated` on are in the chunk, those from `fresh` on for the first time.
    let (mut repeated, mut fresh) = (0, 0);
    while fresh < units.len() {
        let end = fill(&units, repeated, fresh);
        let (from, to) = (units[repeated].start, units[end - 1].end);
        let content = section.text[from..to].trim_end();
        chunks.push(Chunk {
            heading: section.heading_at(units[fresh].start),
            content: content.to_owned(),
            repeated: units[fresh].start - from,
        });
        repeated = step_back(&units, repeated, end);
        fresh = end;
    }
    chunks
}

/// Where a chunk ends: full, or with the text when little of it would be left. It takes one fresh unit at least.
fn fill(units: &[Unit], repeated: usize, fresh: usize) -> usize {
    let mut size = Size::default();
    units[repeated..fresh].iter().for_each(|unit| size.add(unit));
    let fits = |size: Size, unit: &Unit, words: usize| {
        size.words + unit.words <= words && size.bytes + unit.bytes() <= MAX_BYTES
    };
    let take = |mut size: Size, words: usize| {
        let mut end = fresh;
        while let Some(unit) = units.get(end).filter(|unit| end == fresh || fits(size, unit, words)) {
            size.add(unit);
            end += 1;
        }
        end
    };
    let most = take(size, MAX_WORDS);
    if most == units.len() { most } else { take(size, TARGET_WORDS) }
}

/// Where the next chunk begins, so that it repeats the last units of this one; never all of them.
fn step_back(units: &[Unit], begin: usize, end: usize) -> usize {
    let mut size = Size::default();
    let mut at = end;
    // What follows must fit beside it.
    let next = units.get(end).map_or((0, 0), |unit| (unit.words, unit.bytes()));
    while at > begin + 1 {
        size.add(&units[at - 1]);
        let too_much = size.words > OVERLAP_WORDS || size.bytes > OVERLAP_BYTES;
        if too_much || size.words + next.0 > MAX_WORDS || size.bytes + next.1 > MAX_BYTES {
            break;
        }
        at -= 1;
    }
    at
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    words: usize,
    bytes: usize,
}

impl Size {
    fn add(&mut self, unit: &Unit) {
        self.words += unit.words;
        self.bytes += unit.bytes();
    }
}

#[cfg(test)]
mod tests;
