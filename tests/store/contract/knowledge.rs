//! Documents: replaced as a whole, found by their owner's callers only, by their words and by their meaning.

use std::sync::atomic::{AtomicU32, Ordering};

use ai_realtime::id::{BusinessId, DocumentId};
use ai_realtime::store::knowledge::{
    Begun, DIMENSIONS, DocumentStatus, Ingest, NewChunk, NewDocument, Passage, PassageQuery,
};
use ai_realtime::store::{Store, Tenant};
use serde_json::json;

use super::on_both_stores;
use super::subject::Subject;

on_both_stores!(
    a_document_is_found_once_it_is_complete,
    a_document_is_found_as_it_was_until_the_new_one_is_complete,
    the_same_content_is_not_written_twice,
    an_ingest_that_broke_off_is_repeated,
    the_ingest_that_was_begun_last_wins,
    documents_of_another_business_are_neither_found_nor_changed,
    what_is_deleted_is_found_no_more,
    documents_are_listed_in_pages,
    nothing_is_found_where_nothing_is_near,
    accents_case_and_endings_make_no_difference,
    what_callers_say_is_only_words,
    text_is_kept_to_the_letter,
    meaning_is_found_without_a_common_word,
);

/// A vector that points along one of the axes, a little to another.
fn direction(axis: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; DIMENSIONS];
    numbers[axis] = 0.8;
    numbers[axis + 1] = 0.6;
    numbers
}

/// Documents of a business that nobody else knows.
struct Desk<'a> {
    subject: &'a Subject,
    made: AtomicU32,
}

impl<'a> Desk<'a> {
    fn of(subject: &'a Subject) -> Self {
        Self { subject, made: AtomicU32::new(0) }
    }

    fn store(&self) -> &Store {
        &self.subject.store
    }

    fn owner(&self) -> BusinessId {
        self.subject.business.as_str().into()
    }

    fn tenant(&self) -> Tenant {
        Tenant::Of(self.owner())
    }

    fn id(&self, name: &str) -> DocumentId {
        format!("{}:{name}", self.subject.business).into()
    }

    /// A document of so many chunks, whose content is like that of no other.
    fn document(&self, name: &str, chunks: u32) -> NewDocument {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        NewDocument {
            id: Some(self.id(name)),
            business_id: Some(self.owner()),
            title: name.to_owned(),
            content_hash: format!("{}-{number}", self.subject.business),
            metadata: json!({"source": name}).as_object().unwrap().clone(),
            chunks,
            embedding_model: None,
        }
    }

    async fn begin(&self, document: &NewDocument) -> Ingest {
        match self.store().begin_document(document.clone()).await.unwrap() {
            Begun::Ingest(ingest) => ingest,
            other => panic!("{other:?}"),
        }
    }

    /// Brings a document from beginning to end.
    async fn bring(&self, document: &NewDocument, texts: &[&str]) -> Ingest {
        let ingest = self.begin(document).await;
        assert!(self.store().add_chunks(&ingest, chunks(&document.title, texts)).await.unwrap());
        assert!(self.store().finish_document(&ingest, document.clone()).await.unwrap());
        ingest
    }

    async fn find(&self, text: &str) -> Vec<Passage> {
        self.find_as(self.tenant(), text).await
    }

    async fn find_as(&self, tenant: Tenant, text: &str) -> Vec<Passage> {
        let query = PassageQuery { tenant, text: text.to_owned(), embedding: None, limit: 5 };
        self.store().passages(query).await.unwrap()
    }

    async fn found(&self, text: &str) -> Vec<String> {
        self.find(text).await.into_iter().map(|passage| passage.content).collect()
    }
}

fn chunks(title: &str, texts: &[&str]) -> Vec<NewChunk> {
    let chunk = |(text, no): (&&str, u32)| NewChunk {
        no,
        heading: title.to_owned(),
        content: (*text).to_owned(),
        embedding: None,
    };
    texts.iter().zip(0..).map(chunk).collect()
}

