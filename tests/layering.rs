//! Imports only point down. The order of the modules is written here, and nowhere else.

#![allow(clippy::unwrap_used)] // helpers of a test are not seen as tests

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the lowest floor to the highest. Modules of one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["at_once", "id", "secret", "sound", "tls", "usage"],
    &["audio", "config", "migrate", "telemetry", "protocol", "store", "rehearsal"],
    &["knowledge", "outbox"],
    &["tool"],
    &["persona", "session", "transport"],
    &["call"],
    &["switchboard"],
    &["edge"],
    &["app", "check"],
    &["caller"],
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules of ours that a source names: `crate::x` anywhere, and each `x` of a `use crate::{x, …}`.
fn named(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .filter(|line| !line.trim_start().starts_with("pub(in crate"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| -> String {
            text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        };
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                for part in group.split_inclusive([',', '{', '}']) {
                    if depth == 0 {
                        found.push(word(part.trim_start()));
                    }
                    depth += part.matches('{').count();
                    if part.ends_with('}') {
                        if depth == 0 {
                            break;
                        }
                        depth -= 1;
                    }
                }
            }
        }
    }
    found.retain(|word| !word.is_empty());
    found
}

fn upward(module: &str, source: &str, floors: &BTreeMap<&str, usize>) -> Vec<String> {
    named(source)
        .into_iter()
        .filter(|other| other != module)
        .filter(|other| floors.get(other.as_str()).is_none_or(|floor| *floor >= floors[module]))
        .collect()
}

fn floors() -> BTreeMap<&'static str, usize> {
    FLOORS.iter().enumerate().flat_map(|(floor, modules)| modules.iter().map(move |m| (*m, floor))).collect()
}

#[test]
fn imports_only_point_down() {
    let floors = floors();
    let mut files = Vec::new();
    sources(Path::new("src"), &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let inside = file.strip_prefix("src").unwrap();
        let top = inside.components().next().unwrap().as_os_str().to_string_lossy();
        let module = top.trim_end_matches(".rs").to_owned();
        if matches!(module.as_str(), "main" | "lib") {
            continue;
        }
        assert!(floors.contains_key(module.as_str()), "{module} has no floor: give it one");
        for other in upward(&module, &fs::read_to_string(file).unwrap(), &floors) {
            wrong.push(format!("{}: {other}", file.display()));
        }
    }
    assert!(files.len() > 50, "the sources were not found");
    assert!(wrong.is_empty(), "these imports do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn an_import_that_points_up_or_sideways_is_found() {
    let floors = floors();
    let source = "use crate::{id::CallId, call::{a, b}, store};\nfn f() { crate::edge::x() } // crate::app";
    assert_eq!(upward("session", source, &floors), ["call", "edge"]);
    assert_eq!(upward("session", "use crate::persona::Library;", &floors), ["persona"]);
    assert!(upward("call", "use crate::session::X;\nuse crate::call::Y;", &floors).is_empty());
}
