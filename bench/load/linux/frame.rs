//! WebSocket framing by hand (RFC 6455), as far as the load run needs it: short messages that come in one piece.

use anyhow::ensure;

/// A text message.
pub(crate) const TEXT: u8 = 1;
/// The other side says goodbye.
pub(crate) const CLOSE: u8 = 8;
/// The other side asks for a sign of life.
pub(crate) const PING: u8 = 9;
/// The answer to it.
pub(crate) const PONG: u8 = 10;

/// Any mask will do here: it is there for proxies.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0xe9];
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Who writes: a client masks what it sends, a server does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A frame found at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) opcode: u8,
    /// Where its payload stands, unmasked.
    pub(crate) payload: std::ops::Range<usize>,
}

/// The frame that stands first, if all of it is there.
pub(crate) fn first(bytes: &mut [u8]) -> anyhow::Result<Option<Found>> {
    let [head, length, ..] = *bytes else { return Ok(None) };
    ensure!(head & FINAL != 0, "a message came in several frames");
    let (length, mut at) = match (length & !MASKED, &bytes[2..]) {
        (126, [high, low, ..]) => (usize::from(u16::from_be_bytes([*high, *low])), 4),
        (127, [0, 0, 0, 0, a, b, c, d, ..]) => (u32::from_be_bytes([*a, *b, *c, *d]) as usize, 10),
        (126 | 127, _) => return Ok(None),
        (short, _) => (usize::from(short), 2),
    };
    let mut mask = None;
    if bytes[1] & MASKED != 0 {
        let Some(&[a, b, c, d]) = bytes.get(at..at + 4) else { return Ok(None) };
        mask = Some([a, b, c, d]);
        at += 4;
    }
    let payload = at..at + length;
    let Some(covered) = bytes.get_mut(payload.clone()) else { return Ok(None) };
    if let Some(mask) = mask {
        apply(mask, covered);
    }
    Ok(Some(Found { opcode: head & 0xf, payload }))
}

/// Appends a frame.
pub(crate) fn write(out: &mut Vec<u8>, side: Side, opcode: u8, payload: &[&[u8]]) {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    let bit = if side == Side::Client { MASKED } else { 0 };
    out.push(FINAL | opcode);
    match length {
        0..126 => out.push(bit | length as u8),
        126..65_536 => {
            out.push(bit | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if side == Side::Client {
        out.extend_from_slice(&MASK);
    }
    let begins = out.len();
    payload.iter().for_each(|part| out.extend_from_slice(part));
    if side == Side::Client {
        apply(MASK, &mut out[begins..]);
    }
}

fn apply(mask: [u8; 4], bytes: &mut [u8]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().unwrap_or_default());
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word = u64::from_ne_bytes((&*chunk).try_into().unwrap_or_default()) ^ wide;
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    chunks.into_remainder().iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_its_length() {
        for side in [Side::Client, Side::Server] {
            for length in [0, 1, 7, 125, 126, 300, 65_535, 65_536, 100_000] {
                let text: Vec<u8> = (0..length).map(|at| at as u8).collect();
                let mut out = Vec::new();
                write(&mut out, side, TEXT, &[&text[..length / 2], &text[length / 2..]]);
                let found = first(&mut out).unwrap().unwrap();
                assert_eq!((found.opcode, &out[found.payload.clone()]), (TEXT, &text[..]));
                assert_eq!(found.payload.end, out.len());
            }
        }
    }

    #[test]
    fn half_a_frame_is_none() {
        let mut out = Vec::new();
        write(&mut out, Side::Client, TEXT, &[&[7; 300]]);
        for length in 0..out.len() {
            assert_eq!(first(&mut out[..length]).unwrap(), None);
        }
    }
}
