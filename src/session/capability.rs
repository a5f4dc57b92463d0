//! What a model lets change within a session, by the family its name belongs to. Pure.

use std::time::Duration;

use super::{SessionConfig, Why};

const HOUR: Duration = Duration::from_secs(3_600);

/// What a model can do, as far as we act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// Whether the instructions of a session can be changed.
    pub instructions_mutable: bool,
    /// Whether its tools can be.
    pub tools_mutable: bool,
    /// Whether its voice can be, until it has spoken.
    pub voice_mutable: bool,
    /// Whether a spoken message can be cut where the caller stopped listening.
    pub truncate: bool,
    /// How long a session lives that does not say when it ends.
    pub max_session: Duration,
}

/// The Realtime models: everything can be changed but a voice that was heard.
const REALTIME: Capability = Capability {
    instructions_mutable: true,
    tools_mutable: true,
    voice_mutable: true,
    truncate: true,
    max_session: HOUR,
};

/// The Live models: who they are is said once.
const LIVE: Capability = Capability {
    instructions_mutable: false,
    tools_mutable: false,
    voice_mutable: false,
    truncate: false,
    max_session: HOUR,
};

/// A name that tells nothing, such as that of a deployment. What the protocol promises is tried, since a refusal is
/// noticed and leaves the old persona in force; but a life is taken to be as short as any that was reported.
const UNKNOWN: Capability = Capability { max_session: Duration::from_secs(1_800), ..REALTIME };

/// Families by the beginning of their names.
const FAMILIES: [(&str, Capability); 4] = [
    ("gpt-realtime", REALTIME),
    ("gpt-4o-realtime", REALTIME),
    ("gpt-4o-mini-realtime", REALTIME),
    ("gpt-live", LIVE),
];

impl Capability {
    /// What the model of this name can do.
    pub fn of(model: &str) -> Self {
        let family = FAMILIES.iter().find(|(prefix, _)| model.starts_with(prefix));
        family.map_or(UNKNOWN, |(_, capability)| *capability)
    }

    /// Why another session is needed to get from one configuration to the other, if one is. `has_spoken`: the model
    /// was heard in this session.
    pub fn needs_another(&self, from: &SessionConfig, to: &SessionConfig, has_spoken: bool) -> Option<Why> {
        let voice = |config: &SessionConfig| config.speech.as_ref().map(|speech| speech.voice.clone());
        if voice(from) != voice(to) && (has_spoken || !self.voice_mutable) {
            return Some(Why::Voice);
        }
        let is_told_otherwise = from.instructions != to.instructions && !self.instructions_mutable;
        let has_others = from.tools != to.tools && !self.tools_mutable;
        (is_told_otherwise || has_others).then_some(Why::Instructions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::config::tests::{config, spoken};

    #[test]
    fn a_family_goes_by_the_beginning_of_its_names() {
        for name in ["gpt-realtime", "gpt-realtime-2.1-mini", "gpt-4o-realtime-preview-2024-12-17"] {
            assert_eq!(Capability::of(name), REALTIME, "{name}");
        }
        assert_eq!(Capability::of("gpt-live-1"), LIVE);
        assert_eq!(Capability::of("my-deployment"), UNKNOWN);
    }

    #[test]
    fn another_voice_needs_another_session_once_the_model_was_heard() {
        let (waiter, cfo) = (spoken("waiter", "marin"), spoken("cfo", "cedar"));
        assert_eq!(REALTIME.needs_another(&waiter, &cfo, false), None);
        assert_eq!(REALTIME.needs_another(&waiter, &cfo, true), Some(Why::Voice));
        assert_eq!(REALTIME.needs_another(&waiter, &spoken("cfo", "marin"), true), None);
        assert_eq!(LIVE.needs_another(&waiter, &cfo, false), Some(Why::Voice));
    }

    #[test]
    fn what_cannot_be_changed_needs_another_session() {
        let bare = SessionConfig { tools: Vec::new(), ..config("waiter") };
        assert_eq!(LIVE.needs_another(&config("waiter"), &config("cfo"), false), Some(Why::Instructions));
        assert_eq!(LIVE.needs_another(&config("waiter"), &bare, false), Some(Why::Instructions));
        assert_eq!(LIVE.needs_another(&config("waiter"), &config("waiter"), true), None);
        assert_eq!(REALTIME.needs_another(&config("waiter"), &bare, true), None);
    }
}
