use super::*;

mod line;

fn item(name: &str) -> ItemId {
    ItemId::from(name)
}

fn response() -> ResponseId {
    ResponseId::from("r1")
}

/// A ledger of G.711, and `ms` of an item's sound.
struct Ledger(Playout);

impl Ledger {
    fn new() -> Self {
        Self(Playout::new(8))
    }

    fn sound(&mut self, name: &str, ms: u64, now_ms: u64) -> Option<String> {
        self.0.on_audio(&item(name), &response(), ms * 8, now_ms).map(|mark| mark.to_string())
    }

    fn end(&mut self, name: &str) -> Option<String> {
        self.0.on_item_end(&item(name)).map(|mark| mark.to_string())
    }

    fn played(&self, name: &str, now_ms: u64) -> Option<u64> {
        self.0.played_ms(&item(name), now_ms)
    }

    /// `(item, played, sent, ended)` of each cut.
    fn interrupt(&mut self, now_ms: u64) -> Vec<(String, u64, u64, bool)> {
        let cuts = self.0.interrupt(now_ms).into_iter();
        cuts.map(|cut| (cut.item.to_string(), cut.played_ms, cut.sent_ms, cut.ended)).collect()
    }
}

fn played(heard: &[&str], silent: bool) -> MarkOutcome {
    MarkOutcome::Played { heard: heard.iter().map(|name| item(name)).collect(), silent }
}

#[test]
fn marks_go_out_every_few_hundred_milliseconds_and_at_an_items_end() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.sound("a", 399, 0), None);
    assert_eq!(ledger.sound("a", 1, 0).as_deref(), Some("0:0"));
    assert_eq!(ledger.sound("a", 900, 0).as_deref(), Some("0:1"), "a long delta has one mark, at its end");
    assert_eq!(ledger.sound("a", 20, 0), None);
    assert_eq!(ledger.end("a").as_deref(), Some("0:2"));
    assert_eq!(ledger.end("a"), None, "a mark stands there already");
    assert_eq!(ledger.sound("b", 0, 0), None);
    assert_eq!(ledger.end("b"), None);
}

#[test]
fn the_playhead_runs_from_the_first_sound_and_waits_at_marks() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 400, 1000);
    ledger.sound("a", 200, 1000);
    assert_eq!(ledger.played("a", 1150), Some(150));
    assert_eq!(ledger.played("a", 1500), Some(400), "the mark is not back");
    assert_eq!(ledger.0.on_mark("0:0", 1520), played(&[], false));
    assert_eq!(ledger.played("a", 1620), Some(500));
    assert_eq!(ledger.0.unplayed_ms(1620), 100);
    assert_eq!(ledger.played("a", 9000), Some(600), "no more than was sent");
    assert!(ledger.0.is_audible(), "nothing says that it was played");
}

#[test]
fn an_empty_buffer_stands_still_until_there_is_sound_again() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 400, 0);
    ledger.end("a");
    assert_eq!(ledger.0.on_mark("0:0", 400), played(&["a"], true));
    assert!(!ledger.0.is_audible());
    assert_eq!(ledger.0.unplayed_ms(5000), 0);
    ledger.sound("b", 100, 5000);
    assert_eq!(ledger.played("b", 5030), Some(30));
    // It ran dry in the middle of an item, before any mark.
    assert_eq!(ledger.played("b", 5200), Some(100));
    ledger.sound("b", 100, 6000);
    assert_eq!(ledger.played("b", 6010), Some(110));
}

#[test]
fn an_interruption_cuts_what_plays_and_what_waits_but_not_what_was_heard() {
    let mut ledger = Ledger::new();
    for (name, ms) in [("heard", 100), ("playing", 500), ("waiting", 300)] {
        ledger.sound(name, ms, 0);
        ledger.end(name);
    }
    assert_eq!(ledger.0.on_mark("0:0", 100), played(&["heard"], false));
    assert_eq!(ledger.interrupt(350), [("playing".into(), 250, 500, true), ("waiting".into(), 0, 300, true)]);
    assert!(!ledger.0.is_audible());
    assert!(ledger.interrupt(360).is_empty());
}

