//! What the phone survives: strangers at its doors, garbage on its line, sockets that break, processes that die.

mod deaf;
pub mod desk;
mod doors;
mod ends;
mod garbage;
mod model_gone;
pub mod slow_tool;
mod streams;
mod webhooks;
