//! What the phone survives: strangers at its doors, garbage on its line, sockets that break, processes that die.

mod deaf;
mod desk;
mod doors;
mod ends;
mod garbage;
mod model_gone;
mod slow_tool;
mod streams;
mod webhooks;