async fn a_document_is_found_once_it_is_complete(subject: Subject) {
    let desk = Desk::of(&subject);
    let document = desk.document("rules", 2);
    let ingest = desk.begin(&document).await;
    assert!(!ingest.replaces);
    desk.store().add_chunks(&ingest, chunks("rules", &["Dogs are welcome."])).await.unwrap();
    let seen = desk.store().document(&desk.tenant(), &ingest.id).await.unwrap().unwrap();
    assert_eq!(
        (seen.status, seen.chunks, seen.ingested, seen.expected),
        (DocumentStatus::Ingesting, 0, 1, 2)
    );
    assert!(desk.found("dogs").await.is_empty());
    assert!(!desk.store().finish_document(&ingest, document.clone()).await.unwrap(), "a chunk is missing");

    let mut all = chunks("rules", &["Dogs are welcome.", "Parking is behind the house."]);
    assert!(desk.store().add_chunks(&ingest, all.split_off(1)).await.unwrap());
    // Twice is as good as once.
    assert!(desk.store().add_chunks(&ingest, all).await.unwrap());
    assert!(desk.store().finish_document(&ingest, document.clone()).await.unwrap());
    assert!(desk.store().finish_document(&ingest, document).await.unwrap());
    let found = desk.find("Are dogs allowed?").await;
    assert_eq!(found.len(), 1);
    let Passage { id, title, heading, content, score, metadata } = &found[0];
    assert_eq!((id, title.as_str(), heading.as_str()), (&ingest.id, "rules", "rules"));
    assert_eq!((content.as_str(), metadata["source"].as_str()), ("Dogs are welcome.", Some("rules")));
    assert!((score - 1.0).abs() < 1e-6, "{score}");
    let seen = desk.store().document(&desk.tenant(), &ingest.id).await.unwrap().unwrap();
    assert_eq!((seen.status, seen.chunks), (DocumentStatus::Ready, 2));
    assert!(seen.updated_at >= seen.created_at);
}

async fn a_document_is_found_as_it_was_until_the_new_one_is_complete(subject: Subject) {
    let desk = Desk::of(&subject);
    desk.bring(&desk.document("rules", 1), &["Cats are welcome."]).await;
    let next = NewDocument { title: "new rules".to_owned(), ..desk.document("rules", 1) };
    let ingest = desk.begin(&next).await;
    assert!(ingest.replaces);
    desk.store().add_chunks(&ingest, chunks("new rules", &["Cats stay outside."])).await.unwrap();
    assert_eq!(desk.found("cats").await, ["Cats are welcome."]);
    assert_eq!(desk.find("cats").await[0].title, "rules");
    desk.store().finish_document(&ingest, next).await.unwrap();
    assert_eq!(desk.found("cats").await, ["Cats stay outside."]);
    assert_eq!(desk.find("cats").await[0].title, "new rules");
}

async fn the_same_content_is_not_written_twice(subject: Subject) {
    let desk = Desk::of(&subject);
    let document = desk.document("rules", 1);
    let ingest = desk.bring(&document, &["Cats are welcome."]).await;
    let unchanged = Begun::Unchanged { id: ingest.id.clone(), chunks: 1 };
    for id in [document.id.clone(), None] {
        let again = NewDocument { id, ..document.clone() };
        assert_eq!(desk.store().begin_document(again).await.unwrap(), unchanged);
    }
    let noted = json!({"source": "elsewhere"}).as_object().unwrap().clone();
    let again = NewDocument { metadata: noted.clone(), ..document.clone() };
    assert_eq!(desk.store().begin_document(again).await.unwrap(), unchanged);
    assert_eq!(desk.find("cats").await[0].metadata, noted);
    // Without an id it is a new document where nobody has brought it before.
    let elsewhere = NewDocument { id: None, ..desk.document("others", 1) };
    let ingest = desk.begin(&elsewhere).await;
    assert!(!ingest.replaces && ingest.id.as_str().len() > 30, "{ingest:?}");
}

async fn an_ingest_that_broke_off_is_repeated(subject: Subject) {
    let desk = Desk::of(&subject);
    let document = desk.document("rules", 2);
    let first = desk.begin(&document).await;
    desk.store().add_chunks(&first, chunks("rules", &["Cats are welcome."])).await.unwrap();
    desk.store().fail_document(&first).await.unwrap();
    let seen = desk.store().document(&desk.tenant(), &first.id).await.unwrap().unwrap();
    assert_eq!((seen.status, seen.chunks), (DocumentStatus::Failed, 0));
    // Also when nobody could say that it failed: the content alone tells which it was.
    let again = NewDocument { id: None, ..document };
    let second = desk.begin(&again).await;
    assert_eq!((&second.id, second.replaces), (&first.id, true));
    desk.store().add_chunks(&second, chunks("rules", &["Cats are welcome.", "Dogs, too."])).await.unwrap();
    assert!(desk.store().finish_document(&second, again).await.unwrap());
    assert_eq!(desk.found("cats").await, ["Cats are welcome."]);
}

