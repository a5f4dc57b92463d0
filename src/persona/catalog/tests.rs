use std::fs;

use super::*;
use crate::persona::{Carry, PhoneManners, TemplateContext, handoff_tools};

const WAITER: &str = r#"+++
name = "Waiter"
voice = "marin"
languages = ["en", "fr"]
greeting = "Welcome!"
tools = ["lookup", "fetch_financials"]

[[handoffs]]
to = "cfo"
when = "Tax."
carry = "all"
+++
You serve {{ business.name }}.
Speak {{ caller.language }}.
"#;

const CFO: &str = "+++\nname = \"CFO\"\n+++\nYou count.\n";

const LOOKUP: &str = r#"
name = "lookup"
description = "Finds things."
effect = "read"
[parameters.query]
type = "string"
description = "Words"
[table]
from = "things"
select = ["id"]
where = [{ column = "title", op = "ilike", value = "%{query}%" }]
"#;

/// A good folder with some files changed or added.
fn load(changes: &[(&str, &str)]) -> Result<Catalog, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tools")).unwrap();
    let good = [("waiter.md", WAITER), ("cfo.md", CFO), ("tools/lookup.toml", LOOKUP)];
    for (name, text) in good.iter().chain(changes) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let prefix = format!("{}/", folder.path().display());
    let named = |error: &CatalogError| error.to_string().replace(&prefix, "");
    Catalog::load(folder.path()).map_err(|errors| errors.0.iter().map(named).collect())
}

fn mistakes(changes: &[(&str, &str)]) -> Vec<String> {
    load(changes).unwrap_err()
}

fn waiter(from: &str, to: &str) -> Vec<String> {
    assert!(WAITER.contains(from), "{from}");
    mistakes(&[("waiter.md", &WAITER.replace(from, to))])
}

#[test]
fn a_folder_becomes_personas_and_tools() {
    let catalog = load(&[]).unwrap();
    assert_eq!(catalog.keys(), [PersonaKey::from("cfo"), PersonaKey::from("waiter")]);
    assert_eq!(
        catalog.toolbox().names(),
        ["check_tax_rule", "fetch_financials", "lookup", "place_order", "query_knowledge_base"]
    );
    let waiter = catalog.persona(&PersonaKey::from("waiter")).unwrap();
    assert_eq!(waiter.languages, ["en", "fr"]);
    assert_eq!(waiter.greeting.as_deref(), Some("Welcome!"));
    let rule = HandoffRule { to: "cfo".into(), when: "Tax.".into(), carry: Carry::All, max_visits: 3 };
    assert_eq!(waiter.handoffs, [rule]);
    let cfo = catalog.persona(&PersonaKey::from("cfo")).unwrap();
    assert_eq!((cfo.voice.as_str(), cfo.languages.as_slice()), ("marin", &["en".to_owned()][..]));
}

#[test]
fn a_persona_has_manners_on_the_phone_and_its_tools() {
    let catalog = load(&[]).unwrap();
    let waiter = catalog.persona(&PersonaKey::from("waiter")).unwrap();
    assert_eq!((&waiter.voicemail, &waiter.phone), (&None, &PhoneManners::default()));
    let head = "voicemail = \"Call us back.\"\ntools = [\"end_call\", \"transfer_to_human\"]\n\n\
                [phone]\nzero_transfers = true\n";
    let text = WAITER.replace("tools = [\"lookup\", \"fetch_financials\"]\n", head);
    let catalog = load(&[("waiter.md", &text)]).unwrap();
    let waiter = catalog.persona(&PersonaKey::from("waiter")).unwrap();
    assert_eq!(waiter.voicemail.as_deref(), Some("Call us back."));
    assert_eq!(waiter.phone, PhoneManners { zero_transfers: true, ..PhoneManners::default() });
    assert_eq!(waiter.tools, ["end_call", "transfer_to_human"]);
    let found = mistakes(&[("waiter.md", &text.replace("zero_transfers = true", "zero_transfer = true"))]);
    assert!(
        found[0].starts_with("waiter.md:10: unknown key `zero_transfer`, known keys are idle_ms"),
        "{found:?}"
    );
}

