//! What a test or a trial waits for on a line. Every wait has a deadline and ends early when the call does.

use std::time::Duration;

use super::late::Late;
use super::line::Line;
use super::record::State;
use super::timeline::{Ending, Moment, TimelineEvent};
use super::ulaw::PER_MS;

/// How often conditions that only time can fulfil are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Silence after which an answer is taken to be complete, in milliseconds of the call.
const ANSWERED_MS: u64 = 800;

impl Line {
    /// Waits until `look` finds something.
    ///
    /// # Errors
    /// [`Late`] when the deadline has passed, or the call is over, and it has not.
    async fn until<T>(
        &self,
        awaited: &str,
        deadline: Duration,
        mut look: impl FnMut(&State, u64) -> Option<T>,
    ) -> Result<T, Late> {
        let mut changed = self.record().watch();
        let wait = async {
            loop {
                let over = {
                    let state = self.record().read();
                    if let Some(found) = look(&state, self.record().clock.samples()) {
                        return Ok(found);
                    }
                    state.over
                };
                if over {
                    return Err("the call is over");
                }
                let _ = tokio::time::timeout(LOOK_EVERY, changed.changed()).await;
            }
        };
        match tokio::time::timeout(deadline, wait).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(why)) => Err(self.late(awaited, why)),
            Err(_) => Err(self.late(awaited, "the deadline has passed")),
        }
    }

    fn late(&self, awaited: &str, why: &'static str) -> Late {
        Late { awaited: awaited.to_owned(), why, heard: self.heard_text(), moments: self.events() }
    }

    /// Waits for the first thing that has happened, or happens, on the call that `wanted` finds.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_event(
        &self,
        awaited: &str,
        deadline: Duration,
        wanted: impl Fn(&TimelineEvent) -> bool,
    ) -> Result<Moment, Late> {
        let mut seen = 0;
        self.until(awaited, deadline, |state, _| {
            let found = state.moments[seen..].iter().find(|moment| wanted(&moment.event)).cloned();
            seen = state.moments.len();
            found
        })
        .await
    }

    /// Waits for the moments after the first `seen`; gives all that have come since.
    ///
    /// # Errors
    /// [`Late`] when none came, or the call is over.
    pub async fn until_more(&self, seen: usize, deadline: Duration) -> Result<Vec<Moment>, Late> {
        self.until("something new", deadline, |state, _| {
            state.moments.get(seen..).filter(|new| !new.is_empty()).map(<[Moment]>::to_vec)
        })
        .await
    }

    /// Waits until so many streams have started since dialling.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_streams(&self, streams: u64, deadline: Duration) -> Result<(), Late> {
        self.until("a stream", deadline, |state, _| (state.counters.streams >= streams).then_some(())).await
    }

    /// Waits until the caller has said all he had to say.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_said(&self, deadline: Duration) -> Result<(), Late> {
        self.until("the end of the caller's words", deadline, |state, _| state.caller_is_silent.then_some(()))
            .await
    }

    /// Waits until the caller hears the persona.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_speaks(&self, deadline: Duration) -> Result<(), Late> {
        let floor = self.floor();
        self.until("the persona's voice", deadline, |state, _| {
            state.ear.last_audible().filter(|last| *last >= floor).map(|_| ())
        })
        .await
    }

    /// Waits until the caller has heard nothing for so many milliseconds of the call.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_quiet(&self, ms: u64, deadline: Duration) -> Result<(), Late> {
        let floor = self.floor();
        self.until("silence", deadline, |state, now| {
            let since = state.ear.last_audible().unwrap_or_default().max(floor);
            (now >= since + ms * PER_MS).then_some(())
        })
        .await
    }

    /// Waits until the caller has heard these words, whatever their case; gives all he has heard.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_heard(&self, words: &str, deadline: Duration) -> Result<String, Late> {
        let wanted = words.to_lowercase();
        let listen = async {
            let mut received = None;
            loop {
                let played = self.record().read().ear.last_audible();
                if received != Some(played) {
                    received = Some(played);
                    let text = self.heard_text();
                    if text.to_lowercase().contains(&wanted) {
                        return Ok(text);
                    }
                } else if self.record().read().over {
                    return Err("the call is over");
                }
                // Understanding costs more than looking, and a word takes longer to say than this.
                tokio::time::sleep(LOOK_EVERY * 5).await;
            }
        };
        match tokio::time::timeout(deadline, listen).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(why)) => Err(self.late(words, why)),
            Err(_) => Err(self.late(words, "the deadline has passed")),
        }
    }

    /// Says a text, and waits until the persona has answered and fallen silent; gives the answer. One deadline for
    /// all of it.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn ask(&self, text: &str, deadline: Duration) -> Result<String, Late> {
        let asked = async {
            self.say(text).await;
            self.until_said(deadline).await?;
            self.listen_afresh();
            self.until_speaks(deadline).await?;
            self.until_quiet(ANSWERED_MS, deadline).await?;
            Ok(self.heard_text())
        };
        tokio::time::timeout(deadline, asked)
            .await
            .unwrap_or_else(|_| Err(self.late(text, "the deadline has passed")))
    }

    /// Waits until the call has ended.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_ended(&self, deadline: Duration) -> Result<Ending, Late> {
        self.until("the end of the call", deadline, |state, _| {
            state.moments.iter().rev().find_map(|moment| {
                if let TimelineEvent::CallEnded { ending } = &moment.event {
                    Some(ending.clone())
                } else {
                    None
                }
            })
        })
        .await
    }

    /// Waits until the call has ended and all its status callbacks were answered or given up.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_over(&self, deadline: Duration) -> Result<(), Late> {
        self.until("the last callback", deadline, |state, _| state.over.then_some(())).await
    }
}
