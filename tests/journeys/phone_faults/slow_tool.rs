//! A tool that takes long: the caller hears the filler of the tool's file, and may talk over it.

use std::fs;
use std::time::{Duration, Instant};

use ai_realtime::caller::TimelineEvent;
use rusqlite::Connection;

use super::desk::{books, greeted, hang_up, of_kind, phone, times, until_heard};
use crate::house::{DEADLINE, Service};

const FILLER: &str =
    "one moment, i am going down to the cellar, which is deep, to look at every bottle that lies there.";

/// How long the tool takes.
const SLOW: Duration = Duration::from_millis(2_500);

const TOOL: &str = r#"
name = "look_in_cellar"
description = "Looks for bottles of champagne in the cellar."
effect = "read"
timeout_ms = 20000
filler = "One moment, I am going down to the cellar, which is deep, to look at every bottle that lies there."
filler_after_ms = 200

[parameters.bottle]
type = "string"
description = "What bottle is looked for"
min_length = 1
max_length = 80

[table]
from = "cellar"
tenant = false
select = ["id", "name"]
where = [{ column = "name", op = "ilike", value = "%{bottle}%" }]
limit = 5
as = "bottles"
"#;

const PERSONA: &str = r#"+++
name = "AI Sommelier"
greeting = "Welcome! What can I get you today?"
tools = ["look_in_cellar", "lookup_menu"]
+++
You are AI Sommelier."#;

/// A service with a table that takes its time to be read: it counts first.
pub async fn service() -> Service {
    // The file must be there before the tool that reads from it.
    let home = Service::start().await.stop().await;
    let connection = Connection::open(home.path().join("data/ai-realtime.db")).unwrap();
    let count_to = |most: u64| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) SELECT max(i) AS top FROM n"
        )
    };
    let few = 200_000;
    let began = Instant::now();
    connection.query_row(&count_to(few), [], |row| row.get::<_, i64>(0)).unwrap();
    let many = u128::from(few) * SLOW.as_micros() / began.elapsed().as_micros().max(1);
    let slowly = count_to(many.try_into().unwrap());
    let view = format!(
        "CREATE VIEW cellar AS SELECT 'b1' AS id, 'Widow Clicquot champagne' AS name FROM ({slowly}) WHERE top > 0"
    );
    connection.execute_batch(&view).unwrap();
    drop(connection);
    let folder = home.path().join("personas");
    fs::write(folder.join("tools/look_in_cellar.toml"), TOOL).unwrap();
    fs::write(folder.join("sommelier.md"), PERSONA).unwrap();
    let mut settings = phone();
    settings.push(("DEFAULT_PERSONA", "sommelier".to_owned()));
    Service::start_at(home, settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_waits_for_a_slow_tool_hears_its_filler_and_then_the_answer() {
    let service = service().await;
    let line = greeted(&service.client).await;
    line.listen_afresh();
    line.say("is there champagne in the cellar?").await;
    until_heard(&line, FILLER).await;
    assert_eq!(times(&line.heard_text(), "widow"), 0, "the tool is still at work");
    until_heard(&line, "widow clicquot").await;
    line.until_quiet(500, DEADLINE).await.unwrap();
    assert_eq!(times(&line.heard_text(), FILLER), 1);
    hang_up(&line).await;
    let events = books(&service.client, line.call_sid()).await;
    assert_eq!(of_kind(&events, "assistant.filler").len(), 1);
    assert_eq!(of_kind(&events, "tool.done")[0]["status"], "ok");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_talk_over_the_filler_and_is_answered_before_the_tool_is_done() {
    let service = service().await;
    let line = greeted(&service.client).await;
    line.listen_afresh();
    line.say("is there champagne in the cellar?").await;
    until_heard(&line, "one mo").await;
    let mut events = service.client.follow(line.call_sid(), None).await;
    line.say("what drinks do you have?").await;
    line.until_event("silence", DEADLINE, |event| matches!(event, TimelineEvent::Cleared { .. }))
        .await
        .unwrap();
    until_heard(&line, "i found").await;
    assert_eq!(times(&line.heard_text(), FILLER), 0, "it was talked over: {}", line.heard_text());
    // The answer did not wait for the tool.
    let seen = events.until("tool.done").await;
    let first_done = seen.last().unwrap();
    assert_eq!(first_done["name"], "lookup_menu", "{first_done}");
    // What it brought in the end costs nothing: the conversation goes on.
    let seen = events.until("tool.done").await;
    assert_eq!(seen.last().unwrap()["name"], "look_in_cellar");
    line.until_quiet(800, DEADLINE).await.unwrap();
    let answer = line.ask("what desserts do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("found") || answer.contains("item:"), "{answer}");
    hang_up(&line).await;
    service.stop().await;
}
