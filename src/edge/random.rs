//! Names that nobody guesses.

/// 128 random bits from the system's own source, as 32 hexadecimal digits; `None` when it has none to give.
pub(super) fn random() -> Option<String> {
    let mut bits = [0; 16];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut bits).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_names_are_not_alike() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()) && one != other);
    }
}
