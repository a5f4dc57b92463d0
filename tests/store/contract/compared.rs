//! Whatever is asked, both stores find the same rows.

use ai_realtime::store::{Pattern, PatternPart, Scalar, Select, Test};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rust_decimal::Decimal;

use super::subject::{Item, Subject, ascending, descending};

const ROWS: usize = 60;
const QUESTIONS: usize = 300;

/// Short texts of letters that mean something somewhere. The order of texts is the database's own, so they are
/// compared for equality and searched.
fn texts() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop::sample::select(vec![
            "a", "A", "b", "é", "É", "1", "%", "_", "*", ",", ".", "(", ")", "\"", "'", "\\", "\n", " ", "[",
            "]", "^", "$", "|", "?", "+", "{", "}", "-", "null", "店", "σ", "ς", "&", "=", "#", ":",
        ]),
        0..4,
    )
    .prop_map(|pieces| pieces.concat())
}

fn decimals() -> impl Strategy<Value = Decimal> {
    (-2000i64..2000, 0u32..3).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = (texts(), decimals(), proptest::option::of(texts()), any::<bool>());
    proptest::collection::vec(item, ROWS).prop_map(|items| {
        let item = |(place, (name, price, image_url, available)): (usize, (String, Decimal, _, _))| Item {
            price: price.to_string(),
            image_url,
            available,
            ..Item::named(&format!("{place:02}"), &name)
        };
        items.into_iter().enumerate().map(item).collect()
    })
}

fn conditions() -> impl Strategy<Value = (&'static str, Test)> {
    let text = || texts().prop_map(Scalar::Text);
    let part = prop_oneof![Just(PatternPart::Any), texts().prop_map(PatternPart::Text)];
    let of_text = prop_oneof![
        text().prop_map(Test::Eq),
        text().prop_map(Test::Ne),
        proptest::collection::vec(text(), 0..4).prop_map(Test::In),
        proptest::collection::vec(part, 0..5).prop_map(|parts| Test::Like(Pattern(parts))),
        any::<bool>().prop_map(Test::IsNull),
    ];
    let number = || prop_oneof![decimals().prop_map(Scalar::Decimal), (-20i64..20).prop_map(Scalar::Integer)];
    let of_price = prop_oneof![
        number().prop_map(Test::Eq),
        number().prop_map(Test::Ne),
        number().prop_map(Test::Lt),
        number().prop_map(Test::Lte),
        number().prop_map(Test::Gt),
        number().prop_map(Test::Gte),
        proptest::collection::vec(number(), 0..4).prop_map(Test::In),
    ];
    let of_flag = any::<bool>().prop_map(|yes| Test::Eq(Scalar::Bool(yes)));
    prop_oneof![
        3 => (prop::sample::select(vec!["name", "image_url"]), of_text),
        2 => of_price.prop_map(|test| ("price", test)),
        1 => of_flag.prop_map(|test| ("available", test)),
    ]
}

type Question = (Vec<(&'static str, Test)>, Vec<(&'static str, Test)>, bool, u32);

fn questions() -> impl Strategy<Value = Question> {
    let some = || proptest::collection::vec(conditions(), 0..3);
    (some(), some(), any::<bool>(), prop_oneof![Just(1000u32), 1u32..20])
}

fn select(subject: &Subject, (all, any, descends, limit): &Question) -> Select {
    let by_price = if *descends { descending("price") } else { ascending("price") };
    Select { order: vec![by_price, ascending("id")], limit: *limit, ..subject.menu(all.clone(), any.clone()) }
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn whatever_is_asked_both_stores_find_the_same_rows() {
    let (embedded, supabase) = (Subject::embedded().await, Subject::supabase().await);
    let mut runner = TestRunner::deterministic();
    let items = items().new_tree(&mut runner).unwrap().current();
    embedded.put(&items).await;
    supabase.put(&items).await;
    let mut found_some = 0;
    for _ in 0..QUESTIONS {
        let question = questions().new_tree(&mut runner).unwrap().current();
        let wanted = embedded.find(select(&embedded, &question)).await;
        assert_eq!(supabase.find(select(&supabase, &question)).await, wanted, "{question:?}");
        found_some += usize::from(!wanted.is_empty());
    }
    assert!(found_some > QUESTIONS / 5, "only {found_some} questions found anything");
}
