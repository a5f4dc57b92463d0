//! What goes over the wires, as serde types and nothing else: no sockets, no state, no decisions.

pub mod openai;
