//! A call whose client leads.

use super::*;

fn reserved(greets: bool) -> (Conduct, Vec<VoiceAction>) {
    let (mut conduct, mut actions) = Conduct::expected();
    conduct.reserve(greets);
    actions.extend(conduct.on_ready(manners(), false));
    actions.extend(conduct.on_busy(false));
    actions.extend(conduct.on_line_up());
    actions.extend(conduct.on_busy(false));
    (conduct, actions)
}

fn says(actions: &[VoiceAction]) -> usize {
    actions.iter().filter(|action| matches!(action, VoiceAction::Say(_))).count()
}

#[test]
fn it_is_greeted_only_if_it_wants_that_and_is_not_timed() {
    let (_, actions) = reserved(false);
    assert_eq!(says(&actions), 0);
    let timed = |action: &VoiceAction| {
        matches!(
            action,
            VoiceAction::Arm(VoiceTimer::Silence(_) | VoiceTimer::MaxCall | VoiceTimer::EndingSoon, _)
        )
    };
    assert!(!actions.iter().any(timed), "{actions:?}");
    let (_, actions) = reserved(true);
    assert!(actions.contains(&VoiceAction::Say(Occasion::Greeting)));
}

#[test]
fn it_is_not_spoken_to_when_it_comes_back_nor_when_the_service_goes_down() {
    let (mut conduct, _) = reserved(false);
    conduct.on_answering(true);
    conduct.on_audible(true);
    let mut actions = conduct.on_line_down(StreamEnd::Lost);
    conduct.on_answering(false);
    actions.extend(conduct.on_line_up());
    actions.extend(conduct.on_shut_down());
    actions.extend(conduct.on_busy(false));
    assert_eq!(says(&actions), 0);
    assert!(actions.contains(&VoiceAction::HangUp), "{actions:?}");
}

#[test]
fn its_speech_stops_the_persona_unless_it_said_that_it_shall_not() {
    let (mut conduct, _) = reserved(false);
    conduct.on_answering(true);
    assert!(conduct.on_caller_speaks().contains(&VoiceAction::Interrupt));
    assert!(conduct.on_caller_said());
    conduct.stop_for_speech(false);
    conduct.on_answering(true);
    assert!(!conduct.on_caller_speaks().contains(&VoiceAction::Interrupt));
    assert!(!conduct.on_audible(true).contains(&VoiceAction::Interrupt));
    assert!(conduct.on_caller_said());
}
