//! The demo rows, checked as rows a user would believe.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;
use rust_decimal::Decimal;

use super::schema;

fn seeded() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::prepare(&mut connection).unwrap();
    connection
}

fn texts<const N: usize>(connection: &Connection, sql: &str) -> Vec<[String; N]> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let mut texts = [const { String::new() }; N];
        for (place, text) in texts.iter_mut().enumerate() {
            *text = row.get::<_, Option<String>>(place)?.unwrap_or_default();
        }
        Ok(texts)
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap_or_else(|_| panic!("{text:?} is no decimal"))
}

#[test]
fn two_venues_have_menus_with_prices_of_their_places() {
    let connection = seeded();
    let items = texts::<7>(
        &connection,
        "SELECT id, business_id, category, price, currency, dietary, allergens FROM menu_items",
    );
    assert!(items.len() >= 40, "{}", items.len());
    let categories: BTreeSet<&str> = items.iter().map(|item| item[2].as_str()).collect();
    assert!(categories.len() >= 6, "{categories:?}");
    for [id, business, _, price, currency, dietary, allergens] in &items {
        let (owner, range, decimals) = match currency.as_str() {
            "RWF" => ("agaseke-kigali", Decimal::from(1000)..Decimal::from(20_000), 0),
            "EUR" => ("bastion-valletta", Decimal::from(2)..Decimal::from(30), 2),
            other => panic!("{id} is priced in {other}"),
        };
        assert_eq!(business, owner, "{id}");
        assert!(range.contains(&decimal(price)), "{id} costs {price} {currency}");
        assert_eq!(decimal(price).scale(), decimals, "{id} costs {price} {currency}");
        for list in [dietary, allergens] {
            serde_json::from_str::<Vec<String>>(list).unwrap_or_else(|error| panic!("{id}: {error}"));
        }
    }
    let noted = items.iter().filter(|item| item[5] != "[]" || item[6] != "[]").count();
    assert!(noted * 10 >= items.len() * 9, "{noted} of {} have dietary notes or allergens", items.len());
}

#[test]
fn dietary_notes_agree_with_the_allergens() {
    for [id, dietary, allergens] in texts::<3>(&seeded(), "SELECT id, dietary, allergens FROM menu_items") {
        let dietary: Vec<String> = serde_json::from_str(&dietary).unwrap();
        let allergens: Vec<String> = serde_json::from_str(&allergens).unwrap();
        for (note, never) in [
            ("vegan", vec!["milk", "eggs", "fish", "molluscs"]),
            ("vegetarian", vec!["fish", "molluscs"]),
            ("gluten-free", vec!["gluten"]),
        ] {
            let noted = dietary.iter().any(|is| is == note);
            let found = never.iter().find(|never| allergens.iter().any(|has| has == *never));
            assert!(!noted || found.is_none(), "{id} is {note} and holds {found:?}");
        }
        assert!(
            !dietary.iter().any(|is| is == "vegan") || dietary.iter().any(|is| is == "vegetarian"),
            "{id}"
        );
    }
}

#[test]
fn a_search_for_drinks_finds_drinks_only_and_at_both_venues() {
    let connection = seeded();
    let found = texts::<2>(
        &connection,
        "SELECT business_id, category FROM menu_items WHERE lower(name || category || description) LIKE '%drink%'",
    );
    for [_, category] in &found {
        assert!(category.contains("drinks"), "{category}");
    }
    let venues: BTreeSet<&str> = found.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(venues.len(), 2);
    assert!(found.len() >= 20, "{}", found.len());
}

#[test]
fn most_items_have_a_pairing_and_no_pairing_leaves_its_venue() {
    let connection = seeded();
    let venues: HashMap<String, String> = texts::<2>(&connection, "SELECT id, business_id FROM menu_items")
        .into_iter()
        .map(|[id, business]| (id, business))
        .collect();
    let pairings =
        texts::<4>(&connection, "SELECT item_id, paired_item_id, reason, CAST(rank AS TEXT) FROM pairings");
    let mut ranks: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for [item, paired, reason, rank] in &pairings {
        assert_eq!(venues[item], venues[paired], "{item} with {paired}");
        assert_ne!(item, paired);
        assert!(!reason.is_empty(), "{item} with {paired}");
        ranks.entry(item).or_default().push(rank);
    }
    assert!(ranks.len() * 10 >= venues.len() * 8, "{} of {} items have a pairing", ranks.len(), venues.len());
    for (item, mut ranks) in ranks {
        ranks.sort_unstable();
        let expected: Vec<String> = (1..=ranks.len()).map(|rank| rank.to_string()).collect();
        assert_eq!(ranks, expected, "{item}");
    }
    let details =
        texts::<3>(&connection, "SELECT item_name, paired_name, currency FROM pairing_details ORDER BY id");
    assert_eq!(details.len(), pairings.len());
}

