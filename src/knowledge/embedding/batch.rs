//! Which texts go into one request. Pure.

/// Texts of one request at most.
pub(super) const MOST_TEXTS: usize = 64;
/// Bytes of text of one request at most, unless one text alone is longer.
pub(super) const MOST_BYTES: usize = 128 << 10;

/// Parts a list, in its order, into stretches that fit one request each.
pub(super) fn batches<T>(all: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut from, mut size) = (0, 0);
    for (at, one) in all.iter().enumerate() {
        let more = bytes(one);
        if at > from && (at - from == MOST_TEXTS || size + more > MOST_BYTES) {
            batches.push(&all[from..at]);
            (from, size) = (at, 0);
        }
        size += more;
    }
    if from < all.len() {
        batches.push(&all[from..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_batches_are_the_list_and_each_fits(sizes in proptest::collection::vec(0usize..60_000, 0..300)) {
            let batches = batches(&sizes, |size| *size);
            prop_assert_eq!(batches.concat(), sizes.clone());
            for batch in batches {
                prop_assert!(!batch.is_empty() && batch.len() <= MOST_TEXTS);
                prop_assert!(batch.iter().sum::<usize>() <= MOST_BYTES);
            }
        }
    }

    #[test]
    fn a_text_that_is_too_long_goes_alone() {
        assert_eq!(batches(&[1, MOST_BYTES + 1, 1], |size| *size), [&[1][..], &[MOST_BYTES + 1], &[1]]);
    }
}
