//! Who speaks, by the journal: each handoff is asked for by who speaks, and answered once; the way back is known.

use serde_json::Value;

/// The personas of a call so far.
#[derive(Default)]
pub struct Personas {
    active: Option<String>,
    stack: Vec<String>,
    /// To whom the caller is being handed over.
    asked: Option<String>,
}

impl Personas {
    /// Takes in an event that tells of personas.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&mut self, event: &Value) -> Result<(), String> {
        match event["type"].as_str() {
            Some("handoff.requested") => self.requested(event),
            Some("handoff.refused") => {
                self.asked = None;
                Ok(())
            }
            _ => self.activated(event),
        }
    }

    fn requested(&mut self, event: &Value) -> Result<(), String> {
        let before = self.asked.replace(text(event, "to"));
        if self.active != Some(text(event, "from")) {
            return Err(format!("{:?} speaks", self.active));
        }
        before.map_or(Ok(()), |to| Err(format!("the handoff to {to} is under way")))
    }

    fn activated(&mut self, event: &Value) -> Result<(), String> {
        let persona = text(event, "persona");
        let before = self.active.replace(persona.clone());
        if event["by"] != "model" {
            if before.as_ref() != Some(&persona) {
                self.stack.clear();
            }
            return Ok(());
        }
        if self.asked.take().as_ref() != Some(&persona) {
            return Err("nobody asked for this handoff".to_owned());
        }
        if event["back"] != true {
            self.stack.extend(before);
            return Ok(());
        }
        match self.stack.pop() {
            Some(last) if last == persona => Ok(()),
            last => Err(format!("the way back leads to {last:?}")),
        }
    }
}

fn text(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap_or_default().to_owned()
}
