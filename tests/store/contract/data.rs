//! Data stays data, in every place it can stand.

use ai_realtime::store::{Pattern, PatternPart, StoreError, Tenant, Test};

use super::on_both_stores;
use super::subject::{Item, Subject, contains, exactly, text};

on_both_stores!(
    hostile_values_are_found_as_they_are_and_nothing_else_is,
    a_text_too_long_to_ask_for_is_refused_and_never_cut,
    what_a_caller_says_cannot_widen_whose_rows_are_read,
    only_our_own_wildcards_are_wild,
    letters_are_found_in_any_case,
);

const HOSTILE: &[&str] = &[
    "%",
    "_",
    "*",
    "100%_*?",
    "a,b",
    ",",
    "(",
    ")",
    "x)",
    "(x,y)",
    ".",
    "a.b",
    "eq.x",
    "'",
    "\"",
    "\"\"",
    "\"quoted\"",
    "\\",
    "\\\\",
    "\\\"",
    "a\\",
    "\\%",
    "a\nb",
    "a\r\n\tb",
    "line\n",
    "''; DROP TABLE menu_items; --",
    "') OR 1=1 --",
    "\"),id.not.is.null,or(name.eq.\"",
    "null",
    "NULL",
    "true",
    "?1",
    ":name",
    "$1",
    "{1,2}",
    "{}",
    "[a]",
    "a|b",
    "^a$",
    "a+?{2}",
    "***=x",
    "(?i)x",
    "\\m\\d\\y",
    "&name=eq.x#y",
    "a+b c%20d%00",
    " leading and trailing ",
    "",
    "💥 ħ \u{202e}",
    "e\u{301}",
    "店舗",
    "{\"$ne\":null}",
    "->>x",
    "name::text",
    "count()",
];

async fn hostile_values_are_found_as_they_are_and_nothing_else_is(subject: Subject) {
    let items: Vec<_> =
        HOSTILE.iter().enumerate().map(|(place, name)| Item::named(&format!("{place:03}"), name)).collect();
    subject.put(&items).await;
    let named = |matches: &dyn Fn(&str) -> bool| -> Vec<String> {
        items.iter().filter(|item| matches(&item.name)).map(|item| item.id.clone()).collect()
    };
    for hostile in HOSTILE {
        let alone = named(&|name| name == *hostile);
        for test in [
            Test::Eq(text(hostile)),
            Test::In(vec![text(hostile)]),
            Test::In(vec![text("no such name"), text(hostile), text(hostile)]),
        ] {
            assert_eq!(
                subject.find(subject.menu(vec![("name", test.clone())], vec![])).await,
                alone,
                "{test:?}"
            );
            let or = subject.menu(vec![], vec![("venue", Test::Eq(text("x"))), ("name", test.clone())]);
            assert_eq!(subject.find(or).await, alone, "{test:?}");
        }
        let others = named(&|name| name != *hostile);
        let ne = subject.menu(vec![("name", Test::Ne(text(hostile)))], vec![]);
        assert_eq!(subject.find(ne).await, others, "{hostile:?}");

        let lower = hostile.to_lowercase();
        let same = named(&|name| name.to_lowercase() == lower);
        assert_eq!(
            subject.find(subject.menu(vec![("name", exactly(hostile))], vec![])).await,
            same,
            "{hostile:?}"
        );
        let around = named(&|name| name.to_lowercase().contains(&lower));
        let or = vec![("venue", contains(&format!("{hostile}x"))), ("name", contains(hostile))];
        assert_eq!(subject.find(subject.menu(vec![], or)).await, around, "{hostile:?}");
    }
}

async fn a_text_too_long_to_ask_for_is_refused_and_never_cut(subject: Subject) {
    let long = "x%".repeat(500_000);
    let described =
        |id: &str, description: &str| Item { description: description.into(), ..Item::named(id, "x") };
    subject.put(&[described("long", &long), described("short", "x%")]).await;
    for test in [Test::Eq(text(&long)), Test::In(vec![text(&long)]), exactly(&long), contains(&long)] {
        match subject.try_find(subject.menu(vec![("description", test)], vec![])).await {
            Ok(found) => assert_eq!(found, ["long"]),
            Err(StoreError::Unfit { code, .. }) => assert_eq!(code, "too_long"),
            Err(error) => panic!("{error:?}"),
        }
    }
    let mut whole = subject.menu(vec![("description", contains("x%x%"))], vec![]);
    whole.columns = vec!["description".parse().unwrap()];
    assert_eq!(subject.store.select(whole).await.unwrap()[0]["description"], long.as_str());
    let usual = "y".repeat(300);
    assert!(subject.find(subject.menu(vec![], vec![("name", contains(&usual))])).await.is_empty());
}

