//! Reading single variables, and remembering every mistake instead of stopping at the first.

use crate::secret::SecretString;

use super::ConfigMistake;

/// The variables, and what was found wrong with them so far.
pub(super) struct Source<F> {
    var: F,
    mistakes: Vec<ConfigMistake>,
}

impl<F: Fn(&str) -> Option<String>> Source<F> {
    pub(super) fn new(var: F) -> Self {
        Self { var, mistakes: Vec::new() }
    }

    /// What a variable holds, trimmed. An empty value counts as none: that is how shells, Compose files and
    /// `.env` files leave a setting out.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = (self.var)(name)?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A variable, its default when it is not set, and the default and a mistake when it makes no sense.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        default: T,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        parse(&text).unwrap_or_else(|| {
            self.refuse(name, allowed);
            default
        })
    }

    /// A secret, which `allowed` tells good from bad without ever showing it.
    pub(super) fn secret(
        &mut self,
        name: &str,
        allowed: &str,
        is_good: impl FnOnce(&str) -> bool,
    ) -> Option<SecretString> {
        let text = self.text(name)?;
        if !is_good(&text) {
            self.refuse_secret(name, allowed);
        }
        Some(SecretString::from(text))
    }

    /// Notes that a variable is wrong, with what it holds.
    pub(super) fn refuse(&mut self, name: &str, allowed: impl Into<String>) {
        let held = Some(self.text(name).unwrap_or_default());
        self.mistakes.push(ConfigMistake { name: name.into(), held, allowed: allowed.into() });
    }

    /// Notes that a variable is wrong, without what it holds.
    pub(super) fn refuse_secret(&mut self, name: &str, allowed: impl Into<String>) {
        self.mistakes.push(ConfigMistake { name: name.into(), held: None, allowed: allowed.into() });
    }

    pub(super) fn into_mistakes(self) -> Vec<ConfigMistake> {
        self.mistakes
    }
}
