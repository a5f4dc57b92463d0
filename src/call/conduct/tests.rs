//! The conduct of a call, rule by rule, and then in any order.

mod reserved;

use proptest::prelude::*;

use super::*;
use crate::call::phone::{AnsweredBy, Dialled, Next, PhoneStatus};

const MAX_EXTENDED: usize = 3;

fn manners() -> PhoneManners {
    PhoneManners { nudges: 1, ..PhoneManners::default() }
}

/// A call whose caller has been greeted, and where nobody speaks now.
fn greeted() -> Conduct {
    let (mut conduct, _) = Conduct::expected();
    conduct.on_ready(manners(), false);
    conduct.on_busy(false);
    assert!(conduct.on_line_up().contains(&VoiceAction::Say(Occasion::Greeting)));
    said(&mut conduct);
    conduct
}

/// The persona says something, and it is heard.
fn said(conduct: &mut Conduct) -> Vec<VoiceAction> {
    let mut actions = conduct.on_busy(true);
    actions.extend(conduct.on_answering(true));
    actions.extend(conduct.on_audible(true));
    actions.extend(conduct.on_answering(false));
    actions.extend(conduct.on_busy(false));
    actions.extend(conduct.on_audible(false));
    actions
}

fn silence(actions: &[VoiceAction]) -> VoiceTimer {
    let armed = actions.iter().find_map(|action| match action {
        VoiceAction::Arm(timer @ VoiceTimer::Silence(_), _) => Some(*timer),
        _ => None,
    });
    armed.expect("silence is timed")
}

fn dial() -> Dial {
    Dial { to: "+15550100".into(), caller_id: None }
}

#[test]
fn the_caller_is_greeted_once_whichever_comes_first() {
    for line_first in [true, false] {
        let (mut conduct, _) = Conduct::expected();
        let mut actions = Vec::new();
        if line_first {
            actions.extend(conduct.on_line_up());
            assert!(!actions.contains(&VoiceAction::Say(Occasion::Greeting)), "nobody is there to say it");
        }
        actions.extend(conduct.on_ready(manners(), false));
        actions.extend(conduct.on_line_up());
        actions.extend(conduct.on_line_down(StreamEnd::Lost));
        actions.extend(conduct.on_line_up());
        let greetings = actions.iter().filter(|action| **action == VoiceAction::Say(Occasion::Greeting));
        assert_eq!(greetings.count(), 1);
    }
}

#[test]
fn a_caller_who_was_met_before_the_service_restarted_is_not_greeted_again() {
    let (mut conduct, _) = Conduct::expected();
    conduct.on_ready(manners(), true);
    let said: Vec<_> =
        conduct.on_line_up().into_iter().filter(|action| matches!(action, VoiceAction::Say(_))).collect();
    assert_eq!(said, [VoiceAction::Say(Occasion::Back)]);
}

#[test]
fn the_persona_stops_for_the_caller_also_when_it_has_long_been_generated() {
    let mut conduct = greeted();
    conduct.on_answering(true);
    conduct.on_audible(true);
    conduct.on_answering(false);
    assert_eq!(conduct.on_caller_speaks(), [VoiceAction::Interrupt]);
    assert!(conduct.on_caller_said());
    assert!(
        !conduct.on_caller_speaks().contains(&VoiceAction::Interrupt),
        "there is nothing to stop any more"
    );
}

#[test]
fn a_cough_does_not_stop_the_persona() {
    let mut conduct = greeted();
    conduct.on_ready(PhoneManners { min_speech: Duration::from_millis(300), ..manners() }, true);
    conduct.on_audible(true);
    let actions = conduct.on_caller_speaks();
    let [VoiceAction::Arm(VoiceTimer::Speech(number), after)] = actions[..] else { panic!("{actions:?}") };
    assert_eq!(after, Duration::from_millis(300));
    let again = conduct.on_speech_lasts(number, Duration::from_millis(80));
    assert_eq!(again, [VoiceAction::Arm(VoiceTimer::Speech(number), LISTEN_AGAIN)]);
    assert!(!conduct.on_caller_said(), "it was noise");
    conduct.on_caller_speaks();
    assert_eq!(conduct.on_speech_lasts(number + 1, Duration::from_millis(300)), [VoiceAction::Interrupt]);
    assert!(conduct.on_caller_said());
}

