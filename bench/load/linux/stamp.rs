//! Sound with its own history hidden in it: whose it is, which frame, and when it left.

use std::time::Duration;

/// 20 ms of µ-law in base64.
pub(crate) const PAYLOAD: usize = 216;
/// Hexadecimal digits are base64, too: three numbers stand before the silence.
const DIGITS: usize = 32;

/// What is hidden in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) call: u32,
    pub(crate) number: u32,
    /// By the clock of the run.
    pub(crate) sent: Duration,
}

impl Stamp {
    pub(crate) fn write(self) -> [u8; PAYLOAD] {
        let mut payload = [b'/'; PAYLOAD];
        payload[PAYLOAD - 3..].copy_from_slice(b"w==");
        let sent = self.sent.as_nanos() as u64;
        hex(&mut payload[..16], sent);
        hex(&mut payload[16..24], u64::from(self.number));
        hex(&mut payload[24..DIGITS], u64::from(self.call));
        payload
    }

    /// Finds the payload after `name` in a message.
    pub(crate) fn find(message: &[u8], name: &str) -> Option<Self> {
        Self::read(between(message, name)?)
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let number = |range| u64::from_str_radix(std::str::from_utf8(payload.get(range)?).ok()?, 16).ok();
        Some(Self {
            sent: Duration::from_nanos(number(0..16)?),
            number: number(16..24)? as u32,
            call: number(24..DIGITS)? as u32,
        })
    }
}

fn hex(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

/// The text after `name`, which ends with its opening quote, up to the closing one.
pub(crate) fn between<'a>(message: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let name = name.as_bytes();
    let begins = message.windows(name.len()).position(|window| window == name)? + name.len();
    let length = message[begins..].iter().position(|byte| *byte == b'"')?;
    Some(&message[begins..begins + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_twenty_milliseconds_of_sound_and_can_be_read_again() {
        let stamp = Stamp { call: 499, number: 77_000, sent: Duration::from_nanos(123_456_789_012) };
        let payload = stamp.write();
        assert_eq!(base64_simd::STANDARD.decode_to_vec(payload).unwrap().len(), 160);
        let message = [br#"{"audio":""#, &payload[..], br#""}"#].concat();
        assert_eq!(Stamp::find(&message, r#""audio":""#), Some(stamp));
    }
}