#[test]
fn the_books_of_every_month_and_currency_are_those_of_a_sound_business() {
    let lines =
        texts::<4>(&seeded(), "SELECT substr(posted_on, 1, 7), account, amount, currency FROM gl_lines");
    assert!(lines.len() >= 400, "{}", lines.len());
    // One select can read them all.
    assert!(lines.len() <= crate::store::MAX_ROWS as usize, "{}", lines.len());
    let mut sums: BTreeMap<(&str, &str), [Decimal; 10]> = BTreeMap::new();
    for [month, account, amount, currency] in &lines {
        assert_eq!(account.len(), 4, "{account}");
        let class = usize::from(account.as_bytes()[0] - b'0');
        sums.entry((month, currency)).or_default()[class] += decimal(amount);
        assert_eq!(decimal(amount).scale(), if currency == "RWF" { 0 } else { 2 }, "{amount} {currency}");
    }
    let months: BTreeSet<&str> = sums.keys().map(|(month, _)| *month).collect();
    assert_eq!(
        (months.len(), months.first().copied(), months.last().copied()),
        (18, Some("2025-04"), Some("2026-09"))
    );
    assert_eq!(sums.len(), 18 * 3, "every month has lines in three currencies");
    let percent = |part: Decimal, whole: Decimal| part * Decimal::ONE_HUNDRED / whole;
    for ((month, currency), sums) in &sums {
        let (revenue, goods, operating) = (sums[4], sums[5], sums[6]);
        let margin = percent(revenue - goods - operating, revenue);
        assert!(
            (Decimal::from(15)..Decimal::from(25)).contains(&margin),
            "{month} {currency}: EBITDA {margin} %"
        );
        let goods = percent(goods, revenue);
        assert!(
            (Decimal::from(26)..Decimal::from(33)).contains(&goods),
            "{month} {currency}: goods {goods} %"
        );
    }
}

#[test]
fn valletta_earns_more_in_summer_than_in_winter() {
    let sums = texts::<2>(
        &seeded(),
        "SELECT substr(posted_on, 1, 7), CAST(CAST(sum(amount) AS INTEGER) AS TEXT) FROM gl_lines \
         WHERE currency = 'EUR' AND account LIKE '4%' GROUP BY 1",
    );
    let revenue: HashMap<&str, Decimal> =
        sums.iter().map(|[month, sum]| (month.as_str(), decimal(sum))).collect();
    assert!(revenue["2025-08"] > revenue["2026-02"] * Decimal::new(15, 1));
}

#[test]
fn tax_rules_cite_their_authority() {
    let rules =
        texts::<6>(&seeded(), "SELECT id, jurisdiction, topic, rule, authority, rate || '' FROM tax_rules");
    assert!(rules.len() >= 25, "{}", rules.len());
    let mut each: BTreeMap<&str, usize> = BTreeMap::new();
    for [id, jurisdiction, topic, rule, authority, rate] in &rules {
        *each.entry(jurisdiction).or_default() += 1;
        assert!(id.starts_with(&jurisdiction.to_lowercase()), "{id}");
        assert!(!topic.is_empty() && rule.ends_with('.') && authority.len() > 4, "{id}");
        assert!(rate.is_empty() || decimal(rate) <= Decimal::ONE_HUNDRED, "{id}: {rate}");
    }
    assert_eq!(each.keys().copied().collect::<Vec<_>>(), ["CA", "EU", "UK", "US"]);
    assert!(each.values().all(|count| *count >= 6), "{each:?}");
    for (jurisdiction, words) in [
        ("EU", "VAT on restaurant meals"),
        ("UK", "VAT on restaurant meals"),
        ("US", "Meals and entertainment deduction"),
        ("CA", "Meals and entertainment deduction"),
        ("US", "Sales tax on restaurant food"),
        ("US", "Lease accounting"),
        ("EU", "Revenue recognition"),
    ] {
        let found = rules.iter().any(|rule| rule[1] == jurisdiction && rule[2].starts_with(words));
        assert!(found, "{words} in {jurisdiction}");
    }
}

#[test]
fn every_row_belongs_to_a_business_that_counts_in_its_currency() {
    let connection = seeded();
    let known: HashMap<String, String> = texts::<2>(&connection, "SELECT id, currency FROM businesses")
        .into_iter()
        .map(|[id, currency]| (id, currency))
        .collect();
    for table in ["menu_items", "gl_lines"] {
        let owners = format!("SELECT DISTINCT business_id, currency FROM {table}");
        for [owner, currency] in texts::<2>(&connection, &owners) {
            assert_eq!(known.get(&owner), Some(&currency), "{owner} in {table}");
        }
    }
}

#[test]
fn each_venue_is_called_on_a_number_of_its_country_and_goes_by_its_name() {
    let connection = seeded();
    let found = texts::<4>(
        &connection,
        "SELECT DISTINCT businesses.name, venue, country, substr(phone_number, 1, 4) FROM businesses \
         JOIN menu_items ON menu_items.business_id = businesses.id ORDER BY country DESC",
    );
    for ([name, venue, country, prefix], expected) in found.iter().zip([("RW", "+250"), ("MT", "+356")]) {
        assert_eq!((name, (country.as_str(), prefix.as_str())), (venue, expected));
    }
    assert_eq!(found.len(), 2);
    let greeted = texts::<1>(&connection, "SELECT value FROM configurations WHERE key = 'greeting_message'");
    assert_eq!(greeted.len(), 1);
    for [persona] in texts::<1>(&connection, "SELECT value FROM configurations WHERE key = 'default_persona'")
    {
        assert!(std::path::Path::new(&format!("personas/{persona}.md")).is_file(), "{persona}");
    }
}

#[test]
fn the_demo_rows_are_sql_that_postgres_takes_too() {
    for sql in schema::DEMO_ROWS.iter().flat_map(|rows| rows.files) {
        let code: String = sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
        assert!(code.trim_start().starts_with("INSERT INTO "));
        assert!(code.trim_end().ends_with(';'));
        // Outside the quotes there are only names, numbers, and the words both databases know.
        let outside: String = code.split('\'').step_by(2).collect();
        for word in
            outside.split(|c: char| !c.is_ascii_alphabetic() && c != '_').filter(|word| !word.is_empty())
        {
            let known = ["INSERT", "INTO", "VALUES", "NULL", "TRUE", "FALSE"].contains(&word);
            assert!(known || word.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{word}");
        }
        assert!(!outside.contains(['"', '`', '\\', '?', '$', '[']));
    }
}
