//! What waits until the line has told how much of an interrupted answer was heard: what is told to the session before
//! would be stopped with the rest. Pure.

/// More than this does not happen within one question to the line; what comes after goes through at once.
const MAX_HELD: usize = 256;

/// Interruptions that the line was asked for, and what waits for them.
#[derive(Debug)]
pub(super) struct Cutting<T> {
    asked: u32,
    held: Vec<T>,
}

impl<T> Default for Cutting<T> {
    fn default() -> Self {
        Self { asked: 0, held: Vec::new() }
    }
}

impl<T> Cutting<T> {
    /// The line is asked to interrupt.
    pub(super) fn ask(&mut self) {
        self.asked += 1;
    }

    /// How often the line has still to tell what was heard.
    pub(super) fn pending(&self) -> u32 {
        self.asked
    }

    /// Whether the line has still to tell what was heard.
    pub(super) fn is_pending(&self) -> bool {
        self.asked > 0
    }

    /// Whether no more can wait: what is told now goes through at once.
    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= MAX_HELD
    }

    /// Something is to be told: gives it back when it need not wait.
    pub(super) fn hold(&mut self, what: T) -> Option<T> {
        if self.asked == 0 {
            return Some(what);
        }
        if self.is_full() {
            return Some(what);
        }
        self.held.push(what);
        None
    }

    /// The line has told what was heard, asked or not: what need not wait any more, in its order.
    pub(super) fn on_told(&mut self) -> Vec<T> {
        self.asked = self.asked.saturating_sub(1);
        if self.asked == 0 { std::mem::take(&mut self.held) } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_waits_for_every_interruption_that_was_asked_for() {
        let mut cutting = Cutting::default();
        assert_eq!(cutting.hold("before"), Some("before"));
        cutting.ask();
        cutting.ask();
        assert!(cutting.is_pending());
        assert_eq!((cutting.hold("prompt"), cutting.on_told()), (None, vec![]));
        assert_eq!((cutting.hold("output"), cutting.on_told()), (None, vec!["prompt", "output"]));
        assert_eq!(cutting.hold("after"), Some("after"));
        assert_eq!(cutting.on_told(), [""; 0], "a line that ends tells it without being asked");
        assert_eq!(cutting.hold("after"), Some("after"));
    }

    #[test]
    fn no_more_waits_than_there_is_room_for() {
        let mut cutting = Cutting::default();
        cutting.ask();
        let through = (0..300).filter(|number| cutting.hold(*number).is_some()).count();
        assert_eq!((through, cutting.on_told().len()), (300 - MAX_HELD, MAX_HELD));
    }
}
