//! Makes the formatter's records plain log lines: it also writes a record when a span begins and ends, and puts
//! `[SPAN - EVENT] ` before each message.

use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The `name` of every line.
pub(super) const APPLICATION: &str = "ai-realtime";
/// How every record begins, up to the text of its message. A record that begins otherwise (a newer formatter's)
/// passes as it is.
const HEAD: &[u8] = br#"{"v":0,"name":"ai-realtime","msg":""#;

/// Writers that let only events through, their messages as they were written.
#[derive(Debug)]
pub(super) struct Records<M> {
    inner: M,
}

impl<M> Records<M> {
    pub(super) fn new(inner: M) -> Self {
        Self { inner }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Records<M> {
    type Writer = RecordWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RecordWriter { inner: Some(self.inner.make_writer()) }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        let inner = metadata.is_event().then(|| self.inner.make_writer_for(metadata));
        RecordWriter { inner }
    }
}

/// Writes one record; the formatter hands it over whole, in one piece. `None`: a span's record, which is dropped.
#[derive(Debug)]
pub(super) struct RecordWriter<W> {
    inner: Option<W>,
}

impl<W: Write> Write for RecordWriter<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let Some(inner) = &mut self.inner else {
            return Ok(record.len());
        };
        match after_span_name(record) {
            // In one piece again: lines of different threads must not mix.
            Some(text) => inner.write_all(&[HEAD, text].concat())?,
            None => inner.write_all(record)?,
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// The record from its message's own text on, when a span's name stands before that.
fn after_span_name(record: &[u8]) -> Option<&[u8]> {
    let inside = record.strip_prefix(HEAD)?.strip_prefix(b"[")?;
    let end = inside.iter().position(|byte| matches!(byte, b']' | b'"'))?;
    let name = inside[..end].strip_suffix(b" - EVENT")?;
    let is_name = !name.is_empty() && !name.iter().any(u8::is_ascii_lowercase);
    if is_name { inside[end..].strip_prefix(b"] ") } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(record: &str) -> String {
        let mut out = Vec::new();
        RecordWriter { inner: Some(&mut out) }.write_all(record.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_span_name_before_the_message_is_taken_off() {
        for (before, after) in [
            ("[CALL - EVENT] hello", "hello"),
            ("[HTTP REQUEST - EVENT] [CALL - EVENT] hello", "[CALL - EVENT] hello"),
            ("[CALL - EVENT] ", ""),
        ] {
            let record =
                |text| format!("{{\"v\":0,\"name\":\"ai-realtime\",\"msg\":\"{text}\",\"level\":30}}\n");
            assert_eq!(written(&record(before)), record(after));
        }
    }

    #[test]
    fn any_other_record_passes_as_it_is() {
        for record in [
            "{\"v\":0,\"name\":\"ai-realtime\",\"msg\":\"hello\",\"level\":30}\n",
            "{\"v\":0,\"name\":\"ai-realtime\",\"msg\":\"[1, 2] - EVENT] x\",\"level\":30}\n",
            "{\"v\":0,\"name\":\"ai-realtime\",\"msg\":\"[call - EVENT] said\",\"level\":30}\n",
            "{\"v\":0,\"name\":\"ai-realtime\",\"msg\":\"[CALL - EVENT\",\"x\":\"] \"}\n",
            "{\"v\":0,\"name\":\"ai-realtime\",\"msg\":\"[",
            "{\"v\":1,\"msg\":\"[CALL - EVENT] hello\"}\n",
            "not json at all \u{1F980}",
            "",
        ] {
            assert_eq!(written(record), record);
        }
    }

    #[test]
    fn a_span_record_is_swallowed_whole() {
        let mut writer = RecordWriter::<Vec<u8>> { inner: None };
        assert_eq!(writer.write(b"anything").unwrap(), 8);
        writer.flush().unwrap();
    }
}
