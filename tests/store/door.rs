//! The stand answers as a Supabase project does.

use crate::stand::Stand;

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn the_gateway_lets_in_only_who_shows_a_key_of_the_project() {
    let stand = Stand::find();
    for (key, status) in [
        (stand.service_role_key.as_str(), 200),
        (stand.secret_key.as_str(), 200),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmVk", 401),
        ("", 401),
    ] {
        assert_eq!(read_menu(&stand, key).await, status, "{key}");
    }
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn who_shows_the_key_that_anyone_may_know_reads_nothing() {
    let stand = Stand::find();
    assert_eq!(read_menu(&stand, &stand.anon_key).await, 401);
}

/// The status of the answer.
async fn read_menu(stand: &Stand, key: &str) -> u16 {
    // Another test of this process may have installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let url = format!("{}/rest/v1/menu_items?select=id&limit=1", stand.supabase_url);
    let answer = reqwest::Client::new().get(url).header("apikey", key).send().await.unwrap();
    answer.status().as_u16()
}
