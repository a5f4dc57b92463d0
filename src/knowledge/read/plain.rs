//! Plain text: paragraphs, parted by empty lines. Pure.

use super::Block;

pub(super) fn read(text: &str) -> Vec<Block> {
    let mut paragraphs = Vec::new();
    let mut open = String::new();
    for line in text.lines().chain([""]) {
        if !line.trim().is_empty() {
            open.push_str(line.trim_end());
            open.push('\n');
        } else if !open.is_empty() {
            paragraphs.push(Block::Paragraph(std::mem::take(&mut open)));
        }
    }
    paragraphs
}