#[test]
fn a_silent_caller_is_nudged_then_let_go_when_the_goodbye_was_heard() {
    let mut conduct = greeted();
    let timer = silence(&said(&mut conduct));
    assert_eq!(conduct.on_timer(timer), [VoiceAction::Say(Occasion::Nudge)]);
    assert!(conduct.on_timer(timer).is_empty(), "it was acted on");
    let timer = silence(&said(&mut conduct));
    let actions = conduct.on_timer(timer);
    assert_eq!(actions[0], VoiceAction::Say(Occasion::Goodbye));
    assert!(!actions.contains(&VoiceAction::HangUp), "the goodbye comes first");
    assert!(said(&mut conduct).contains(&VoiceAction::HangUp));
    assert_eq!(conduct.on_line_down(StreamEnd::Stopped), [VoiceAction::End(EndReason::Silence)]);
}

#[test]
fn a_caller_who_speaks_during_the_farewell_is_not_hung_up_on() {
    let mut conduct = greeted();
    conduct.on_busy(true);
    conduct.on_leave(EndReason::Assistant);
    conduct.on_audible(true);
    assert_eq!(conduct.on_caller_speaks(), [VoiceAction::Interrupt]);
    assert!(conduct.on_caller_said());
    assert!(!said(&mut conduct).contains(&VoiceAction::HangUp));
}

#[test]
fn a_farewell_that_never_comes_does_not_keep_the_call() {
    let mut conduct = greeted();
    conduct.on_busy(true);
    let actions = conduct.on_leave(EndReason::Assistant);
    let [VoiceAction::Arm(timer @ VoiceTimer::Farewell(_), _)] = actions[..] else { panic!("{actions:?}") };
    let actions = conduct.on_timer(timer);
    assert_eq!(actions[0], VoiceAction::HangUp);
    let VoiceAction::Arm(timer, _) = actions[1] else { panic!("{actions:?}") };
    assert_eq!(conduct.on_timer(timer), [VoiceAction::End(EndReason::Assistant)]);
}

#[test]
fn a_caller_is_put_through_when_they_have_been_told_and_comes_back_if_nobody_answers() {
    let mut conduct = greeted();
    conduct.on_busy(true);
    assert!(!conduct.on_transfer(dial(), false).contains(&VoiceAction::PutThrough(dial())));
    assert!(said(&mut conduct).contains(&VoiceAction::PutThrough(dial())));
    let actions = conduct.on_line_down(StreamEnd::Stopped);
    let [VoiceAction::Arm(away, _), VoiceAction::RestSession] = actions[..] else { panic!("{actions:?}") };
    assert_eq!(conduct.on_timer(away)[0], VoiceAction::AskStatus, "Twilio may have told us in vain");
    let (next, _) = conduct.on_next(Some(Dialled::NotReached));
    assert_eq!(next, Next::Stream);
    assert!(conduct.on_line_up().contains(&VoiceAction::Say(Occasion::NobodyAvailable)));
}

#[test]
fn a_human_who_took_over_ends_the_call() {
    let mut conduct = greeted();
    conduct.on_transfer(dial(), false);
    conduct.on_line_down(StreamEnd::Stopped);
    let (next, actions) = conduct.on_next(Some(Dialled::Completed));
    assert_eq!((next, actions), (Next::HangUp, vec![VoiceAction::End(EndReason::Transferred)]));
    assert!(conduct.on_status(PhoneStatus::Completed).is_empty(), "its books are closed");
}

#[test]
fn without_a_rest_api_the_answer_to_the_next_question_does_the_same() {
    let mut conduct = greeted();
    conduct.on_transfer(dial(), false);
    conduct.on_line_down(StreamEnd::Closed);
    assert_eq!(conduct.on_next(None).0, Next::Dial(dial()));
    let mut conduct = greeted();
    assert_eq!(conduct.on_hang_up(EndReason::HungUp)[0], VoiceAction::HangUp);
    conduct.on_line_down(StreamEnd::Closed);
    assert_eq!(conduct.on_next(None), (Next::HangUp, vec![VoiceAction::End(EndReason::HungUp)]));
}

