//! A tool call is logged with its name, status and duration; what was asked and answered is not.
//!
//! One test in a file of its own: what is logged is a property of the whole process.

#![allow(clippy::unwrap_used)] // helpers of a test are not seen as tests

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ai_realtime::id::CallId;
use ai_realtime::store::{Embedded, Store, StoreError};
use ai_realtime::tool::{Tool, ToolContext, ToolError, Toolbox};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use validator::Validate;

#[derive(Deserialize, JsonSchema, Validate)]
struct Order {
    #[validate(length(max = 9))]
    dish: String,
}

impl Tool for Order {
    const NAME: &'static str = "order";
    const DESCRIPTION: &'static str = "Orders a dish.";

    async fn run(self, _: ToolContext) -> Result<Value, ToolError> {
        match self.dish.as_str() {
            "panic" => panic!("as asked"),
            "fail" => Err(ToolError::Failed(StoreError::Unknown("no such table".into()))),
            dish => Ok(json!({"ordered": dish})),
        }
    }
}

#[tokio::test]
async fn no_argument_and_no_output_is_logged_at_info() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_writer(log.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Embedded(Embedded::open(folder.path()).await.unwrap());
    let context =
        ToolContext { call_id: CallId::default_call(), tenant: ai_realtime::store::Tenant::Any, store };
    let toolbox = Toolbox::default().with::<Order>().unwrap();

    for dish in ["caviar", "panic", "fail", "much-too-long"] {
        let arguments = json!({ "dish": dish }).to_string();
        toolbox.run("order", &arguments, context.clone()).await;
    }
    toolbox.run("caviar", "caviar", context).await;

    let text = log.text();
    assert_eq!(text.matches("tool executed").count(), 5, "{text}");
    for status in ["ok", "error", "refused"] {
        assert!(text.contains(&format!("status=\"{status}\"")), "{text}");
    }
    assert!(!text.contains("caviar") && !text.contains("much-too-long"), "{text}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