#[test]
fn the_house_rules_come_before_every_body() {
    let catalog = load(&[("_house.md", "Be kind to {{ business.name }}.\n")]).unwrap();
    let [bare, _] = TemplateContext::samples();
    for persona in catalog.personas() {
        let prompt = persona.prompt.render(&bare).unwrap();
        assert!(prompt.starts_with("Be kind to this business.\n\nYou "), "{prompt}");
    }
    assert_eq!(catalog.keys().len(), 2, "the house is no persona");
}

#[test]
fn mistakes_in_the_head_are_told_with_file_and_line() {
    let only = |found: Vec<String>| {
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().unwrap()
    };
    let unknown_key = "waiter.md:5: unknown key `greetin`, known keys are name, voice, languages, greeting, \
                       return_greeting, voicemail, tools, phone, handoffs";
    assert_eq!(only(waiter("greeting =", "greetin =")), unknown_key);
    let unknown_tool = "waiter.md:6: unknown tool `lookpu`, known tools are check_tax_rule, end_call, fetch_financials, lookup, place_order, \
         query_knowledge_base, transfer_to_human";
    assert_eq!(only(waiter("\"lookup\"", "\"lookpu\"")), unknown_tool);
    assert_eq!(
        only(waiter("to = \"cfo\"", "to = \"ceo\"")),
        "waiter.md:9: handoff to unknown persona `ceo`, known are cfo"
    );
    assert_eq!(
        only(waiter("to = \"cfo\"", "to = \"waiter\"")),
        "waiter.md:9: a persona cannot hand over to itself"
    );
    assert!(
        only(waiter("\"marin\"", "\"siri\""))
            .starts_with("waiter.md:3: unknown voice `siri`, known voices are alloy")
    );
    assert!(only(waiter("\"fr\"", "\"French\"")).starts_with("waiter.md:4: `French` is no language tag"));
    assert!(
        only(waiter("carry = \"all\"", "carry = \"some\"")).starts_with("waiter.md:11: unknown carry `some`")
    );
    let long = format!("when = \"{}\"", "x".repeat(1_025));
    assert!(only(waiter("when = \"Tax.\"", &long)).starts_with("waiter.md:10: `when` must have 1 to 1024"));
    assert!(waiter("name = \"Waiter\"", "").contains(&"waiter.md:2: `name` is missing".to_owned()));
    let again = "carry = \"all\"\n[[handoffs]]\nto = \"cfo\"\nwhen = \"Invoices.\"";
    assert!(only(waiter("carry = \"all\"", again)).starts_with("waiter.md:13: a second handoff to `cfo`"));
    assert!(load(&[("waiter.md", &WAITER.replace("\"marin\"", "\"voice_123\""))]).is_ok());
}

#[test]
fn mistakes_in_the_body_are_told_with_the_line_of_the_file() {
    let found = waiter("caller.language", "caller.langauge");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("waiter.md:14: `caller.langauge` is not known here"), "{found:?}");
    let with_house = WAITER.replace("caller.language", "caller.langauge");
    let found = mistakes(&[("waiter.md", &with_house), ("_house.md", "One.\nTwo.\n")]);
    assert!(found[0].starts_with("waiter.md:14: "), "{found:?}");
    assert_eq!(waiter("Speak", "Key ${OPENAI_API_KEY}").len(), 1);
    assert!(waiter("Speak", "Key ${OPENAI_API_KEY}")[0].starts_with("waiter.md:14: `${` is refused"));
    assert_eq!(
        mistakes(&[("cfo.md", "+++\nname = \"CFO\"\n+++\n \n")]),
        ["cfo.md:4: the body is empty: it is the persona's prompt"]
    );
}