#[test]
fn a_line_that_broke_is_waited_for_and_one_that_stopped_is_asked_about() {
    let mut conduct = greeted();
    let actions = conduct.on_line_down(StreamEnd::Lost);
    let [VoiceAction::Arm(lost, _)] = actions[..] else { panic!("{actions:?}") };
    assert_eq!(conduct.on_next(None).0, Next::Stream);
    conduct.on_line_up();
    assert!(conduct.on_timer(lost).is_empty(), "it came back");
    let actions = conduct.on_line_down(StreamEnd::Stopped);
    let [VoiceAction::Arm(stopped, _)] = actions[..] else { panic!("{actions:?}") };
    let actions = conduct.on_timer(stopped);
    let [VoiceAction::AskStatus, VoiceAction::Arm(asked, _)] = actions[..] else { panic!("{actions:?}") };
    assert_eq!(conduct.on_timer(asked), [VoiceAction::End(EndReason::HungUp)]);
}

#[test]
fn a_persona_whose_line_broke_while_it_spoke_goes_on_when_it_is_back() {
    let mut conduct = greeted();
    conduct.on_audible(true);
    conduct.on_line_down(StreamEnd::Lost);
    conduct.on_next(None);
    assert!(conduct.on_line_up().contains(&VoiceAction::Say(Occasion::GoOn)));
    conduct.on_line_down(StreamEnd::Lost);
    assert!(
        !conduct.on_line_up().iter().any(|action| matches!(action, VoiceAction::Say(_))),
        "it was silent"
    );
}

#[test]
fn an_answer_that_begins_while_the_caller_speaks_gives_way() {
    let mut conduct = greeted();
    conduct.on_busy(true);
    assert!(!conduct.on_caller_speaks().contains(&VoiceAction::Interrupt), "there is nothing to stop yet");
    assert_eq!(conduct.on_answering(true), [VoiceAction::Interrupt]);
    conduct.on_answering(false);
    conduct.on_caller_said();
    assert!(conduct.on_answering(true).is_empty(), "that one answers them");
}

#[test]
fn a_stream_that_takes_the_place_of_another_lets_the_persona_go_on() {
    let mut conduct = greeted();
    conduct.on_audible(true);
    assert!(conduct.on_line_up().contains(&VoiceAction::Say(Occasion::GoOn)));
    assert!(!said(&mut conduct).is_empty(), "silence is timed again");
}

#[test]
fn a_farewell_that_is_being_heard_is_heard_to_its_end_but_not_without_end() {
    let mut conduct = greeted();
    conduct.on_busy(true);
    conduct.on_audible(true);
    let mut actions = conduct.on_leave(EndReason::Assistant);
    for _ in 0..MAX_EXTENDED {
        let [VoiceAction::Arm(timer, _)] = actions[..] else { panic!("{actions:?}") };
        actions = conduct.on_timer(timer);
    }
    let [VoiceAction::Arm(timer, _)] = actions[..] else { panic!("{actions:?}") };
    assert_eq!(conduct.on_timer(timer)[0], VoiceAction::HangUp);
}

#[test]
fn a_call_that_lasted_too_long_with_a_human_ends_when_it_comes_back() {
    let mut conduct = greeted();
    conduct.on_transfer(dial(), false);
    conduct.on_line_down(StreamEnd::Stopped);
    assert!(conduct.on_timer(VoiceTimer::MaxCall).is_empty());
    conduct.on_next(Some(Dialled::NotReached));
    assert!(conduct.on_line_up().contains(&VoiceAction::Say(Occasion::Goodbye)));
    assert!(said(&mut conduct).contains(&VoiceAction::HangUp));
}

#[test]
fn a_machine_is_left_the_message_or_hung_up_on() {
    let mut conduct = greeted();
    let actions = conduct.on_answered_by(AnsweredBy::Machine, true);
    assert_eq!(actions[..2], [VoiceAction::Interrupt, VoiceAction::Say(Occasion::Voicemail)]);
    assert!(said(&mut conduct).contains(&VoiceAction::HangUp));
    assert_eq!(greeted().on_answered_by(AnsweredBy::Machine, false)[0], VoiceAction::HangUp);
    assert!(greeted().on_answered_by(AnsweredBy::Human, true).is_empty());
}

#[test]
fn a_call_without_a_model_ends_with_words_of_twilios() {
    let mut conduct = greeted();
    assert_eq!(conduct.on_model_gone()[0], VoiceAction::Apologise);
    let (next, actions) = conduct.on_next(None);
    assert_eq!((next, actions), (Next::Apologise, vec![VoiceAction::End(EndReason::ModelUnavailable)]));
}

