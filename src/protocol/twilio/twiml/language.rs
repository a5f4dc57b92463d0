//! The languages that Twilio's own voice speaks.
//!
//! Source: <https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages>

/// Twilio's tags. Of a language without a country, or with one that is not here, the first is meant.
const TAGS: [&str; 34] = [
    "da-DK", "de-DE", "en-US", "en-GB", "en-AU", "en-CA", "en-IN", "ca-ES", "es-ES", "es-MX", "es-US",
    "fi-FI", "fr-FR", "fr-CA", "hi-IN", "is-IS", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL", "nl-BE",
    "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "tr-TR", "cy-GB", "cmn-CN", "zh-CN", "zh-HK",
    "zh-TW",
];

/// The tag Twilio has for a language, given as BCP 47; `None` when it speaks none such.
pub fn say_language(tag: &str) -> Option<&'static str> {
    let tag = tag.replace('_', "-");
    let exactly = TAGS.into_iter().find(|known| known.eq_ignore_ascii_case(&tag));
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    exactly.or_else(|| TAGS.into_iter().find(|known| primary(known) == primary(&tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_in_twilios_tags_or_left_out() {
        for (tag, told) in [
            ("en", Some("en-US")),
            ("en-GB", Some("en-GB")),
            ("en-gb", Some("en-GB")),
            ("en-MT", Some("en-US")),
            ("fr_CA", Some("fr-CA")),
            ("fr-RW", Some("fr-FR")),
            ("rw", None),
            ("mt-MT", None),
            ("", None),
            ("e", None),
        ] {
            assert_eq!(say_language(tag), told, "{tag}");
        }
    }
}
