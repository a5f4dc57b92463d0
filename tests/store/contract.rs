//! What both stores promise, each test once: run on the embedded store as it is, and on a Supabase project in a stand.
//!
//! Tests part by the business their rows belong to, never by emptying tables.

mod business;
mod calls;
mod compared;
mod data;
mod effects;
mod knowledge;
pub(crate) mod subject;
mod tables;
mod types;

/// Runs each of the tests on both stores.
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::contract::subject::Subject::embedded().await).await;
            })+
        }
        mod supabase {
            $(#[tokio::test]
            #[ignore = "needs PostgREST"]
            async fn $name() {
                super::$name($crate::contract::subject::Subject::supabase().await).await;
            })+
        }
    };
}
use on_both_stores;
