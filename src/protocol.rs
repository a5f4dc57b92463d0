//! What goes over the wires: types, how they are read and written, and how a message proves who sent it. No sockets,
//! no state, no decisions.

pub mod audio;
pub mod browser;
pub mod openai;
pub mod realtime;
pub mod twilio;
