//! What a socket was given, and what leads from there to what it should hold. Pure.

use std::collections::BTreeMap;

use crate::id::ItemId;
use crate::session::history::Piece;

/// What has become of an item that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// The socket has not said yet.
    Awaited,
    /// It stands in the conversation.
    Taken,
    /// It does not, and would not if it were given again.
    Refused,
}

#[derive(Debug)]
struct Item {
    piece: Piece,
    id: ItemId,
    standing: Standing,
}

/// What leads a socket to what it should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This item goes.
    Delete(ItemId),
    /// This piece comes last, under this name.
    Create(Piece, ItemId),
}

/// Everything that a socket was given and still has, in order.
#[derive(Debug, Default)]
pub struct Given {
    items: Vec<Item>,
    /// How often something went by this name before: none is used twice on one socket.
    used: BTreeMap<ItemId, u32>,
}

impl Given {
    /// What makes the socket hold these pieces in this order; they count as given. What is in its place stays, the
    /// rest goes, and what is missing comes after it.
    pub fn catch_up(&mut self, wanted: &[Piece]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut missing = wanted;
        self.items.retain(|item| {
            if let Some((_, rest)) = missing.split_first().filter(|(first, _)| **first == item.piece) {
                missing = rest;
                return true;
            }
            if item.standing != Standing::Refused {
                steps.push(Step::Delete(item.id.clone()));
            }
            false
        });
        for piece in missing {
            let times = self.used.entry(piece.name(0)).or_default();
            let id = piece.name(*times);
            *times += 1;
            self.items.push(Item { piece: *piece, id: id.clone(), standing: Standing::Awaited });
            steps.push(Step::Create(*piece, id));
        }
        steps
    }

    /// The item stands in the conversation.
    pub fn taken(&mut self, id: &ItemId) {
        self.stands(id, Standing::Taken);
    }

    /// The item was refused. Answers whether it was one of these.
    pub fn refused(&mut self, id: &ItemId) -> bool {
        self.stands(id, Standing::Refused)
    }

    fn stands(&mut self, id: &ItemId, standing: Standing) -> bool {
        let item = self.items.iter_mut().find(|item| item.id == *id);
        item.map(|item| item.standing = standing).is_some()
    }

    /// Whether the socket has answered for each of them.
    pub fn is_settled(&self) -> bool {
        self.items.iter().all(|item| item.standing != Standing::Awaited)
    }

    /// What is not answered by now is as good as taken: the answers themselves will tell.
    pub fn settle(&mut self) {
        let awaited = self.items.iter_mut().filter(|item| item.standing == Standing::Awaited);
        awaited.for_each(|item| item.standing = Standing::Taken);
    }

    /// Whether this item was taken (`Some(true)`) or refused (`Some(false)`), if that is known.
    pub fn verdict(&self, id: &ItemId) -> Option<bool> {
        let item = self.items.iter().find(|item| item.id == *id)?;
        match item.standing {
            Standing::Awaited => None,
            Standing::Taken => Some(true),
            Standing::Refused => Some(false),
        }
    }