#[test]
fn a_mistake_in_the_house_rules_is_told_once() {
    let found = mistakes(&[("_house.md", "Fine.\n{{ nobody }}\n")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("_house.md:2: `nobody` is not known here"));
}

#[test]
fn a_mistake_in_a_tool_is_not_told_again_by_its_users() {
    let found = mistakes(&[("tools/lookup.toml", &LOOKUP.replace("select", "selcet"))]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|mistake| mistake.starts_with("tools/lookup.toml:")), "{found:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let found = mistakes(&[
        ("waiter.md", &WAITER.replace("marin", "siri").replace("{{ business.name }}", "{{ nope }}")),
        ("cfo.md", "no head"),
        ("tools/lookup.toml", &LOOKUP.replace("ilike", "like")),
    ]);
    let places: Vec<_> =
        found.iter().map(|mistake| mistake.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(
        places,
        ["cfo.md:1", "tools/lookup.toml:5", "tools/lookup.toml:11", "waiter.md:3", "waiter.md:13"]
    );
}

#[test]
fn names_are_unique_and_plain() {
    assert!(mistakes(&[("Chef.md", CFO)])[0].starts_with("Chef.md:1: `Chef` is no persona key"));
    assert!(mistakes(&[("cfo.MD", CFO)])[0].contains("another file has this key already"));
    assert!(mistakes(&[("_draft.md", CFO)])[0].starts_with("_draft.md:1: a name that begins with '_'"));
    assert_eq!(
        mistakes(&[("tools/other.toml", LOOKUP)]),
        ["tools/other.toml:2: there is another tool `lookup`: names are unique among all tools"]
    );
    let taken = mistakes(&[("tools/x.toml", &LOOKUP.replace("\"lookup\"", "\"check_tax_rule\""))]);
    assert!(taken[0].starts_with("tools/x.toml:2: there is another tool `check_tax_rule`"));
    let taken = mistakes(&[("tools/x.toml", &LOOKUP.replace("\"lookup\"", "\"end_call\""))]);
    assert_eq!(taken, ["tools/x.toml:2: there is another tool `end_call`: names are unique among all tools"]);
}

