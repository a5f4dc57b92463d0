//! What a PDF may unpack to. A small file may hold streams that become gigabytes, and the reader unpacks them whole; so
//! they are measured before it sees them, as far as it would go: a stream's filters, and the two ways it tries. Pure.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, ZlibDecoder};
use pdf_extract::{Document, Object, Stream};

use super::ReadError;

/// The largest stream that is read, in bytes: drawn pages are far below. Reading takes some 30 times as much memory.
const STREAM_BYTES: u64 = 8 << 20;
/// The largest that all of them may be.
const ALL_BYTES: u64 = 128 << 20;
/// How far before a stream what is said of it is looked for, in bytes.
const DICTIONARY_BYTES: usize = 16 << 10;

/// Whether a file can be loaded: streams that hold objects are unpacked when it is.
///
/// # Errors
/// [`ReadError::UnreadablePdf`] when a stream is too large; [`ReadError::ProtectedPdf`] when none can be measured.
pub(super) fn before_loading(bytes: &[u8]) -> Result<(), ReadError> {
    if contains(&unescaped(bytes), b"/Encrypt") {
        return Err(ReadError::ProtectedPdf);
    }
    let mut all = 0;
    for (at, _) in bytes.windows(6).enumerate().filter(|(_, word)| *word == b"stream") {
        let Some(start) = data_start(bytes, at + 6) else { continue };
        let before = &bytes[at.saturating_sub(DICTIONARY_BYTES)..at];
        if !follows_dictionary(before) {
            continue;
        }
        let Dictionary { said, is_certain } = dictionary(before).ok_or(ReadError::UnreadablePdf)?;
        let holds_objects = contains(&said, b"ObjStm") || contains(&said, b"XRef");
        // Pictures are not unpacked, and may be large.
        if contains(&said, b"/Image") && !holds_objects && is_certain {
            continue;
        }
        if (holds_objects || !is_certain) && !is_simple(&said) {
            return Err(ReadError::UnreadablePdf);
        }
        all += measured(&bytes[start..])?;
        if all > ALL_BYTES {
            return Err(ReadError::UnreadablePdf);
        }
    }
    Ok(())
}

/// Takes pictures out of a file that was loaded, and makes sure of every other stream.
///
/// # Errors
/// [`ReadError::UnreadablePdf`].
pub(super) fn after_loading(document: &mut Document) -> Result<(), ReadError> {
    document.objects.retain(|_, object| !matches!(object, Object::Stream(stream) if is_picture(stream)));
    let streams = document.objects.values().filter_map(|object| match object {
        Object::Stream(stream) => Some(stream),
        _ => None,
    });
    let mut all = 0;
    for stream in streams {
        let filters = stream.filters().unwrap_or_default();
        let is_simple = matches!(filters.as_slice(), [] | [b"FlateDecode"]);
        // What the reader cannot unpack it leaves alone.
        let is_unpacked =
            filters.iter().all(|name| [&b"FlateDecode"[..], b"LZWDecode", b"ASCII85Decode"].contains(name));
        if !is_simple && is_unpacked {
            return Err(ReadError::UnreadablePdf);
        }
        all += if filters.is_empty() { stream.content.len() as u64 } else { measured(&stream.content)? };
        if all > ALL_BYTES || stream.content.len() as u64 > STREAM_BYTES {
            return Err(ReadError::UnreadablePdf);
        }
    }
    Ok(())
}

fn is_picture(stream: &Stream) -> bool {
    stream.dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
}

/// What data becomes when it is unpacked, in bytes; 0 when it is not packed.
fn measured(data: &[u8]) -> Result<u64, ReadError> {
    let mut size = unpacked(ZlibDecoder::new(data));
    if size == 0 && data.len() > 2 {
        // The reader forgives a broken beginning.
        size = unpacked(DeflateDecoder::new(&data[2..]));
    }
    if size > STREAM_BYTES { Err(ReadError::UnreadablePdf) } else { Ok(size) }
}

fn unpacked(decoder: impl Read) -> u64 {
    let (mut limited, mut size) = (decoder.take(STREAM_BYTES + 1), 0);
    let mut part = [0; 16 << 10];
    while let Ok(read @ 1..) = limited.read(&mut part) {
        size += read as u64;
    }
    size
}

/// Whether a stream is packed once at most, in a way that can be measured.
fn is_simple(dictionary: &[u8]) -> bool {
    let packed = dictionary.windows(11).filter(|name| *name == b"FlateDecode").count();
    packed <= 1 && !contains(dictionary, b"LZWDecode") && !contains(dictionary, b"ASCII85Decode")
}

/// Where the data of a stream begin after its keyword, if this is one.
fn data_start(bytes: &[u8], after: usize) -> Option<usize> {
    let blank = bytes[after..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = after + blank;
    match bytes.get(line..)? {
        [b'\r', b'\n', ..] => Some(line + 2),
        [b'\r' | b'\n', ..] => Some(line + 1),
        _ => None,
    }
}

/// Whether the word `stream` stands where it begins one: after a dictionary, perhaps with a comment between.
fn follows_dictionary(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let line = before.rsplit(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    before.ends_with(b">>") || line.contains(&b'%')
}

/// What is said of a stream.
struct Dictionary {
    said: Vec<u8>,
    /// Whether it is all that is said. A text in it may look like the beginning of an object.
    is_certain: bool,
}

/// Of what stands before a stream, what is said of it: from the beginning of its object on, or as much as was given
/// when that may not be it. `None` when there is no such beginning.
fn dictionary(before: &[u8]) -> Option<Dictionary> {
    let at = before.windows(4).rposition(|word| word == b" obj")?;
    let number = |bytes: &[u8]| bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let generation = &before[..at];
    let id = generation[..at - number(generation)].strip_suffix(b" ").unwrap_or_default();
    let line_begins = matches!(id[..id.len() - number(id)], [.., b'\n' | b'\r']);
    let own = &before[at..];
    let is_certain = line_begins && !own.iter().any(|byte| b"()%".contains(byte));
    Some(Dictionary { said: unescaped(if is_certain { own } else { before }), is_certain })
}

/// With the letters of names that are written as numbers: `#46late` is `Flate`.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let (mut plain, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'#', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        (rest, _) = match escaped {
            Some((high, low)) => (&rest[3..], plain.push((high * 16 + low) as u8)),
            None => (after, plain.push(*first)),
        };
    }
    plain
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|part| part == words)
}

/// Text up to a limit: what a file draws again and again has an end.
#[derive(Debug)]
pub(super) struct Limited {
    pub(super) text: Vec<u8>,
    most: usize,
}

impl Limited {
    pub(super) fn new(most: usize) -> Self {
        Self { text: Vec::new(), most }
    }
}

impl io::Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.text.len() + more.len() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
