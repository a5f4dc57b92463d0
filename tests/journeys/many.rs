//! Two hundred calls at once: no error, no answer in the wrong call, and the memory is given back.

use std::fs;

use futures_util::future::join_all;

use crate::house::{Client, Process};

const CALLS: usize = 200;
const TURNS: usize = 10;

/// What is asked, and a word that only its answer has.
const ASKED: [(&str, &str); 4] = [
    ("What beers do you have?", "beer"),
    ("Do you have coffee?", "offee"),
    ("What vegan dishes do you have?", "vegan"),
    ("Is there goat on the menu?", "oat"),
];

async fn talk(client: Client, call: usize, turns: usize) {
    let id = format!("many-{call}");
    for turn in 0..turns {
        let (question, word) = ASKED[(call + turn) % ASKED.len()];
        let reply = client.say(&id, question).await;
        // A search that finds nothing is tried once more with less; the last one counts.
        let tools = reply["tools"].as_array().unwrap();
        let output = tools.last().expect(question)["output"].to_string();
        assert!(output.contains(word), "the answer of another question: {question} {output}");
    }
    assert_eq!(client.delete(&format!("/ai/calls/{id}")).await.0, 200);
}

/// Resident memory of a process, in KiB.
fn memory_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn round(client: &Client, turns: usize) {
    let calls = (0..CALLS).map(|call| tokio::spawn(talk(client.clone(), call, turns)));
    for ended in join_all(calls).await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_at_once_are_answered_each_its_own() {
    let home = tempfile::tempdir().unwrap();
    let service = Process::start(home.path(), vec![("LOG_LEVEL", "warn".to_owned())]).await;
    round(&service.client, TURNS).await;
    // What stays is what pools, caches and the allocator keep for the next ones: another round needs no more.
    let before = memory_kib(service.id());
    round(&service.client, 2).await;
    let after = memory_kib(service.id());
    let (_, health) = service.client.get("/healthz").await;
    assert_eq!(health["calls"], 0);
    assert!(after < before + before / 10, "memory grew from {before} to {after} KiB");
    let (logs, _) = service.end().await;
    assert_eq!(logs, "", "no warning, no error");
}
