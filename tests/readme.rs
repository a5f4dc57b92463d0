//! The README is held to the code: what it lists is what there is, and its examples run.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of a test are not seen as tests

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ai_realtime::app::App;
use ai_realtime::config::Config;
use ai_realtime::rehearsal::RehearsalArgs;
use ai_realtime::store::Embedded;
use ai_realtime::telemetry::Figures;
use serde_json::Value;

const README: &str = include_str!("../README.md");
const MAKEFILE: &str = include_str!("../Makefile");
const SERVICES: &str = include_str!("../services.mk");

#[test]
fn the_settings_table_is_the_example_file() {
    let example: BTreeSet<_> = include_str!("../.env.example")
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once('='))
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let told: BTreeSet<_> = rows("variable")
        .map(|cells| (plain(&cells[0]), if cells[1] == "none" { String::new() } else { plain(&cells[1]) }))
        .collect();
    assert!(example.len() > 10, "{example:?}");
    assert_eq!(told, example);
}

#[test]
fn make_has_the_targets_that_are_told_of_and_no_others() {
    let targets: BTreeSet<_> = MAKEFILE
        .lines()
        .chain(SERVICES.lines())
        .filter_map(|line| line.split_once(": ").filter(|(_, rest)| rest.contains("## ")))
        .map(|(name, _)| name.to_owned())
        .collect();
    let told: BTreeSet<_> = rows("command")
        .flat_map(|cells| code(&cells[0]))
        .map(|command| command.strip_prefix("make ").expect("a make target").to_owned())
        .collect();
    // `make` alone is the help.
    let ours: BTreeSet<_> = targets.iter().filter(|name| *name != "help").cloned().collect();
    assert_eq!(told, ours);
    for command in shell().lines().filter_map(|line| line.split_once("make ")) {
        let target = command.1.split_whitespace().next().unwrap();
        assert!(targets.contains(target), "make {target}");
    }
}

#[test]
fn the_metrics_are_those_the_code_records() {
    let recorded: BTreeSet<_> = sources(Path::new("src"))
        .iter()
        .flat_map(|source| {
            let (code, _) = source.split_once("#[cfg(test)]\nmod tests {").unwrap_or((source, ""));
            let starts = ["counter!(", "gauge!(", "histogram!("].map(|kind| code.split(kind).skip(1));
            starts.into_iter().flatten().map(first_string).collect::<Vec<_>>()
        })
        .collect();
    assert!(recorded.len() > 10, "{recorded:?}");
    assert_eq!(rows("metric").map(|cells| plain(&cells[0])).collect::<BTreeSet<_>>(), recorded);
}

#[test]
fn the_routes_and_codes_are_those_of_the_description() {
    let description: Value = serde_json::from_str(include_str!("../docs/openapi.json")).unwrap();
    let mut routes = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            routes.insert(format!("{} {path}", method.to_uppercase()));
            let answers = operation["responses"].as_object().unwrap();
            let refusals = answers.iter().filter(|(status, _)| status.as_str() >= "400");
            for (status, answer) in refusals {
                let words = code(answer["description"].as_str().unwrap()).into_iter();
                let words = words.filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
                codes.extend(words.map(|word| (status.clone(), word)));
            }
        }
    }
    assert_eq!(rows("route").map(|cells| plain(&cells[0])).collect::<BTreeSet<_>>(), routes);

    let told: BTreeSet<_> = rows("status")
        .flat_map(|cells| code(&cells[1]).into_iter().map(move |word| (cells[0].clone(), word)))
        .collect();
    let untold: Vec<_> = codes.difference(&told).collect();
    assert!(untold.is_empty(), "{untold:?}");
    let edge = sources(Path::new("src/edge")).concat();
    for (_, word) in &told {
        assert!(edge.contains(&format!("\"{word}\"")), "the API has no code {word}");
    }
}

#[test]
fn the_flags_of_the_rehearsal_model_are_those_it_takes() {
    let command = <RehearsalArgs as clap::Args>::augment_args(clap::Command::new("rehearsal"));
    let flags: BTreeSet<_> =
        command.get_arguments().filter_map(|flag| flag.get_long()).map(|flag| format!("--{flag}")).collect();
    let told: BTreeSet<_> = rows("flag")
        .flat_map(|cells| code(&cells[0]))
        .map(|flag| flag.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(told, flags);
}

#[test]
fn links_lead_somewhere() {
    let headings: BTreeSet<_> =
        README.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    for target in README.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        match target.strip_prefix('#') {
            Some(heading) => assert!(headings.contains(heading), "{target}"),
            None if target.starts_with("https://") => {}
            None => assert!(Path::new(target).exists(), "{target}"),
        }
    }
}

