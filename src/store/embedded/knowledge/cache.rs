//! Embeddings of texts that came before, by the hash of the text.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::pool::failed;
use crate::store::StoreError;
use crate::store::knowledge::rank::{from_bytes, to_bytes};
use crate::store::knowledge::{CACHED_EMBEDDINGS, Embedding, TextHash};

pub(super) fn read(
    connection: &Connection,
    model: &str,
    texts: &[TextHash],
) -> Result<Vec<Option<Embedding>>, StoreError> {
    let sql = "SELECT embedding FROM embedding_cache WHERE model = ? AND hash = ?";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut find = |text: &TextHash| {
        let stored: Option<Vec<u8>> =
            statement.query_row(params![model, text], |row| row.get(0)).optional()?;
        Ok(stored.as_deref().map(from_bytes))
    };
    texts.iter().map(&mut find).collect::<rusqlite::Result<_>>().map_err(failed)
}

pub(super) fn write(
    connection: &mut Connection,
    model: &str,
    embeddings: &[(TextHash, Embedding)],
) -> Result<(), StoreError> {
    write_within(connection, model, embeddings, CACHED_EMBEDDINGS)
}

fn write_within(
    connection: &mut Connection,
    model: &str,
    embeddings: &[(TextHash, Embedding)],
    most: u32,
) -> Result<(), StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    {
        let sql = "INSERT OR REPLACE INTO embedding_cache (model, hash, embedding) VALUES (?, ?, ?)";
        let mut insert = transaction.prepare_cached(sql).map_err(failed)?;
        for (text, embedding) in embeddings {
            insert.execute(params![model, text, to_bytes(embedding)]).map_err(failed)?;
        }
    }
    // Entries are numbered as they come, so those below are the oldest.
    let sql = "DELETE FROM embedding_cache WHERE entry <= \
               (SELECT entry FROM embedding_cache ORDER BY entry DESC LIMIT 1 OFFSET ?)";
    transaction.execute(sql, [most]).map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::schema;

    #[test]
    fn what_came_last_is_kept_and_what_came_first_leaves() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        let entry = |number: u8| ([number; 32], vec![f32::from(number); 3]);
        write_within(&mut connection, "m", &[entry(1), entry(2), entry(3)], 3).unwrap();
        write_within(&mut connection, "m", &[entry(1), entry(4)], 3).unwrap();
        let kept = read(&connection, "m", &[[1; 32], [2; 32], [3; 32], [4; 32]]).unwrap();
        assert_eq!(kept, [Some(vec![1.0; 3]), None, Some(vec![3.0; 3]), Some(vec![4.0; 3])]);
        assert_eq!(read(&connection, "another", &[[1; 32]]).unwrap(), [None]);
    }
}