#[test]
fn a_stream_that_comes_after_the_end_is_ended_too() {
    let (mut conduct, _) = Conduct::expected();
    assert_eq!(conduct.on_model_gone()[0], VoiceAction::Apologise);
    assert_eq!(conduct.on_line_up(), [VoiceAction::Apologise]);
    let (mut conduct, _) = Conduct::expected();
    assert_eq!(conduct.on_hang_up(EndReason::HungUp)[0], VoiceAction::HangUp);
    assert_eq!(conduct.on_line_up(), [VoiceAction::HangUp]);
    conduct.on_status(PhoneStatus::Completed);
    assert_eq!(conduct.on_line_up(), [], "the books are closed");
}

#[test]
fn a_call_that_lasts_too_long_is_told_so_and_ended() {
    let mut conduct = greeted();
    assert_eq!(conduct.on_timer(VoiceTimer::EndingSoon), [VoiceAction::Say(Occasion::EndingSoon)]);
    assert_eq!(conduct.on_timer(VoiceTimer::MaxCall)[0], VoiceAction::Say(Occasion::Goodbye));
    conduct.on_caller_speaks();
    conduct.on_caller_said();
    assert!(said(&mut conduct).contains(&VoiceAction::HangUp), "also when the caller talks on");
}

/// Everything that may happen to a call, in any order.
fn happen(conduct: &mut Conduct, what: u8, timer: Option<VoiceTimer>) -> Vec<VoiceAction> {
    match what {
        0 => conduct.on_line_up(),
        1 => conduct.on_line_down(StreamEnd::Lost),
        2 => conduct.on_line_down(StreamEnd::Stopped),
        3 => conduct.on_caller_speaks(),
        4 => {
            conduct.on_caller_said();
            Vec::new()
        }
        5 => conduct.on_answering(true),
        6 => conduct.on_answering(false),
        7 => conduct.on_audible(true),
        8 => conduct.on_audible(false),
        9 => conduct.on_busy(true),
        10 => conduct.on_busy(false),
        11 => conduct.on_leave(EndReason::Assistant),
        12 => conduct.on_transfer(dial(), false),
        13 => conduct.on_next(None).1,
        14 => conduct.on_next(Some(Dialled::NotReached)).1,
        15 => conduct.on_model_gone(),
        16 => conduct.on_model_lost(),
        17 => conduct.on_caller_acts(),
        18 => conduct.on_shut_down(),
        19 => conduct.on_ready(manners(), false),
        20 => conduct.on_answered_by(AnsweredBy::Machine, true),
        21 => conduct.on_hang_up(EndReason::HungUp),
        22 => conduct.on_status(PhoneStatus::Completed),
        _ => timer.map(|timer| conduct.on_timer(timer)).unwrap_or_default(),
    }
}

proptest! {
    #[test]
    fn in_any_order_the_books_are_closed_once_and_every_call_comes_to_its_end(
        order in proptest::collection::vec((0u8..30, any::<prop::sample::Index>()), 0..120),
    ) {
        let (mut conduct, first) = Conduct::expected();
        let (mut timers, mut ends, mut greetings) = (Vec::new(), 0, 0);
        let mut note = |actions: Vec<VoiceAction>, timers: &mut Vec<VoiceTimer>, ends: &mut u32| {
            for action in actions {
                assert_eq!(*ends, 0, "{action:?} after the end");
                match action {
                    VoiceAction::Arm(timer, _) => timers.push(timer),
                    VoiceAction::End(_) => *ends += 1,
                    VoiceAction::Say(Occasion::Greeting) => greetings += 1,
                    _ => {}
                }
            }
        };
        note(first, &mut timers, &mut ends);
        for (what, which) in order {
            let timer = (!timers.is_empty()).then(|| *which.get(&timers));
            let actions = happen(&mut conduct, what, timer);
            note(actions, &mut timers, &mut ends);
        }
        // Whatever state it is in: Twilio says that the call is over.
        let actions = conduct.on_status(PhoneStatus::Completed);
        note(actions, &mut timers, &mut ends);
        prop_assert_eq!(ends, 1);
        prop_assert!(greetings <= 1);
    }
}