async fn the_ingest_that_was_begun_last_wins(subject: Subject) {
    let desk = Desk::of(&subject);
    let (one, other) = (desk.document("rules", 1), desk.document("rules", 1));
    let first = desk.begin(&one).await;
    let second = desk.begin(&other).await;
    assert!(second.version > first.version);
    assert!(!desk.store().add_chunks(&first, chunks("rules", &["Cats are late."])).await.unwrap());
    assert!(!desk.store().finish_document(&first, one).await.unwrap());
    desk.store().fail_document(&first).await.unwrap();
    desk.store().add_chunks(&second, chunks("rules", &["Cats are welcome."])).await.unwrap();
    assert!(desk.store().finish_document(&second, other).await.unwrap());
    assert_eq!(desk.found("cats").await, ["Cats are welcome."]);
    // And one that is deleted meanwhile comes no further.
    let gone = desk.document("gone", 1);
    let ingest = desk.begin(&gone).await;
    assert!(desk.store().delete_document(&desk.tenant(), &ingest.id).await.unwrap());
    assert!(!desk.store().add_chunks(&ingest, chunks("gone", &["Cats are gone."])).await.unwrap());
    assert!(!desk.store().finish_document(&ingest, gone).await.unwrap());
}

async fn documents_of_another_business_are_neither_found_nor_changed(subject: Subject) {
    let desk = Desk::of(&subject);
    let document = desk.document("rules", 1);
    let word = format!("secret{}", uuid::Uuid::now_v7().simple());
    let ingest = desk.bring(&document, &[&format!("The word is {word}.")]).await;
    let stranger = Tenant::Of(format!("{}-other", subject.business).as_str().into());
    assert!(desk.find_as(stranger.clone(), &word).await.is_empty());
    assert_eq!(desk.store().document(&stranger, &ingest.id).await.unwrap(), None);
    assert!(!desk.store().delete_document(&stranger, &ingest.id).await.unwrap());
    for owner in [stranger.business().cloned(), None] {
        let theirs = NewDocument { business_id: owner, ..desk.document("rules", 1) };
        assert_eq!(desk.store().begin_document(theirs).await.unwrap(), Begun::NotYours);
    }
    // The same content of theirs is a document of their own.
    let theirs = NewDocument { id: None, business_id: stranger.business().cloned(), ..document };
    assert_ne!(desk.begin(&theirs).await.id, ingest.id);
    assert_eq!(desk.find(&word).await.len(), 1);
    assert_eq!(desk.find_as(Tenant::Any, &word).await.len(), 1);

    let house_word = format!("house{}", uuid::Uuid::now_v7().simple());
    let house = NewDocument { business_id: None, ..desk.document("house", 1) };
    let ingest = desk.bring(&house, &[&format!("The word is {house_word}.")]).await;
    for tenant in [desk.tenant(), stranger.clone(), Tenant::Any] {
        assert_eq!(desk.find_as(tenant, &house_word).await.len(), 1);
    }
    assert!(desk.store().document(&stranger, &ingest.id).await.unwrap().is_some());
    assert!(!desk.store().delete_document(&stranger, &ingest.id).await.unwrap());
    assert!(desk.store().delete_document(&Tenant::Any, &ingest.id).await.unwrap());
}

async fn what_is_deleted_is_found_no_more(subject: Subject) {
    let desk = Desk::of(&subject);
    let ingest = desk.bring(&desk.document("rules", 1), &["Cats are welcome."]).await;
    assert!(desk.store().delete_document(&desk.tenant(), &ingest.id).await.unwrap());
    assert!(!desk.store().delete_document(&desk.tenant(), &ingest.id).await.unwrap());
    assert!(desk.found("cats").await.is_empty());
    assert_eq!(desk.store().document(&desk.tenant(), &ingest.id).await.unwrap(), None);
    desk.bring(&desk.document("rules", 1), &["Cats are back."]).await;
    assert_eq!(desk.found("cats").await, ["Cats are back."]);
}

async fn documents_are_listed_in_pages(subject: Subject) {
    let desk = Desk::of(&subject);
    for name in ["b", "C", "a"] {
        desk.bring(&desk.document(name, 1), &["Cats."]).await;
    }
    let own =
        |id: &DocumentId| id.as_str().strip_prefix(&format!("{}:", subject.business)).map(str::to_owned);
    let mut names = Vec::new();
    let mut after = Some(desk.id(""));
    while let Some(last) = after {
        let page = desk.store().documents(&desk.tenant(), Some(last), 2).await.unwrap();
        assert!(page.len() <= 2);
        let own: Vec<_> = page.iter().filter_map(|document| own(&document.id)).collect();
        after = page.last().map(|document| document.id.clone()).filter(|_| !own.is_empty());
        names.extend(own);
    }
    assert_eq!(names, ["C", "a", "b"]);
}

