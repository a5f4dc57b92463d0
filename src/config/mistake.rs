//! Mistakes in the settings, in words the person at the terminal can act on.

use std::fmt;

/// How much of a wrong value is shown, in characters.
const SHOWN_CHARS: usize = 80;

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<ConfigMistake>);

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMistake {
    /// The variable.
    pub name: String,
    /// What it holds; `None` for a secret.
    pub held: Option<String>,
    /// What it may hold.
    pub allowed: String,
}

impl fmt::Display for ConfigMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, held, allowed } = self;
        match held {
            Some(held) if held.chars().count() > SHOWN_CHARS => {
                let start: String = held.chars().take(SHOWN_CHARS).collect();
                write!(f, "{name} is {start:?}… ({} characters): {allowed}", held.chars().count())
            }
            Some(held) => write!(f, "{name} is {held:?}: {allowed}"),
            None => write!(f, "{name} cannot be used (its value is not shown): {allowed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(held: Option<&str>) -> ConfigMistake {
        ConfigMistake { name: "PORT".into(), held: held.map(Into::into), allowed: "use a number".into() }
    }

    #[test]
    fn a_mistake_is_one_line_whatever_the_value_holds() {
        assert_eq!(mistake(Some("x")).to_string(), "PORT is \"x\": use a number");
        assert_eq!(mistake(Some("a\nb\u{1b}[2J")).to_string(), "PORT is \"a\\nb\\u{1b}[2J\": use a number");
        let long = mistake(Some(&"é".repeat(5000))).to_string();
        assert!(long.ends_with("… (5000 characters): use a number") && long.len() < 250, "{long}");
    }

    #[test]
    fn a_secret_is_named_but_not_shown() {
        assert_eq!(mistake(None).to_string(), "PORT cannot be used (its value is not shown): use a number");
    }

    #[test]
    fn every_mistake_has_its_line() {
        let error = ConfigError(vec![mistake(Some("x")), mistake(None)]);
        assert_eq!(error.to_string().lines().count(), 2);
    }
}
