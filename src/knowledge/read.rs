//! Reads the text out of a file: which kind of file it is, and what stands in it.

mod html;
mod markdown;
mod pdf;
mod plain;

use std::time::Duration;

use super::chunk::Block;

/// The largest file taken, in bytes.
pub const MAX_FILE_BYTES: usize = 10 << 20;
/// How long reading one file may take.
pub const READ_LIMIT: Duration = Duration::from_secs(30);

/// A kind of file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// Text as it stands.
    Plain,
    /// HTML.
    Html,
    /// PDF.
    Pdf,
}

/// Why no text can be read out of a file; each says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Neither its declared type nor its name is one we know.
    #[error("this kind of file is not taken: send Markdown, plain text, HTML or PDF")]
    Unsupported,
    /// It is no text in UTF-8.
    #[error("the text is not in UTF-8: save it as UTF-8 and send it again")]
    NotText,
    /// There is nothing to find in it.
    #[error("there is no text in the document: send one with words in it")]
    Empty,
    /// A PDF that is broken, or too unusual.
    #[error("the PDF cannot be read: save it anew as PDF, or send its text as Markdown, HTML or plain text")]
    UnreadablePdf,
    /// A PDF that needs a password.
    #[error("the PDF is protected: save it without a password and send it again")]
    ProtectedPdf,
    /// A PDF that consists of pictures.
    #[error(
        "there is no text in the PDF, it may be a scan: run text recognition (OCR) on it, or send its text"
    )]
    NoTextInPdf,
    /// It takes too long.
    #[error("the document takes too long to read: split it into smaller ones")]
    TooSlow,
    /// The places for reading are taken.
    #[error("other documents are being read: try again in a moment")]
    Busy,
}

impl Format {
    /// The format of a file: as its type or its name says, else as it looks.
    ///
    /// # Errors
    /// [`ReadError::Unsupported`] when its type or name is that of something else, or it looks like no text.
    pub fn of(content_type: Option<&str>, file_name: Option<&str>, bytes: &[u8]) -> Result<Self, ReadError> {
        let essence =
            content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        match essence.as_deref() {
            Some("text/markdown" | "text/x-markdown") => return Ok(Self::Markdown),
            Some("text/html" | "application/xhtml+xml") => return Ok(Self::Html),
            Some("application/pdf" | "application/x-pdf") => return Ok(Self::Pdf),
            // What curl and browsers say when they do not know; text/plain is also said of Markdown.
            None | Some("" | "application/octet-stream" | "text/plain") => {}
            Some(_) => return Err(ReadError::Unsupported),
        }
        let ending =
            file_name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("md" | "markdown" | "mdown") => return Ok(Self::Markdown),
            Some("html" | "htm" | "xhtml") => return Ok(Self::Html),
            Some("pdf") => return Ok(Self::Pdf),
            Some("txt" | "text") => return Ok(Self::Plain),
            Some(
                "docx" | "doc" | "odt" | "rtf" | "xlsx" | "xls" | "pptx" | "zip" | "png" | "jpg" | "jpeg",
            ) => {
                return Err(ReadError::Unsupported);
            }
            Some(_) | None => {}
        }
        if essence.as_deref() == Some("text/plain") { Ok(Self::Plain) } else { Self::sniff(bytes) }
    }

    fn sniff(bytes: &[u8]) -> Result<Self, ReadError> {
        let start = bytes[..bytes.len().min(1_024)].trim_ascii_start();
        let begins =
            |what: &[u8]| start.len() >= what.len() && start[..what.len()].eq_ignore_ascii_case(what);
        if begins(b"%PDF-") {
            Ok(Self::Pdf)
        } else if begins(b"<!doctype html") || begins(b"<html") || begins(b"<body") || begins(b"<head") {
            Ok(Self::Html)
        } else if std::str::from_utf8(bytes).is_ok() {
            // Plain text is Markdown without marks.
            Ok(Self::Markdown)
        } else {
            Err(ReadError::Unsupported)
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Plain => "plain",
            Self::Html => "html",
            Self::Pdf => "pdf",
        }
    }
}

/// Reads a file, away from the async threads.
///
/// # Errors
/// [`ReadError`].
pub async fn read(format: Format, bytes: Vec<u8>) -> Result<Vec<Block>, ReadError> {
    let blocks = match format {
        Format::Pdf => pdf::read(bytes).await?,
        Format::Markdown | Format::Plain | Format::Html => {
            let work = tokio::task::spawn_blocking(move || read_text(format, &bytes));
            let read = tokio::time::timeout(READ_LIMIT, work).await.map_err(|_elapsed| ReadError::TooSlow)?;
            // A panic in a reader is its own.
            read.unwrap_or(Err(ReadError::NotText))?
        }
    };
    let blocks: Vec<Block> = blocks.into_iter().map(cleaned).filter(|block| !block.is_empty()).collect();
    if blocks.is_empty() { Err(ReadError::Empty) } else { Ok(blocks) }
}

fn read_text(format: Format, bytes: &[u8]) -> Result<Vec<Block>, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ReadError::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(match format {
        Format::Markdown => markdown::read(text),
        Format::Html => html::read(text),
        Format::Plain | Format::Pdf => plain::read(text),
    })
}

impl Block {
    fn is_empty(&self) -> bool {
        match self {
            Self::Heading { text, .. } | Self::Paragraph(text) => {
                !text.chars().any(|letter| !letter.is_whitespace())
            }
        }
    }
}

/// Without control characters, which no text needs and Postgres does not take.
fn cleaned(block: Block) -> Block {
    let clean = |text: String| -> String {
        text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect()
    };
    match block {
        Block::Heading { level, text } => {
            let words: Vec<&str> = text.split_whitespace().collect();
            Block::Heading { level, text: clean(words.join(" ")) }
        }
        Block::Paragraph(text) => Block::Paragraph(clean(text.replace("\r\n", "\n"))),
    }
}

#[cfg(test)]
mod tests;