async fn nothing_is_found_where_nothing_is_near(subject: Subject) {
    let desk = Desk::of(&subject);
    desk.bring(&desk.document("rules", 1), &["This is where you can leave the car, and what it is for."])
        .await;
    for nothing in ["submarines", "What is it that you have?", "où est-ce que vous avez", "", "?!", "\0"] {
        assert!(desk.found(nothing).await.is_empty(), "{nothing:?}");
    }
    assert_eq!(desk.found("a car?").await.len(), 1);
}

async fn accents_case_and_endings_make_no_difference(subject: Subject) {
    let desk = Desk::of(&subject);
    let text = "Les chambres de l'HÔTEL ont une clé magnétique. Guests may be parking their bicycles inside.";
    desk.bring(&desk.document("rules", 1), &[text]).await;
    for word in ["hotel", "Hôtel", "CLE", "magnétique", "park", "bicycle", "guest"] {
        assert_eq!(desk.found(word).await.len(), 1, "{word}");
    }
}

async fn what_callers_say_is_only_words(subject: Subject) {
    let desk = Desk::of(&subject);
    desk.bring(&desk.document("rules", 1), &["Parking is free."]).await;
    let endless = "parking ".repeat(130_000);
    for hostile in [
        "parking\" OR \"x",
        "parking AND",
        "NEAR(parking free, 5)",
        "-parking",
        "content:parking",
        "parking*",
        "^parking",
        "(parking",
        "parking'); DROP TABLE documents; --",
        "parking\0",
        "'parking' & !free:*",
        "parking <-> \\ |",
        "\u{202e}parking",
        "*,().\"\\ parking\n",
        &endless,
    ] {
        assert_eq!(
            desk.found(hostile).await,
            ["Parking is free."],
            "{:?}",
            &hostile[..20.min(hostile.len())]
        );
    }
}

async fn text_is_kept_to_the_letter(subject: Subject) {
    let desk = Desk::of(&subject);
    let text = "Quote \" and ' and \\ and % and * and , ) ( . {} [] $1 :: <b> & émoji 🦀 kitten\n\tnew line";
    let document = NewDocument { title: "Tit\"le, (1) 🦀".to_owned(), ..desk.document("rules", 1) };
    let ingest = desk.bring(&document, &[text]).await;
    assert_eq!(desk.found("kitten").await, [text]);
    let seen = desk.store().document(&desk.tenant(), &ingest.id).await.unwrap().unwrap();
    assert_eq!((seen.title, seen.metadata), (document.title, document.metadata));
    for hostile in ["x,y", "x\"y", "x).y", "é", "%"] {
        assert_eq!(desk.store().document(&desk.tenant(), &hostile.into()).await.unwrap(), None);
        assert!(!desk.store().delete_document(&desk.tenant(), &hostile.into()).await.unwrap());
    }
}

async fn meaning_is_found_without_a_common_word(subject: Subject) {
    if subject.is_supabase() && std::env::var("STAND_PLAIN").is_ok() {
        return;
    }
    let desk = Desk::of(&subject);
    let document = NewDocument { embedding_model: Some("m".to_owned()), ..desk.document("rules", 3) };
    let ingest = desk.begin(&document).await;
    let mut new = chunks("rules", &["Leave the car behind.", "Dogs are welcome.", "Bring your horse."]);
    for (chunk, axis) in new.iter_mut().zip([0, 10, 20]) {
        chunk.embedding = Some(direction(axis));
    }
    desk.store().add_chunks(&ingest, new).await.unwrap();
    desk.store().finish_document(&ingest, document).await.unwrap();
    let ask = async |text: &str, model: &str, axis: usize| {
        let embedding = Some((model.to_owned(), direction(axis)));
        let query = PassageQuery { tenant: desk.tenant(), text: text.to_owned(), embedding, limit: 3 };
        let found = desk.store().passages(query).await.unwrap();
        found.into_iter().map(|passage| passage.content).collect::<Vec<_>>()
    };
    assert_eq!(ask("parking", "m", 0).await, ["Leave the car behind."]);
    // What both find comes first, then what one of them does.
    assert_eq!(ask("dogs or a horse", "m", 10).await, ["Dogs are welcome.", "Bring your horse."]);
    // Far from everything, or made by another model: as if there were none.
    assert!(ask("parking", "m", 500).await.is_empty());
    assert!(ask("parking", "other", 0).await.is_empty());
}
