//! PDF: its pages as plain text, read on a thread of their own that may panic, and is not waited for too long. A file
//! that would unpack to too much is refused before.

mod bounds;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use pdf_extract::{Document, OutputError, PlainTextOutput, output_doc};
use tokio::sync::oneshot;

use self::bounds::Limited;
use super::{Block, READ_LIMIT, ReadError, plain};

/// PDFs read at once. One that takes too long keeps its place until it ends.
const READERS: usize = 2;
/// A thread's stack: the parts of a PDF may stand in each other, and are read one within the other.
const STACK_BYTES: usize = 64 << 20;
/// Fewer letters than this in the whole file are a page number or a stamp, not a text.
const LEAST_LETTERS: usize = 16;
/// More text than this is not read, in bytes: no document may have as many passages.
const MOST_TEXT: usize = 32 << 20;

static READING: AtomicUsize = AtomicUsize::new(0);

pub(super) async fn read(bytes: Vec<u8>) -> Result<Vec<Block>, ReadError> {
    let place = Place::take().ok_or(ReadError::Busy)?;
    let (answer, wait) = oneshot::channel();
    let work = move || {
        let read = std::panic::catch_unwind(|| read_pages(&bytes));
        drop(place);
        // Nobody waits for what came too late.
        let _ = answer.send(read.unwrap_or(Err(ReadError::UnreadablePdf)));
    };
    let thread = std::thread::Builder::new().name("pdf".to_owned()).stack_size(STACK_BYTES);
    thread.spawn(work).map_err(|_| ReadError::Busy)?;
    let read = tokio::time::timeout(READ_LIMIT, wait).await.map_err(|_elapsed| {
        metrics::counter!("ai_realtime_knowledge_slow_files_total").increment(1);
        ReadError::TooSlow
    })?;
    read.unwrap_or(Err(ReadError::UnreadablePdf))
}

/// One of the places for reading.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let more = |taken| (taken < READERS).then_some(taken + 1);
        READING.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        READING.fetch_sub(1, Ordering::AcqRel);
    }
}

fn read_pages(bytes: &[u8]) -> Result<Vec<Block>, ReadError> {
    bounds::before_loading(bytes)?;
    let mut document = Document::load_mem(bytes).map_err(|error| refused(&error.into()))?;
    bounds::after_loading(&mut document)?;
    let mut found = Limited::new(MOST_TEXT);
    let mut output = PlainTextOutput::new(&mut found as &mut dyn Write);
    output_doc(&document, &mut output).map_err(|error| refused(&error))?;
    let text = String::from_utf8_lossy(&found.text);
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    if letters.take(LEAST_LETTERS).count() < LEAST_LETTERS {
        return Err(ReadError::NoTextInPdf);
    }
    Ok(plain::read(&text))
}

fn refused(error: &OutputError) -> ReadError {
    match error {
        OutputError::PdfError(pdf_extract::Error::Decryption(_) | pdf_extract::Error::InvalidPassword) => {
            ReadError::ProtectedPdf
        }
        _ => ReadError::UnreadablePdf,
    }
}
