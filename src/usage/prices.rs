//! What tokens cost, by model and kind, from a file of prices. A price that is not there is unknown, never zero.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::{ModelUsage, Usage};

/// The prices that are built in.
const BUILT_IN: &str = include_str!("../../prices.toml");
/// The currency of all prices: ISO 4217.
pub const CURRENCY: &str = "USD";
/// What the built-in model is called. It costs nothing.
pub const REHEARSAL_MODEL: &str = "rehearsal";
/// Prices are per so many tokens: a million.
const PER_TOKENS_DIGITS: u32 = 6;
/// No price is believed to be above this; with it, the cost of any count of tokens can be computed.
const HIGHEST: u32 = 1_000_000;

/// The prices of the models that have one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices(BTreeMap<String, ModelPrices>);

/// What a million tokens of each kind cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelPrices {
    input_text: Price,
    input_cached_text: Price,
    input_audio: Price,
    input_cached_audio: Price,
    output_text: Price,
    output_audio: Price,
}

/// Written as text, so that it is never a float.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Price(Decimal);

impl TryFrom<String> for Price {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let price = Decimal::from_str_exact(&text).ok();
        price.filter(|price| !price.is_sign_negative() && *price <= HIGHEST.into()).map(Self).ok_or_else(
            || format!("`{text}` is no price: write a decimal number from 0 to {HIGHEST} in quotes"),
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    models: BTreeMap<String, ModelPrices>,
}

/// Why a text is no file of prices: in words, with the line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PricesError(String);

/// What usage cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cost {
    /// So much, in [`CURRENCY`].
    Known(Decimal),
    /// Nobody knows; why not, in a sentence.
    Unknown(String),
}

impl Prices {
    /// The prices that are built in.
    ///
    /// # Errors
    /// Never: a test reads them.
    pub fn built_in() -> Result<Self, PricesError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a file of prices.
    ///
    /// # Errors
    /// [`PricesError`], which says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let file: File = toml::from_str(text).map_err(|error| PricesError(error.to_string()))?;
        Ok(Self(file.models))
    }

    /// What usage cost, to the last digit.
    pub fn cost(&self, usage: &ModelUsage) -> Cost {
        let mut sum = Decimal::ZERO;
        for (model, usage) in usage {
            match self.of(model, usage) {
                Ok(cost) => sum += cost,
                Err(why) => return Cost::Unknown(why),
            }
        }
        Cost::Known(sum.normalize())
    }

    fn of(&self, model: &str, usage: &Usage) -> Result<Decimal, String> {
        let Usage { input_tokens, output_tokens, .. } = *usage;
        if model == REHEARSAL_MODEL || (input_tokens == 0 && output_tokens == 0) {
            return Ok(Decimal::ZERO);
        }
        let Some(prices) = self.0.get(model) else {
            return Err(format!("there is no price for the model `{model}`: add it to PRICES_FILE"));
        };
        let read = usage.input_text.checked_add(usage.input_audio);
        let written = usage.output_text.checked_add(usage.output_audio);
        if read != Some(input_tokens) || written != Some(output_tokens) {
            return Err(format!("the model `{model}` did not say of which kind all its tokens were"));
        }
        let fresh = |all: u64, cached: u64| all.saturating_sub(cached);
        let parts = [
            (fresh(usage.input_text, usage.input_cached_text), &prices.input_text),
            (usage.input_cached_text, &prices.input_cached_text),
            (fresh(usage.input_audio, usage.input_cached_audio), &prices.input_audio),
            (usage.input_cached_audio, &prices.input_cached_audio),
            (usage.output_text, &prices.output_text),
            (usage.output_audio, &prices.output_audio),
        ];
        parts
            .into_iter()
            .try_fold(Decimal::ZERO, |sum, (tokens, Price(price))| {
                let part = Decimal::from(tokens).checked_mul(*price)?;
                sum.checked_add(part.checked_mul(Decimal::new(1, PER_TOKENS_DIGITS))?)
            })
            .ok_or_else(|| format!("the model `{model}` told of more tokens than can be"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spent(model: &str, usage: Usage) -> ModelUsage {
        ModelUsage::from([(model.to_owned(), usage)])
    }

    fn spoken() -> Usage {
        Usage {
            input_tokens: 1_500,
            output_tokens: 300,
            input_text: 1_000,
            input_audio: 500,
            input_cached_text: 400,
            input_cached_audio: 100,
            output_text: 100,
            output_audio: 200,
        }
    }

    #[test]
    fn a_call_costs_what_its_tokens_cost() {
        let prices = Prices::built_in().unwrap();
        // 600 × 4 + 400 × 0.40 + 400 × 32 + 100 × 0.40 + 100 × 24 + 200 × 64, by the million.
        let cost = prices.cost(&spent("gpt-realtime-2.1", spoken()));
        assert_eq!(cost, Cost::Known("0.0306".parse().unwrap()));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let prices = Prices::built_in().unwrap();
        let unknown = |usage: &ModelUsage| matches!(prices.cost(usage), Cost::Unknown(_));
        assert!(unknown(&spent("my-azure-deployment", spoken())));
        let untold = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
        assert!(unknown(&spent("gpt-realtime-2.1", untold)));
        let mut both = spent("gpt-realtime-2.1", spoken());
        both.insert("unknown".to_owned(), untold);
        assert!(unknown(&both), "a part is not the whole");
    }

    #[test]
    fn rehearsing_and_saying_nothing_cost_nothing() {
        let prices = Prices::built_in().unwrap();
        for usage in [ModelUsage::new(), spent("rehearsal", spoken()), spent("new-model", Usage::default())] {
            assert_eq!(prices.cost(&usage), Cost::Known(Decimal::ZERO), "{usage:?}");
        }
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_in_words() {
        let good = r#"
            [models.m]
            input_text = "4"
            input_cached_text = "0.40"
            input_audio = "32.00"
            input_cached_audio = "0.4"
            output_text = "0"
            output_audio = "64"
        "#;
        assert!(Prices::parse(good).is_ok());
        for (from, to) in [
            ("\"4\"", "4.0"),
            ("\"4\"", "\"-4\""),
            ("\"4\"", "\"4 USD\""),
            ("\"4\"", "\"1000001\""),
            ("output_audio", "output_audoi"),
            ("output_audio = \"64\"", ""),
            ("[models.m]", "[m]"),
        ] {
            let error = Prices::parse(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains("line"), "{from} {to}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_count_of_tokens_is_priced_or_refused_without_a_panic(
            counts in proptest::array::uniform8(any::<u64>())
        ) {
            let [a, b, c, d, e, f, ..] = counts;
            let usage = Usage {
                input_tokens: a.saturating_add(b), output_tokens: e.saturating_add(f), input_text: a, input_audio: b,
                input_cached_text: c, input_cached_audio: d, output_text: e, output_audio: f,
            };
            let _ = Prices::built_in().unwrap().cost(&spent("gpt-realtime-2.1", usage));
        }
    }
}
