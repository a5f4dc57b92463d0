//! `ai-realtime check` before a Supabase project.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::stand::Stand;

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn what_keeps_the_service_from_its_project_is_one_line_that_says_what_to_do() {
    let stand = Stand::find();
    for (url, key, says) in [
        (
            "http://127.0.0.1:1",
            &stand.service_role_key,
            "http://127.0.0.1:1 cannot be reached (Connection refused",
        ),
        (&stand.supabase_url, &stand.anon_key, "holds the project's anon key"),
        (&stand.supabase_url, &"sb_publishable_abc".to_owned(), "holds the project's publishable key"),
        (
            &stand.supabase_url,
            &"sb_secret_of_another".to_owned(),
            "SUPABASE_SERVICE_ROLE_KEY is refused (401)",
        ),
    ] {
        let (is_well, said) = check(url, key).await;
        assert!(!is_well, "{said}");
        let problems: Vec<_> = said.lines().filter(|line| !line.starts_with("warning: ")).collect();
        assert_eq!(problems.len(), 1, "{said}");
        assert!(problems[0].contains(says), "{said}");
        assert!(!said.contains(key.as_str()), "{said}");
    }
}

/// Runs `check`; tells whether all is well, and what it said.
async fn check(url: &str, key: &str) -> (bool, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-realtime"));
    command
        .arg("check")
        .current_dir(home.path())
        .env_clear()
        .env("PERSONAS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/personas"))
        .env("SUPABASE_URL", url)
        .env("SUPABASE_SERVICE_ROLE_KEY", key)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let done = tokio::time::timeout(LIMIT, command.output()).await.expect("check ends").unwrap();
    (done.status.success(), String::from_utf8(done.stderr).unwrap())
}
