//! Personas: who speaks, in which words, with which tools, and to whom they may hand the caller over. They are
//! files; this module reads, checks, renders and reloads them.

pub mod actor;
pub mod caller;
pub mod catalog;
mod folder;
mod frontmatter;
pub mod handoff_tool;
mod head;
pub mod library;
pub mod phone;
pub mod phone_tool;
pub mod template;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use caller::{CallerFacts, Transport};
pub use catalog::{Catalog, CatalogError, CatalogErrors};
pub use handoff_tool::{HandoffRequest, Target, handoff_back_tool, handoff_tools, parse_handoff};
pub use head::{check_voice_name, is_language_tag};
pub use library::Library;
pub use phone::PhoneManners;
pub use phone_tool::{PhoneRequest, parse_phone_tool, phone_tools};
pub use template::{Prompt, PromptError, TemplateContext};

use crate::id::PersonaKey;

/// One persona, as its file says.
#[derive(Debug, Clone)]
pub struct Persona {
    /// The stem of its file.
    pub key: PersonaKey,
    /// What it calls itself.
    pub name: String,
    /// The model's voice it speaks with.
    pub voice: String,
    /// Languages it speaks, as BCP 47 tags, its own first.
    pub languages: Vec<String>,
    /// Its first words to a caller.
    pub greeting: Option<String>,
    /// Its first words to a caller who comes back to it.
    pub return_greeting: Option<String>,
    /// What it leaves on an answering machine; without it, it hangs up on machines.
    pub voicemail: Option<String>,
    /// How it behaves on the phone.
    pub phone: PhoneManners,
    /// The tools it may use, by name; each is in the catalog's toolbox, or one that a phone call performs.
    pub tools: Vec<String>,
    /// To whom it may hand the caller.
    pub handoffs: Vec<HandoffRule>,
    /// The compiled prompt: the house rules, then its body.
    pub prompt: Arc<Prompt>,
}

/// To whom, when, and with what a persona may hand a caller over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandoffRule {
    /// The persona that takes over.
    pub to: PersonaKey,
    /// When to do it: the description the model is shown.
    pub when: String,
    /// What the new persona learns of the conversation so far.
    pub carry: Carry,
    /// How often in one call the target may be visited by a handoff; 0 means without limit.
    pub max_visits: u32,
}

/// What of the conversation goes along with a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// The whole conversation stays in view.
    All,
    /// The summary the handing persona gave, and the turn under way.
    #[default]
    Summary,
    /// The turn under way, and nothing of what came before.
    Nothing,
}
