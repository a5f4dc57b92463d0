//! Journeys: the service as its users meet it, over real sockets, with the rehearsal model on the other side.
//! Nothing here sleeps: a journey awaits the next thing that can be seen, with one deadline.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of a test are not seen as tests
#![allow(unreachable_pub)] // the journeys share one crate

mod asleep;
mod browser;
mod configuration;
mod crashes;
mod crowded_documents;
mod doors;
mod hang_up;
mod house;
mod killed;
mod knowledge;
mod long_conversation;
mod many;
mod mended_files;
mod model_trouble;
mod order;
mod orders;
mod phone;
mod phone_faults;
mod provider;
mod realtime;
mod realtime_doors;
mod records;
mod replacement;
mod restart;
mod secrets;
mod shutdown;
mod store_away;
mod streams;
mod stuck_journal;
mod talk;
mod wrong_requests;
