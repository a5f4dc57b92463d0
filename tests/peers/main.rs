//! Peers: software nobody here wrote judges what this service says on the wire.
//!
//! They need Python and packages that a machine may not have, so `cargo test` passes over them; `make
//! test-services` installs what is needed and runs them all.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of a test are not seen as tests

mod bench;
mod browser;
mod gateway;
mod http_description;
mod official_client;
mod phone;
mod postgrest_clients;
mod rules;
mod spoken;
mod twilio_documents;
mod twilio_rest;
mod twilio_signatures;
mod typed_models;
