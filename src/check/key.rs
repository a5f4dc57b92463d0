//! What kind of key a text is, as far as it says so itself.

use serde::Deserialize;

/// What a key says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// It may do everything: a service-role or secret key.
    Service,
    /// Anyone may know it: a publishable key, or the JWT of another role.
    Other(String),
    /// It does not say.
    Unknown,
}

#[derive(Deserialize)]
struct Claims {
    role: String,
}

impl KeyKind {
    /// Reads it off the key: by how a key of Supabase's begins, or by the role a JWT names. Its signature is for the
    /// project to check.
    pub(super) fn of(key: &str) -> Self {
        if key.starts_with("sb_secret_") {
            return Self::Service;
        }
        if key.starts_with("sb_publishable_") {
            return Self::Other("publishable".to_owned());
        }
        match claims(key) {
            Some(Claims { role }) if role == "service_role" => Self::Service,
            Some(Claims { role }) => Self::Other(role),
            None => Self::Unknown,
        }
    }

    /// What is wrong with using it as the service's.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Service | Self::Unknown => None,
            Self::Other(kind) => Some(format!(
                "SUPABASE_SERVICE_ROLE_KEY holds the project's {kind} key, which may read nothing: use its \
                 service_role or secret key"
            )),
        }
    }
}

fn claims(jwt: &str) -> Option<Claims> {
    let mut parts = jwt.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).ok()?;
    // A role is a name; what is longer is no key of a project.
    serde_json::from_slice::<Claims>(&claims).ok().filter(|claims| claims.role.len() <= 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        let encode = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
        format!("{}.{}.c2lnbmVk", encode(r#"{"alg":"HS256"}"#), encode(claims))
    }

    #[test]
    fn a_key_that_may_do_everything_is_told_from_one_that_anyone_may_know() {
        for (key, kind) in [
            (jwt(r#"{"role":"service_role","exp":1}"#), KeyKind::Service),
            ("sb_secret_abc".to_owned(), KeyKind::Service),
            (jwt(r#"{"role":"anon"}"#), KeyKind::Other("anon".to_owned())),
            ("sb_publishable_abc".to_owned(), KeyKind::Other("publishable".to_owned())),
            (jwt("{}"), KeyKind::Unknown),
            (jwt("no json"), KeyKind::Unknown),
            ("a.b".to_owned(), KeyKind::Unknown),
            (String::new(), KeyKind::Unknown),
        ] {
            assert_eq!(KeyKind::of(&key), kind, "{key}");
            assert_eq!(kind.problem().is_some(), matches!(kind, KeyKind::Other(_)));
        }
    }
}
