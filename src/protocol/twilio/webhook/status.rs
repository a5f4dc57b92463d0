//! Words that Twilio has for the state of things. One that is new to us is kept, not refused.

/// How much of a word that is new to us is kept, in characters.
const MAX_WORD: usize = 64;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$word_doc])* $word,)+
            /// A word that is new to us.
            Other(String),
        }

        impl $name {
            /// Reads Twilio's word.
            pub fn read(word: &str) -> Self {
                match word {
                    $($text => Self::$word,)+
                    other => Self::Other(other.chars().take(MAX_WORD).collect()),
                }
            }

            /// Twilio's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => $text,)+
                    Self::Other(word) => word,
                }
            }
        }
    };
}

words! {
    /// How far a call has come.
    CallStatus {
        /// Waits to be placed.
        Queued = "queued",
        /// Is being placed.
        Initiated = "initiated",
        /// Rings.
        Ringing = "ringing",
        /// Was answered.
        InProgress = "in-progress",
        /// Was answered, and is over.
        Completed = "completed",
        /// Was not taken: busy.
        Busy = "busy",
        /// Was not answered.
        NoAnswer = "no-answer",
        /// Could not be placed.
        Failed = "failed",
        /// Was given up before it was answered.
        Canceled = "canceled",
    }
}

impl CallStatus {
    /// Whether the call is over. A status we do not know ends nothing.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Completed | Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled => true,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress | Self::Other(_) => false,
        }
    }
}

words! {
    /// What came of a `<Dial>`.
    DialStatus {
        /// Was connected, and is over.
        Completed = "completed",
        /// Was connected (to a conference).
        Answered = "answered",
        /// Was not taken: busy.
        Busy = "busy",
        /// Was not answered.
        NoAnswer = "no-answer",
        /// Could not be placed.
        Failed = "failed",
        /// The caller hung up before anybody answered.
        Canceled = "canceled",
    }
}

impl DialStatus {
    /// Whether the caller has talked to someone.
    pub fn was_connected(&self) -> bool {
        match self {
            Self::Completed | Self::Answered => true,
            Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled | Self::Other(_) => false,
        }
    }
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// It began.
    Started,
    /// It ended.
    Stopped,
    /// Something is wrong with it.
    Error {
        /// Twilio's words, at most 500 characters.
        text: String,
    },
    /// A word that is new to us.
    Other(String),
}

impl StreamEvent {
    /// Reads Twilio's word, and its explanation.
    pub(super) fn read(word: &str, error: &str) -> Self {
        match word {
            "stream-started" => Self::Started,
            "stream-stopped" => Self::Stopped,
            "stream-error" => Self::Error { text: error.chars().take(500).collect() },
            other => Self::Other(other.chars().take(MAX_WORD).collect()),
        }
    }
}

/// Who answered a call we placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person.
    Human,
    /// An answering machine.
    Machine(Greeting),
    /// A fax.
    Fax,
    /// It could not be told.
    Unknown,
    /// A word that is new to us.
    Other(String),
}

/// How far an answering machine's greeting has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// It has begun: too early for a message.
    Began,
    /// It ended with a beep.
    Beep,
    /// It ended in silence.
    Silence,
    /// It ended somehow.
    Ended,
}

impl AnsweredBy {
    /// Reads Twilio's word.
    pub fn read(word: &str) -> Self {
        match word {
            "human" => Self::Human,
            "machine_start" => Self::Machine(Greeting::Began),
            "machine_end_beep" => Self::Machine(Greeting::Beep),
            "machine_end_silence" => Self::Machine(Greeting::Silence),
            "machine_end_other" => Self::Machine(Greeting::Ended),
            "fax" => Self::Fax,
            "unknown" => Self::Unknown,
            other => Self::Other(other.chars().take(MAX_WORD).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_and_given_back_and_new_ones_are_kept() {
        for word in ["queued", "initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "x"] {
            assert_eq!(CallStatus::read(word).as_str(), word);
        }
        assert_eq!(CallStatus::read(&"x".repeat(100)), CallStatus::Other("x".repeat(64)));
        assert_eq!(DialStatus::read("no-answer"), DialStatus::NoAnswer);
        assert_eq!(AnsweredBy::read("machine_end_beep"), AnsweredBy::Machine(Greeting::Beep));
        assert_eq!(AnsweredBy::read("parrot"), AnsweredBy::Other("parrot".into()));
    }

    #[test]
    fn five_words_end_a_call() {
        for word in ["completed", "busy", "no-answer", "failed", "canceled"] {
            assert!(CallStatus::read(word).is_final(), "{word}");
        }
        for word in ["queued", "initiated", "ringing", "in-progress", "answered", ""] {
            assert!(!CallStatus::read(word).is_final(), "{word}");
        }
    }

    #[test]
    fn only_a_connected_dial_was_connected() {
        for word in ["completed", "answered"] {
            assert!(DialStatus::read(word).was_connected());
        }
        for word in ["busy", "no-answer", "failed", "canceled", "x"] {
            assert!(!DialStatus::read(word).was_connected());
        }
    }
}