#[test]
fn what_is_too_large_or_not_there_is_refused() {
    let large = format!("{CFO}{}", "x".repeat(256 << 10));
    assert_eq!(mistakes(&[("cfo.md", &large)])[0], "cfo.md:1: the file is larger than 256 KiB");
    let nowhere = Catalog::load(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(nowhere.to_string().starts_with("/nowhere/at/all:1: the folder cannot be read"), "{nowhere}");
    let empty = tempfile::tempdir().unwrap();
    assert!(Catalog::load(empty.path()).unwrap_err().to_string().contains("there is no persona"));
}

#[test]
fn the_shipped_personas_are_good() {
    let catalog = Catalog::load(Path::new("personas")).unwrap();
    for persona in catalog.personas() {
        for context in &TemplateContext::samples() {
            assert!(persona.prompt.render(context).is_ok());
        }
    }
}

#[test]
fn the_shipped_personas_speak_of_the_phone_on_the_phone_only() {
    let catalog = Catalog::load(Path::new("personas")).unwrap();
    let [text, phone] = TemplateContext::samples();
    let mut alone = phone.clone();
    alone.call.can_transfer = false;
    for persona in catalog.personas() {
        let prompt = |context: &TemplateContext| persona.prompt.render(context).unwrap();
        let written = prompt(&text);
        for word in ["phone", "end_call", "transfer_to_human", "\n\n\n"] {
            assert!(!written.contains(word), "{} in {written}", word.escape_debug());
        }
        for word in [
            "\n\n# When you are heard\n\n",
            "\n\n# When the call",
            "call end_call.\n",
            "call transfer_to_human.",
        ] {
            assert!(prompt(&phone).contains(word), "{word} in {}", prompt(&phone));
        }
        assert!(!prompt(&alone).contains("transfer_to_human") && prompt(&alone).contains("call end_call."));
        assert!(!prompt(&phone).contains("\n\n\n"), "{}", prompt(&phone));
    }
}

mod shipped {
    use serde_json::{Value, json};

    use super::*;
    use crate::id::CallId;
    use crate::store::Embedded;
    use crate::tool::{ToolContext, ToolStatus};

    async fn demo() -> (tempfile::TempDir, Catalog, ToolContext) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Embedded(Embedded::open(folder.path()).await.unwrap());
        let context = ToolContext {
            call_id: CallId::default_call(),
            began: 1,
            tenant: crate::store::Tenant::Any,
            knowledge: crate::knowledge::Knowledge::new(store.clone(), None),
            store,
        };
        (folder, Catalog::load(Path::new("personas")).unwrap(), context)
    }

    async fn run(catalog: &Catalog, context: &ToolContext, tool: &str, arguments: Value) -> Value {
        let outcome = catalog.toolbox().run(tool, &arguments.to_string(), context.clone()).await;
        assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
        serde_json::from_str(&outcome.output).unwrap()
    }

    #[tokio::test]
    async fn every_table_tool_finds_its_table_in_the_embedded_store() {
        let (_folder, catalog, context) = demo().await;
        assert_eq!(catalog.check_tables(&context.store).await, Ok(()));
    }

    #[tokio::test]
    async fn the_menu_is_found_by_name_category_and_description_and_nothing_is_a_wildcard() {
        let (_folder, catalog, context) = demo().await;
        let drinks = run(&catalog, &context, "lookup_menu", json!({"query": "drinks"})).await;
        let items = drinks["items"].as_array().unwrap();
        assert!(items.len() >= 5, "{drinks}");
        assert!(
            items.iter().any(|item| { item["category"].as_str().unwrap().to_lowercase().contains("drinks") })
        );
        for query in ["GOAT", "vegan", "charcoal"] {
            let found = run(&catalog, &context, "lookup_menu", json!({"query": query})).await;
            assert!(found["count"].as_u64().unwrap() > 0, "{query}: {found}");
        }
        for query in ["%", "_", "*", "'", "\\", "a\nb", ")", ","] {
            let found = run(&catalog, &context, "lookup_menu", json!({"query": query})).await;
            let holds = |item: &Value| item.to_string().contains(query.trim_matches('\\'));
            assert!(found["items"].as_array().unwrap().iter().all(holds), "{query}: {found}");
        }
        let cheap = run(&catalog, &context, "lookup_menu", json!({"query": "drinks", "max_price": 3})).await;
        assert!(cheap["count"].as_u64().unwrap() < drinks["count"].as_u64().unwrap(), "{cheap}");
    }

    #[tokio::test]
    async fn a_pairing_comes_with_its_price_and_reason() {
        let (_folder, catalog, context) = demo().await;
        let found =
            run(&catalog, &context, "recommend_pairing", json!({"item_id": "kgl-brochette-goat"})).await;
        let best = &found["pairings"][0];
        for field in ["paired_name", "paired_price", "currency", "reason"] {
            assert!(best[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {found}");
        }
    }

    #[tokio::test]
    async fn a_tax_rule_comes_with_the_authority_to_cite() {
        let (_folder, catalog, context) = demo().await;
        let arguments = json!({"jurisdiction": "EU", "topic": "VAT on restaurant meals"});
        let found = run(&catalog, &context, "check_tax_rule", arguments).await;
        let best = &found["rules"][0];
        assert!(best["topic"].as_str().unwrap().to_lowercase().contains("restaurant"), "{found}");
        assert!(best["authority"].as_str().unwrap().contains("2006/112"), "{found}");
    }

    #[test]
    fn the_two_personas_hand_over_to_each_other_with_different_voices() {
        let catalog = Catalog::load(Path::new("personas")).unwrap();
        let [cfo, waiter] = ["cfo", "waiter"].map(|key| catalog.persona(&PersonaKey::from(key)).unwrap());
        assert_ne!(cfo.voice, waiter.voice);
        assert_eq!(waiter.handoffs[0].to, cfo.key);
        assert_eq!(cfo.handoffs[0].to, waiter.key);
        let [tool] = &handoff_tools(waiter)[..] else { panic!("one rule, one tool") };
        assert_eq!(tool.name, "handoff_to_cfo");
        assert_eq!(tool.description, waiter.handoffs[0].when);
    }
}
