//! The same judge over phone calls: speech both ways, and everything that can come between.

use std::net::SocketAddr;
use std::path::Path;

use ai_realtime::caller::{Ending, Human, Line};
use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};

use crate::bench::{DEADLINE, Judge};
use crate::phone::{Phone, hears, interrupts};

const DRINKS: &str = "what drinks do you have?";
const TEA: &str = "how much is the african tea?";
/// So many more dishes than anybody has make a look-up slow enough to be bridged by a word.
const DISHES: u32 = 60_000;

async fn model(options: RehearsalOptions) -> Rehearsal {
    Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap()
}

/// The caller asks for the drinks, and hears the beginning of the answer.
async fn asks_for_drinks(line: &Line) {
    line.listen_afresh();
    line.say(DRINKS).await;
    hears(line, "i found 15").await;
}

/// Nobody speaks any more; the caller goes.
async fn hangs_up(line: &Line) {
    line.until_quiet(1_000, DEADLINE).await.unwrap();
    line.hang_up().await;
    line.until_over(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_phone_call_is_led_without_a_mistake() {
    let model = model(RehearsalOptions::default()).await;
    let judge = Judge::before(model.addr()).await;
    let phone = Phone::start_before(&judge, &[]).await;
    let line = phone.greeted().await;

    asks_for_drinks(&line).await;
    let answer = interrupts(&line, TEA).await;
    assert!(answer.contains("african tea"), "{answer}");
    line.press('5').await;
    hears(&line, "you pressed 5").await;
    line.until_quiet(600, DEADLINE).await.unwrap();
    line.listen_afresh();
    line.say("what is the vat on restaurant meals in the eu?").await;
    hears(&line, "cfo").await;
    line.until_quiet(1_500, DEADLINE).await.unwrap();
    line.say("goodbye").await;
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    line.until_over(DEADLINE).await.unwrap();
    phone.service.end().await;

    let report = judge.report().await;
    report.praise(&[
        ("client session.update", 2),
        ("client input_audio_buffer.append", 1_000),
        ("client conversation.item.create/system", 2),
        ("client conversation.item.create/function_call_output", 4),
        ("client conversation.item.truncate", 1),
        ("client response.create", 8),
        ("server input_audio_buffer.speech_started", 4),
        ("server input_audio_buffer.speech_stopped", 4),
        ("server input_audio_buffer.committed", 4),
        ("server conversation.item.input_audio_transcription.completed", 4),
        ("server conversation.item.truncated", 1),
        ("server response.output_audio.delta", 100),
        ("server response.function_call_arguments.done", 4),
        ("server response.done/completed", 8),
    ]);
    assert_eq!(report.errors(), [""; 0], "nothing was refused");
    assert_eq!(report.sockets, 2, "the CFO speaks with another voice");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn an_answer_is_spoken_over_while_it_is_made_without_a_mistake() {
    let model = model(RehearsalOptions { delta_delay_ms: 25, ..RehearsalOptions::default() }).await;
    let judge = Judge::before(model.addr()).await;
    let phone = Phone::start_before(&judge, &[]).await;
    // Slow enough for the model to be ahead of the line.
    let line = phone.caller().pace(4.0).dial().await.unwrap();
    hears(&line, "today?").await;
    line.until_quiet(600, DEADLINE).await.unwrap();
    for _ in 0..3 {
        asks_for_drinks(&line).await;
        let answer = interrupts(&line, TEA).await;
        assert!(answer.contains("african tea"), "{answer}");
    }
    hangs_up(&line).await;
    phone.service.end().await;

    let report = judge.report().await;
    report.praise(&[
        ("client conversation.item.truncate", 3),
        ("server response.done/cancelled", 3),
        ("server response.done/completed", 4),
    ]);
    assert_eq!(report.errors(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn lines_that_fall_and_humans_who_do_not_come_are_met_without_a_mistake() {
    let model = model(RehearsalOptions { delta_delay_ms: 10, ..RehearsalOptions::default() }).await;
    let judge = Judge::before(model.addr()).await;
    let phone = Phone::start_before(&judge, &[]).await;
    let line = phone.caller().human(Human::NoAnswer).dial().await.unwrap();
    hears(&line, "today?").await;

    // The caller's line, while the persona speaks; then the model's.
    asks_for_drinks(&line).await;
    line.drop_socket().await;
    line.until_streams(2, DEADLINE).await.unwrap();
    hears(&line, "ikigage").await;
    model.drop_all();
    line.listen_afresh();
    line.until_speaks(DEADLINE).await.unwrap();
    let answer = interrupts(&line, TEA).await;
    assert!(answer.contains("african tea"), "{answer}");
    line.press('0').await;
    line.until_streams(3, DEADLINE).await.unwrap();
    hears(&line, "none of the staff").await;
    hangs_up(&line).await;
    phone.service.end().await;

    let report = judge.report().await;
    report.praise(&[
        ("client conversation.item.create/user", 1),
        ("client conversation.item.create/assistant", 1),
        ("client conversation.item.create/system", 4),
    ]);
    assert_eq!(report.errors(), [""; 0]);
    assert_eq!(report.sockets, 3, "nobody listens to a caller who waits for a human");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_slow_tool_is_bridged_by_a_word_without_a_mistake() {
    let personas = tempfile::tempdir().unwrap();
    with_hasty_word(personas.path());
    let model = model(RehearsalOptions::default()).await;
    let judge = Judge::before(model.addr()).await;
    let folder = ("PERSONAS_DIR", personas.path().display().to_string());
    let phone = Phone::start_before(&judge, &[folder]).await;
    add_dishes(&phone.service.data().join("ai-realtime.db"));
    let line = phone.greeted().await;
    line.listen_afresh();
    line.say(DRINKS).await;
    hears(&line, "one moment, i am looking at the menu").await;
    hears(&line, "i found 15").await;
    interrupts(&line, TEA).await;
    hangs_up(&line).await;
    phone.service.end().await;

    let report = judge.report().await;
    report.praise(&[
        ("client response.create", 6),
        ("client conversation.item.create/function_call_output", 2),
        ("server response.done/completed", 6),
    ]);
    assert_eq!(report.errors(), [""; 0]);
}

/// The personas, of whom the waiter says very soon that a look-up takes a while.
fn with_hasty_word(folder: &Path) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("personas");
    for part in ["", "tools"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for entry in std::fs::read_dir(ours.join(part)).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    let tool = folder.join("tools/lookup_menu.toml");
    let text = std::fs::read_to_string(&tool).unwrap();
    let hasty = text.replacen("timeout_ms = 3000\n", "timeout_ms = 30000\nfiller_after_ms = 200\n", 1);
    assert_ne!(hasty, text);
    std::fs::write(tool, hasty).unwrap();
}

fn add_dishes(database: &Path) {
    let database = rusqlite::Connection::open(database).unwrap();
    let copied = database.execute(
        "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
         INSERT INTO menu_items (id, business_id, venue, name, category, description, price, currency)
         SELECT 'dish-' || n, 'agaseke-kigali', 'none', 'Dish ' || n, 'Mains', 'A plate of the house, as it comes', '1.00', 'EUR'
         FROM numbers",
        [DISHES],
    );
    assert_eq!(copied.unwrap(), DISHES as usize);
}