    /// What each piece is called on this socket.
    pub fn names(&self) -> impl Iterator<Item = (Piece, &ItemId)> {
        self.items.iter().map(|item| (item.piece, &item.id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::id::ToolCallId;
    use crate::protocol::openai::NewItem;
    use crate::session::history::{Content, History};

    /// A socket that holds items.
    #[derive(Default)]
    struct Peer {
        items: Vec<(ItemId, Piece)>,
        names: BTreeSet<ItemId>,
    }

    impl Peer {
        fn perform(&mut self, steps: Vec<Step>) {
            for step in steps {
                match step {
                    Step::Delete(id) => {
                        let at = self.items.iter().position(|(held, _)| *held == id);
                        self.items.remove(at.expect("only what is there is deleted"));
                    }
                    Step::Create(piece, id) => {
                        assert!(id.as_str().len() <= 32 && self.names.insert(id.clone()), "{id}");
                        self.items.push((id, piece));
                    }
                }
            }
        }

        fn pieces(&self) -> Vec<Piece> {
            self.items.iter().map(|(_, piece)| *piece).collect()
        }
    }

    fn change(history: &mut History, known: &mut Vec<ItemId>, op: u8, at: usize) {
        let call = |at: usize| ToolCallId::from(format!("call_{}", at % 8));
        match op % 8 {
            0 => known.push(history.add(Content::Caller(format!("words {at}")))),
            1 => {
                let id = ItemId::from(format!("item_{}", known.len()));
                history.push(id.clone(), Content::Persona(format!("answer {at}")));
                known.push(id);
            }
            2 => {
                let (id, name, arguments) = (call(at), "lookup".to_owned(), "{}".to_owned());
                known.push(history.add(Content::ToolCall { id, name, arguments }));
            }
            3 => known.push(history.add(Content::ToolOutput { id: call(at), output: "{}".into() })),
            4 => known.get(at % known.len().max(1)).into_iter().for_each(|id| history.retract(id)),
            5 => known.get(at % known.len().max(1)).into_iter().for_each(|id| history.reword(id, "less")),
            6 => drop(history.forget_before_turn()),
            _ => known.push(history.add(Content::Note(String::new()))),
        }
    }

    proptest! {
        #[test]
        fn the_plan_makes_what_is_wanted_of_what_was_given(
            ops in proptest::collection::vec((any::<u8>(), any::<usize>(), any::<bool>()), 0..80)
        ) {
            let (mut history, mut known) = (History::default(), Vec::new());
            let (mut given, mut peer) = (Given::default(), Peer::default());
            for (op, at, catches_up) in ops {
                change(&mut history, &mut known, op, at);
                if !catches_up {
                    continue;
                }
                let wanted = history.pieces(|id| id.as_str() == "call_0");
                peer.perform(given.catch_up(&wanted));
                prop_assert_eq!(peer.pieces(), wanted);
                prop_assert!(given.catch_up(&history.pieces(|id| id.as_str() == "call_0")).is_empty());
                outputs_follow_calls(&history, &peer)?;
            }
        }
    }

    fn outputs_follow_calls(history: &History, peer: &Peer) -> Result<(), TestCaseError> {
        let mut called = BTreeSet::new();
        let mut answered = BTreeSet::new();
        for (id, piece) in &peer.items {
            match history.item_of(*piece, id.clone()).expect("it is remembered") {
                NewItem::FunctionCall { call_id, .. } => drop(called.insert(call_id)),
                NewItem::FunctionCallOutput { call_id, .. } => {
                    prop_assert!(called.contains(&call_id), "an output without its call");
                    answered.insert(call_id);
                }
                NewItem::Message { content: [part], .. } => {
                    let part = serde_json::to_value(part).unwrap();
                    prop_assert!(part["text"] != "", "an empty message");
                }
            }
        }
        prop_assert!(called.iter().all(|id| answered.contains(id) || id.as_str() == "call_0"));
        Ok(())
    }

    #[test]
    fn what_stays_in_its_place_is_not_given_again() {
        let mut history = History::default();
        let ids: Vec<_> = ["one", "two", "three"].map(|text| history.add(Content::Note(text.into()))).into();
        let mut given = Given::default();
        given.catch_up(&history.pieces(|_| false));
        history.retract(&ids[1]);
        history.add(Content::Note("four".into()));
        let steps = given.catch_up(&history.pieces(|_| false));
        assert!(
            matches!(&steps[..], [Step::Delete(gone), Step::Create(_, new)]
            if *gone == ids[1] && new.as_str() == "h_4"),
            "{steps:?}"
        );
    }

    #[test]
    fn what_was_refused_is_neither_given_again_nor_deleted() {
        let mut history = History::default();
        let id = history.add(Content::Note("odd".into()));
        let mut given = Given::default();
        given.catch_up(&history.pieces(|_| false));
        assert!(!given.is_settled());
        assert!(given.refused(&id) && given.is_settled());
        assert_eq!(given.verdict(&id), Some(false));
        assert!(given.catch_up(&history.pieces(|_| false)).is_empty());
        history.retract(&id);
        assert!(given.catch_up(&history.pieces(|_| false)).is_empty());
    }
}
