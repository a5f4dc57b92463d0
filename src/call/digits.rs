//! Keys the caller presses, gathered into what they mean together. Pure.

use std::time::Duration;

/// Keys that follow within this belong together.
pub const PAUSE: Duration = Duration::from_millis(1_500);
/// More keys than this are no input of anybody's.
const MAX_DIGITS: usize = 32;

/// The keys pressed so far.
#[derive(Debug, Default)]
pub struct Digits {
    pressed: String,
    presses: u64,
}

/// What follows from a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// More may follow: come back with this number after [`PAUSE`].
    Wait(u64),
    /// These belong together.
    Whole(String),
}

impl Digits {
    /// The caller pressed a key. `#` ends what was pressed, and so does the last key there is room for.
    pub fn on_key(&mut self, key: char) -> Pressed {
        self.presses += 1;
        self.pressed.push(key);
        if key == '#' || self.pressed.len() >= MAX_DIGITS {
            return Pressed::Whole(std::mem::take(&mut self.pressed));
        }
        Pressed::Wait(self.presses)
    }

    /// Nothing followed for a while.
    pub fn on_pause(&mut self, press: u64) -> Option<String> {
        (press == self.presses && !self.pressed.is_empty()).then(|| std::mem::take(&mut self.pressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_pressed_one_after_the_other_belong_together() {
        let mut digits = Digits::default();
        assert_eq!(digits.on_key('4'), Pressed::Wait(1));
        assert_eq!(digits.on_key('2'), Pressed::Wait(2));
        assert_eq!(digits.on_pause(1), None, "another followed");
        assert_eq!(digits.on_pause(2), Some("42".into()));
        assert_eq!(digits.on_pause(2), None);
        assert_eq!(digits.on_key('7'), Pressed::Wait(3));
        assert_eq!(digits.on_key('#'), Pressed::Whole("7#".into()));
    }
}
