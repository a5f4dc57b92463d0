//! The Supabase project that the tests run in.

/// Where it is and what opens it; `tests/services/stand.py` says what each of these is.
pub(crate) struct Stand {
    pub(crate) supabase_url: String,
    pub(crate) service_role_key: String,
    pub(crate) secret_key: String,
    pub(crate) anon_key: String,
    pub(crate) database_url: String,
    pub(crate) is_plain: bool,
    pub(crate) certificate: Option<String>,
}

impl Stand {
    /// The stand that this process was started in.
    pub(crate) fn find() -> Self {
        Self {
            supabase_url: variable("STAND_SUPABASE_URL"),
            service_role_key: variable("STAND_SERVICE_ROLE_KEY"),
            secret_key: variable("STAND_SECRET_KEY"),
            anon_key: variable("STAND_ANON_KEY"),
            database_url: variable("STAND_DATABASE_URL"),
            is_plain: std::env::var_os("STAND_PLAIN").is_some(),
            certificate: std::env::var("STAND_CERTIFICATE").ok(),
        }
    }
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: `make test-services` runs this test in a stand"))
}