#[test]
fn an_item_that_is_still_being_said_is_cut_even_if_all_that_came_was_heard() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 400, 0);
    ledger.0.on_mark("0:0", 400);
    assert_eq!(ledger.interrupt(700), [("a".into(), 400, 400, false)]);
}

#[test]
fn what_was_heard_by_the_clock_is_not_cut_though_its_mark_is_on_its_way() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 100, 0);
    ledger.end("a");
    assert!(ledger.interrupt(100).is_empty());
}

#[test]
fn echoes_of_what_was_cleared_say_nothing() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 400, 0);
    ledger.interrupt(100);
    assert_eq!(ledger.sound("b", 400, 150).as_deref(), Some("1:1"));
    assert_eq!(ledger.0.on_mark("0:0", 160), MarkOutcome::Stale);
    assert_eq!(ledger.played("b", 170), Some(20));
    for name in ["1:2", "2:0", "", ":", "1", "bye:1", "1:x", "1:1:1", "-1:0"] {
        assert_eq!(ledger.0.on_mark(name, 170), MarkOutcome::Unknown, "{name}");
    }
    ledger.0.reset(200);
    assert_eq!(ledger.0.on_mark("1:1", 210), MarkOutcome::Stale);
}

#[test]
fn marks_out_of_order_or_twice_do_no_harm() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 400, 0);
    ledger.sound("a", 400, 0);
    assert_eq!(ledger.0.on_mark("0:1", 800), played(&[], true));
    assert_eq!(ledger.0.on_mark("0:0", 805), MarkOutcome::Stale);
    assert_eq!(ledger.0.on_mark("0:1", 810), MarkOutcome::Stale);
    assert_eq!(ledger.played("a", 810), Some(800));
}

#[test]
fn a_line_that_is_gone_cuts_as_an_interruption_does() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 300, 0);
    let cuts = ledger.0.reset(100);
    assert_eq!(
        cuts,
        [Cut { item: item("a"), response: response(), played_ms: 100, sent_ms: 300, ended: false }]
    );
}

#[test]
fn an_item_in_two_pieces_is_one_item() {
    let mut ledger = Ledger::new();
    ledger.sound("a", 100, 0);
    ledger.sound("b", 100, 0);
    ledger.sound("a", 100, 0);
    assert_eq!(
        (ledger.played("a", 150), ledger.played("b", 150), ledger.played("a", 250)),
        (Some(100), Some(50), Some(150))
    );
    assert_eq!(ledger.interrupt(50), [("a".into(), 50, 200, false), ("b".into(), 0, 100, true)]);
}

#[test]
fn open_marks_are_bounded_and_the_last_sound_still_has_one() {
    let mut ledger = Ledger::new();
    for _ in 0..MAX_MARKS {
        assert!(ledger.sound("a", 400, 0).is_some());
    }
    assert_eq!(ledger.sound("a", 400, 0), None);
    let last = ledger.end("a").unwrap();
    assert_eq!(ledger.0.on_mark("0:255", 0), MarkOutcome::Stale, "the last one took its place");
    assert_eq!(ledger.0.on_mark("0:0", 400), played(&[], false));
    assert!(ledger.sound("a", 400, 400).is_some(), "there is room again");
    assert_eq!(ledger.0.on_mark(&last, 102_800), played(&[], false));
}

#[test]
fn items_are_bounded_and_the_oldest_goes_first() {
    let mut ledger = Ledger::new();
    for number in 0..=MAX_PIECES {
        ledger.sound(&number.to_string(), 10, 0);
    }
    assert_eq!(ledger.played("0", 5), None);
    let cuts = ledger.interrupt(15);
    assert_eq!(cuts.len(), MAX_PIECES);
    assert_eq!(cuts[0], ("1".into(), 5, 10, true));
}
