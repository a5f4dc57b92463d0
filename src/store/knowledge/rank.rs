//! One order out of two: by words and by meaning. Pure.

use std::collections::HashMap;
use std::hash::Hash;

/// How many candidates each search contributes.
pub const CANDIDATES: usize = 50;
/// Less than this cosine between a question and a passage is no likeness: texts that have nothing to do with each
/// other are some 0.1 to 0.2 apart with OpenAI's models.
pub const NEAR: f32 = 0.25;
/// How slowly a place further down counts less.
/// Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet", SIGIR 2009.
const SLOPE: f64 = 60.0;

/// Fuses orders of candidates, each with its best first, by the reciprocal of their places. What is first in all of
/// them has 1. Candidates of the same score stay in the order they were met.
pub fn fuse<T: Copy + Eq + Hash>(orders: &[Vec<T>]) -> Vec<(T, f64)> {
    let orders: Vec<&Vec<T>> = orders.iter().filter(|order| !order.is_empty()).collect();
    let best = orders.len() as f64 / (SLOPE + 1.0);
    let mut scores: HashMap<T, f64> = HashMap::new();
    let mut met: Vec<T> = Vec::new();
    for order in &orders {
        for (place, candidate) in order.iter().enumerate() {
            let score = scores.entry(*candidate).or_insert_with(|| {
                met.push(*candidate);
                0.0
            });
            *score += 1.0 / (SLOPE + place as f64 + 1.0) / best;
        }
    }
    let mut fused: Vec<(T, f64)> = met.into_iter().map(|candidate| (candidate, scores[&candidate])).collect();
    fused.sort_by(|one, other| other.1.total_cmp(&one.1));
    fused
}

/// The cosine of two embeddings of length 1; the second as the store keeps it: f32, little endian. `None` when it is
/// none.
pub fn likeness(embedding: &[f32], stored: &[u8]) -> Option<f32> {
    if stored.len() != size_of_val(embedding) {
        return None;
    }
    let (numbers, _) = stored.as_chunks::<4>();
    Some(embedding.iter().zip(numbers).map(|(one, other)| one * f32::from_le_bytes(*other)).sum())
}

/// An embedding as the store keeps it.
pub fn to_bytes(embedding: &[f32]) -> Vec<u8> {
    embedding.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// An embedding that the store has kept.
pub fn from_bytes(stored: &[u8]) -> Vec<f32> {
    let (numbers, _) = stored.as_chunks::<4>();
    numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_both_find_comes_before_what_one_finds() {
        let fused = fuse(&[vec!["a", "b", "c"], vec!["b", "d"]]);
        let order: Vec<&str> = fused.iter().map(|(candidate, _)| *candidate).collect();
        assert_eq!(order, ["b", "a", "d", "c"]);
        assert_eq!(fuse(&[vec!["a"], vec!["a"]]), [("a", 1.0)]);
        assert_eq!(fuse(&[vec!["a"], vec![]]), [("a", 1.0)]);
        assert_eq!(fuse::<&str>(&[vec![], vec![]]), []);
    }

    #[test]
    fn likeness_is_that_of_what_was_kept() {
        let kept = to_bytes(&[0.6, 0.8]);
        assert_eq!(from_bytes(&kept), [0.6, 0.8]);
        assert!((likeness(&[0.6, 0.8], &kept).unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(likeness(&[0.8, -0.6], &kept).map(f32::abs), Some(0.0));
        assert_eq!(likeness(&[1.0], &kept), None);
        assert_eq!(likeness(&[1.0, 0.0], &kept[..7]), None);
    }

    proptest! {
        #[test]
        fn every_candidate_is_in_the_fusion_once_and_the_best_first(
            one in proptest::collection::hash_set(0u8..40, 0..20),
            other in proptest::collection::hash_set(0u8..40, 0..20),
        ) {
            let fused = fuse(&[one.iter().copied().collect(), other.iter().copied().collect()]);
            let all: std::collections::HashSet<u8> = fused.iter().map(|(candidate, _)| *candidate).collect();
            prop_assert_eq!(all.len(), fused.len());
            prop_assert_eq!(all, one.union(&other).copied().collect());
            prop_assert!(fused.windows(2).all(|pair| pair[0].1 >= pair[1].1));
            prop_assert!(fused.iter().all(|(_, score)| *score > 0.0 && *score <= 1.0 + 1e-9));
        }
    }
}