async fn what_a_caller_says_cannot_widen_whose_rows_are_read(subject: Subject) {
    subject.put(&[Item::named("mine", "Tea")]).await;
    let theirs = "agaseke-kigali";
    let ways = [
        ("business_id", Test::Eq(text(theirs))),
        ("business_id", Test::Ne(text("x"))),
        ("business_id", Test::In(vec![text(theirs), text(&subject.business)])),
        ("business_id", Test::IsNull(false)),
        ("name", Test::Ne(text("\"),business_id.neq.\"x"))),
        ("name", contains("")),
    ];
    for (column, test) in ways {
        for select in [
            subject.menu(vec![(column, test.clone())], vec![]),
            subject.menu(vec![], vec![(column, test.clone()), ("id", Test::IsNull(false))]),
        ] {
            let found = subject.find(select).await;
            assert!(found.is_empty() || found == ["mine"], "{column} {test:?} found {found:?}");
        }
    }
    let anyone = ai_realtime::store::Select { tenant: Tenant::Any, ..subject.menu(vec![], vec![]) };
    assert!(subject.store.select(anyone).await.unwrap().len() > 50, "the demo rows of others are there");
    let hostile = subject.menu(vec![], vec![]);
    for business in ["", "*", "%", "x\",business_id.neq.\"x", "' OR 1=1 --"] {
        let select = ai_realtime::store::Select { tenant: Tenant::Of(business.into()), ..hostile.clone() };
        assert!(subject.store.select(select).await.unwrap().is_empty(), "{business:?}");
    }
}

async fn only_our_own_wildcards_are_wild(subject: Subject) {
    let names = ["goat", "Goat stew", "a goat", "a GOAT stew", "g%t", "go*t", "g\nt", "", "gt", "goatgoat"];
    let items: Vec<_> =
        names.iter().enumerate().map(|(place, name)| Item::named(&place.to_string(), name)).collect();
    subject.put(&items).await;
    let part = |text: &str| PatternPart::Text(text.to_owned());
    let any = || PatternPart::Any;
    for (parts, found) in [
        (vec![part("goat")], vec!["goat"]),
        (vec![part("GOAT"), any()], vec!["goat", "Goat stew", "goatgoat"]),
        (vec![any(), part("goat")], vec!["goat", "a goat", "goatgoat"]),
        (vec![any(), part("goat"), any()], vec!["goat", "Goat stew", "a goat", "a GOAT stew", "goatgoat"]),
        (vec![part("g"), any(), part("t")], vec!["goat", "g%t", "go*t", "g\nt", "gt", "goatgoat"]),
        (vec![any(), part("goat"), any(), part("goat"), any()], vec!["goatgoat"]),
        (vec![part("g%t")], vec!["g%t"]),
        (vec![part("go*t")], vec!["go*t"]),
        (vec![part("g_at")], vec![]),
        (vec![part("g.t")], vec![]),
        (vec![any(), any()], names.to_vec()),
        (vec![any(), part(""), any()], names.to_vec()),
        (vec![part("")], vec![""]),
        (vec![], vec![""]),
        (vec![part("go"), part("at")], vec!["goat"]),
        (vec![any(), part("\n"), any()], vec!["g\nt"]),
    ] {
        let select = subject.menu(vec![("name", Test::Like(Pattern(parts.clone())))], vec![]);
        let ids = subject.find(select).await;
        let names: Vec<_> = ids.iter().map(|id| names[id.parse::<usize>().unwrap()]).collect();
        assert_eq!(names, found, "{parts:?}");
    }
}

async fn letters_are_found_in_any_case(subject: Subject) {
    let names = ["Mützig", "Ħobż biż-żejt", "Straße", "ΟΔΟΣ", "исомбе", "Kiwi", "Office", "İzmir", "ǅ"];
    let items: Vec<_> =
        names.iter().enumerate().map(|(place, name)| Item::named(&place.to_string(), name)).collect();
    subject.put(&items).await;
    for (searched, found) in [
        ("MÜTZIG", "Mützig"),
        ("mutzig", ""),
        ("ħOBŻ BIŻ-ŻEJT", "Ħobż biż-żejt"),
        ("STRASSE", "Straße"),
        ("straße", "Straße"),
        ("οδος", "ΟΔΟΣ"),
        ("ИСОМБЕ", "исомбе"),
        ("\u{212a}IWI", "Kiwi"),
        ("O\u{fb03}CE", "Office"),
        ("İZMIR", "İzmir"),
        ("ǆ", "ǅ"),
    ] {
        for test in [exactly(searched), contains(searched)] {
            let ids = subject.find(subject.menu(vec![("name", test)], vec![])).await;
            let names: Vec<_> = ids.iter().map(|id| names[id.parse::<usize>().unwrap()]).collect();
            assert_eq!(names.join(" "), found, "{searched}");
        }
    }
}
