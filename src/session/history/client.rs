//! Things that have a name outside: a client's own, which stays good whatever the model's side calls them.

use super::{Content, History};
use crate::id::ItemId;

impl History {
    /// Adds something under a name of ours, for the model, and one that it is known by outside.
    pub fn add_as(&mut self, outside: ItemId, content: Content) -> ItemId {
        let item_id = self.add(content);
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.item_id == item_id) {
            entry.first_id = outside;
        }
        item_id
    }

    /// What something is known by outside, if that is another name.
    pub fn outside_name(&self, item_id: &ItemId) -> Option<&ItemId> {
        let entry = self.entries.iter().find(|entry| entry.item_id == *item_id)?;
        Some(&entry.first_id).filter(|name| **name != entry.piece().name(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_name_stays_good_on_every_socket() {
        let mut history = History::default();
        let ours = history.add_as("msg_1".into(), Content::Caller("two beers".into()));
        assert_eq!((ours.as_str(), history.outside_name(&ours)), ("h_1", Some(&"msg_1".into())));
        history.rename(|_| None);
        assert_eq!(history.present_id(&"msg_1".into()), Some(ours));
        history.reword(&"msg_1".into(), "three beers");
        assert_eq!(history.words(&"msg_1".into()), Some("three beers"));
        history.retract(&"msg_1".into());
        assert!(history.is_empty());
    }
}
