//! What the embeddings' API answers.

use std::time::Duration;

use base64_simd::STANDARD;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::EmbeddingError;
use crate::store::knowledge::rank::from_bytes;
use crate::store::knowledge::{DIMENSIONS, Embedding};

/// The longest answer that is read, in bytes: that to a full batch, with its numbers written out.
const MAX_ANSWER_BYTES: usize = 8 << 20;

#[derive(Debug, Deserialize)]
struct Answer {
    data: Vec<Made>,
}

#[derive(Debug, Deserialize)]
struct Made {
    index: usize,
    embedding: Numbers,
}

/// As asked for, or as APIs that know no other way write them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Numbers {
    /// Base64 of f32, little endian.
    Packed(String),
    Plain(Vec<f32>),
}

/// Reads the embeddings of so many texts.
pub(super) async fn read(
    mut response: reqwest::Response,
    texts: usize,
) -> Result<Vec<Embedding>, EmbeddingError> {
    let mut body = Vec::new();
    while let Some(part) =
        response.chunk().await.map_err(|error| EmbeddingError::Lost(error.without_url()))?
    {
        if body.len() + part.len() > MAX_ANSWER_BYTES {
            return Err(EmbeddingError::Answer("it is too long"));
        }
        body.extend_from_slice(&part);
    }
    parse(&body, texts)
}

fn parse(body: &[u8], texts: usize) -> Result<Vec<Embedding>, EmbeddingError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| EmbeddingError::Answer("it is no list"))?;
    let mut embeddings: Vec<Option<Embedding>> = vec![None; texts];
    for Made { index, embedding } in answer.data {
        let place = embeddings.get_mut(index).ok_or(EmbeddingError::Answer("an index nobody asked for"))?;
        *place = Some(unit(numbers(embedding)?)?);
    }
    embeddings.into_iter().collect::<Option<_>>().ok_or(EmbeddingError::Answer("an embedding is missing"))
}

fn numbers(numbers: Numbers) -> Result<Vec<f32>, EmbeddingError> {
    match numbers {
        Numbers::Plain(numbers) => Ok(numbers),
        Numbers::Packed(text) => {
            let bytes = STANDARD.decode_to_vec(text.as_bytes());
            let bytes = bytes.map_err(|_| EmbeddingError::Answer("an embedding is no base64"))?;
            Ok(from_bytes(&bytes))
        }
    }
}

/// The same direction, of length 1.
fn unit(mut numbers: Vec<f32>) -> Result<Embedding, EmbeddingError> {
    if numbers.len() != DIMENSIONS {
        return Err(EmbeddingError::Answer(
            "embeddings of another length: choose an EMBEDDING_MODEL that gives 1536",
        ));
    }
    let length = numbers.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt() as f32;
    if !length.is_normal() {
        return Err(EmbeddingError::Answer("an embedding without direction"));
    }
    numbers.iter_mut().for_each(|number| *number /= length);
    Ok(numbers)
}

/// How long the API asks to wait, in whole seconds; a date is not understood.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::store::knowledge::rank::to_bytes;

    fn parsed(data: &Value) -> Result<Vec<Embedding>, EmbeddingError> {
        parse(json!({ "data": data }).to_string().as_bytes(), 2)
    }

    fn direction(at: usize, length: f32) -> Vec<f32> {
        let mut numbers = vec![0.0; DIMENSIONS];
        numbers[at] = length;
        numbers
    }

    #[test]
    fn embeddings_are_read_packed_or_plain_in_the_order_of_the_texts() {
        let packed = STANDARD.encode_to_string(to_bytes(&direction(1, 4.0)));
        let read =
            parsed(&json!([{"index": 1, "embedding": packed}, {"index": 0, "embedding": direction(0, 1.0)}]));
        assert_eq!(read.unwrap(), [direction(0, 1.0), direction(1, 1.0)]);
    }

    #[test]
    fn anything_else_is_refused() {
        let good = || json!({"index": 0, "embedding": direction(0, 1.0)});
        for data in [
            json!([]),
            json!([good()]),
            json!([good(), {"index": 2, "embedding": direction(0, 1.0)}]),
            json!([good(), {"index": 1, "embedding": [1.0]}]),
            json!([good(), {"index": 1, "embedding": "AAAA"}]),
            json!([good(), {"index": 1, "embedding": "?"}]),
            json!([good(), {"index": 1, "embedding": vec![0.0; DIMENSIONS]}]),
            json!("x"),
        ] {
            assert!(matches!(parsed(&data), Err(EmbeddingError::Answer(_))));
        }
        assert!(parse(b"{", 2).is_err());
    }
}