/// Follows the page as a newcomer would: its files, its table, then every `curl`, against the service.
#[tokio::test(flavor = "multi_thread")]
async fn the_examples_give_what_the_page_shows() {
    let home = tempfile::tempdir().unwrap();
    follow(home.path()).await;
    let folder = |name: &str| home.path().join(name).display().to_string();
    let config = Config::load(|name| match name {
        "PORT" => Some("0".to_owned()),
        "PERSONAS_DIR" => Some(folder("personas")),
        "AI_REALTIME_DATA_DIR" => Some(folder("data")),
        _ => None,
    });
    let app = App::start(config.unwrap(), Figures::detached().unwrap()).await.unwrap();
    let address = app.address().unwrap().to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(app.serve(async { drop(stopped.await) }));

    let examples = examples();
    assert!(examples.len() >= 9, "{examples:?}");
    for (command, shown) in examples {
        let answer = curl(&command, &address).await;
        for fact in facts(&shown) {
            assert!(answer.contains(&fact), "the page shows {fact} for {command}, the answer is {answer}");
        }
    }
    drop(stop);
    drop(served.await);
}

/// Does what the page says about files and the table.
async fn follow(home: &Path) {
    for folder in ["personas", "personas/tools"] {
        fs::create_dir_all(home.join(folder)).unwrap();
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_file() {
                fs::copy(&entry, home.join(&entry)).unwrap();
            }
        }
    }
    drop(Embedded::open(&home.join("data")).await.unwrap());
    let shell = shell();
    for part in shell.split(" <<'END'\n").collect::<Vec<_>>().windows(2) {
        let command = part[0].lines().next_back().unwrap();
        let body = format!("{}\n", part[1].split("\nEND\n").next().unwrap());
        if let Some(file) = command.strip_prefix("cat > ") {
            fs::write(home.join(file), body).unwrap();
        } else {
            let file = command.strip_prefix("sqlite3 ").expect("cat or sqlite3");
            rusqlite::Connection::open(home.join(file)).unwrap().execute_batch(&body).unwrap();
        }
    }
    let concierge = home.join("personas/concierge.md");
    let text = fs::read_to_string(&concierge).unwrap();
    let tools = blocks().into_iter().find(|(kind, _)| kind == "toml").unwrap().1;
    let (head, rest) = text.split_once("\n\n[[handoffs]]").unwrap();
    fs::write(concierge, format!("{head}\n{tools}\n[[handoffs]]{rest}")).unwrap();
}

/// Each `curl` of the page, with what is shown after it.
fn examples() -> Vec<(String, String)> {
    let blocks = blocks();
    let after = |place: usize| blocks.get(place + 1).filter(|(kind, _)| kind != "sh").cloned();
    let curls = blocks.iter().enumerate().filter(|(_, (_, text))| text.starts_with("curl "));
    curls.map(|(place, (_, text))| (text.clone(), after(place).unwrap_or_default().1)).collect()
}

/// What of a shown answer must stand in the real one: names, not sentences, times or figures.
fn facts(shown: &str) -> Vec<String> {
    const HELD: [&str; 11] = [
        "ok",
        "call_id",
        "active",
        "persona",
        "service",
        "model",
        "store",
        "name",
        "from",
        "to",
        "authority",
    ];
    let fields = shown.split([',', '{', '[', '}', ']']).map(str::trim);
    let held = fields.filter(|field| HELD.iter().any(|name| field.starts_with(&format!("\"{name}\":"))));
    held.filter(|field| !field.contains('…') && !field.ends_with(':')).map(str::to_owned).collect()
}

async fn curl(command: &str, address: &str) -> String {
    let (before, after) = command.trim().split_once("localhost:7070").unwrap();
    let path = after.split_whitespace().next().unwrap();
    let options: Vec<_> = after.split(" -").skip(1).map(|option| option.split_at(1)).collect();
    let unquote = |text: &str| text.trim().trim_matches('\'').to_owned();
    assert!(matches!(before, "curl -s " | "curl -sN "), "{before}");
    // The first one in wins, and all are the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let url = format!("http://{address}{path}");
    let body = options.iter().find(|(flag, _)| *flag == "d").map(|(_, body)| unquote(body));
    let mut request = if body.is_some() { client.post(url) } else { client.get(url) };
    for (_, header) in options.iter().filter(|(flag, _)| *flag == "H") {
        let header = unquote(header);
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let answer = request.body(body.unwrap_or_default()).send().await.unwrap();
    assert!(answer.status().is_success(), "{command}: {}", answer.status());
    answer.text().await.unwrap()
}

/// The fenced blocks of the page, each with its kind.
fn blocks() -> Vec<(String, String)> {
    let parts: Vec<_> = README.split("\n```").collect();
    let inside = parts.iter().skip(1).step_by(2).filter_map(|part| part.split_once('\n'));
    inside.map(|(kind, text)| (kind.to_owned(), format!("{text}\n"))).collect()
}

/// All that a reader would type.
fn shell() -> String {
    blocks().into_iter().filter(|(kind, _)| kind == "sh").map(|(_, text)| text).collect()
}

/// The rows of the table whose first column has this heading, cell by cell.
fn rows(heading: &str) -> impl Iterator<Item = Vec<String>> {
    let start = format!("| {heading} |");
    let table = README.lines().skip_while(move |line| !line.starts_with(&start)).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
}

/// What stands between backticks.
fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn plain(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

fn first_string(code: &str) -> String {
    code.split('"').nth(1).unwrap().to_owned()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(entry).unwrap());
        }
    }
    found
}
