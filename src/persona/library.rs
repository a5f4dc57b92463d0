//! The library: the catalog in force, replaced as a whole when its files change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use notify_debouncer_full::notify::event::{AccessKind, AccessMode};
use notify_debouncer_full::notify::{EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::{mpsc, watch};

use super::folder::Folder;
use super::{Catalog, CatalogError, CatalogErrors};
use crate::id::PersonaKey;
use crate::store::Store;

/// How long the folder must be quiet before it is read again: an editor's save is several changes.
const QUIET: Duration = Duration::from_millis(200);

/// When the store is out of reach, a changed folder is judged after this.
const AGAIN: Duration = Duration::from_secs(2);

/// Holds the catalog in force. Cheap to clone; the folder is watched as long as one clone lives.
#[derive(Debug, Clone)]
pub struct Library {
    shelf: Arc<Shelf>,
    _watcher: Option<Arc<Debouncer<RecommendedWatcher, RecommendedCache>>>,
}

/// What the readers and the watcher share.
#[derive(Debug)]
struct Shelf {
    current: watch::Sender<Arc<Catalog>>,
    reloads: AtomicU64,
}

impl Library {
    /// A library that does not watch any folder.
    pub fn fixed(catalog: Catalog) -> Self {
        Self { shelf: Arc::new(Shelf::holding(catalog)), _watcher: None }
    }

    /// A library that reads the folder again when something in it changes. The new version is checked first, also
    /// against the store: one with mistakes is logged, and the old stays in force.
    ///
    /// # Errors
    /// When the system cannot watch the folder.
    pub async fn watch(
        folder: &Path,
        catalog: Catalog,
        store: Store,
        default_persona: PersonaKey,
    ) -> io::Result<Self> {
        let shelf = Arc::new(Shelf::holding(catalog));
        let mut reader = Reader::new(folder.to_owned(), Arc::clone(&shelf), store, default_persona);
        // The watcher's thread is none of the runtime's: it only says that something changed.
        let (change, mut changes) = mpsc::channel(1);
        let mut watcher =
            new_debouncer(QUIET, None, move |events| on_events(events, &change)).map_err(io::Error::other)?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(io::Error::other)?;
        // what changed between the load and the watch is seen by nobody else
        let mut judged = reader.read_again().await;
        tokio::spawn(async move {
            while !judged || changes.recv().await.is_some() {
                judged = reader.read_again().await;
                if !judged {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        });
        Ok(Self { shelf, _watcher: Some(Arc::new(watcher)) })
    }

    /// The catalog in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.shelf.current.borrow())
    }

    /// Changes when another catalog is in force.
    pub fn changes(&self) -> watch::Receiver<Arc<Catalog>> {
        self.shelf.current.subscribe()
    }

    /// How often another catalog came into force.
    pub fn reloads(&self) -> u64 {
        self.shelf.reloads.load(Ordering::Relaxed)
    }
}

impl Shelf {
    fn holding(catalog: Catalog) -> Self {
        Self { current: watch::Sender::new(Arc::new(catalog)), reloads: AtomicU64::new(0) }
    }

    fn put(&self, catalog: Catalog) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
        self.current.send_replace(Arc::new(catalog));
    }
}

/// What happened in the folder. A change that is still to be looked at stands for this one, too.
fn on_events(events: DebounceEventResult, change: &mpsc::Sender<()>) {
    match events {
        Ok(events) if !events.iter().any(|event| may_change(&event.kind)) => return,
        Ok(_) => {}
        Err(errors) => {
            for error in errors {
                tracing::error!(%error, "the personas folder cannot be watched");
            }
        }
    }
    let _ = change.try_send(());
}

/// Reads the folder again.
struct Reader {
    folder: PathBuf,
    shelf: Arc<Shelf>,
    store: Store,
    /// New calls begin with it: a version without it is refused.
    default_persona: PersonaKey,
    /// The version last read, good or bad: each is judged, and logged, once.
    seen: u64,
}

impl Reader {
    fn new(folder: PathBuf, shelf: Arc<Shelf>, store: Store, default_persona: PersonaKey) -> Self {
        let seen = shelf.current.borrow().fingerprint();
        Self { folder, shelf, store, default_persona, seen }
    }

    /// Reads the folder, and puts it in force if it is another version without mistakes. Answers whether that
    /// could be judged: a store out of reach says nothing about the files.
    async fn read_again(&mut self) -> bool {
        let folder = Folder::read(&self.folder);
        let version = folder.fingerprint();
        if version == self.seen {
            return true;
        }
        if let Err(error) = self.store.ping().await {
            tracing::error!(error = %error, "changed personas wait until the store can be reached");
            return false;
        }
        self.seen = version;
        let read = match Catalog::build(&folder) {
            Ok(catalog) if catalog.persona(&self.default_persona).is_none() => {
                let file = format!("{}.md", self.default_persona);
                let what =
                    "the default persona is gone: bring it back, or restart with another DEFAULT_PERSONA";
                Err(CatalogErrors(vec![CatalogError { file, line: 1, what: what.to_owned() }]))
            }
            Ok(catalog) => catalog.check_tables(&self.store).await.map(|()| catalog),
            Err(errors) => Err(errors),
        };
        match read {
            Ok(catalog) => {
                let personas = catalog.keys().len();
                tracing::info!(personas, "personas reloaded");
                metrics::counter!("ai_realtime_persona_reloads_total", "result" => "ok").increment(1);
                self.shelf.put(catalog);
            }
            Err(errors) => {
                for error in &errors.0 {
                    // `file` and `line` would be taken for those of this source.
                    let at = format!("{}:{}", error.file, error.line);
                    tracing::error!(at, what = error.what, "persona file refused");
                }
                tracing::error!(
                    mistakes = errors.0.len(),
                    "personas not reloaded: the old ones stay in force"
                );
                metrics::counter!("ai_realtime_persona_reloads_total", "result" => "refused").increment(1);
            }
        }
        true
    }
}

/// Reading a file is an event too, and ours must not make us read again.
fn may_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;
    use crate::store::Embedded;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn persona(greeting: &str) -> String {
        format!("+++\nname = \"Test\"\ngreeting = \"{greeting}\"\n+++\nBe brief.\n")
    }

    async fn watched() -> (tempfile::TempDir, Library, Store) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("waiter.md"), persona("one")).unwrap();
        let store = Store::Embedded(Embedded::open(&folder.path().join(".data")).await.unwrap());
        let catalog = Catalog::load(folder.path()).unwrap();
        let library = Library::watch(folder.path(), catalog, store.clone(), "waiter".into()).await.unwrap();
        (folder, library, store)
    }

    async fn next(changes: &mut watch::Receiver<Arc<Catalog>>) -> Arc<Catalog> {
        timeout(DEADLINE, changes.changed()).await.expect("a change is seen in time").unwrap();
        Arc::clone(&changes.borrow_and_update())
    }

    fn greeting(catalog: &Catalog, key: &str) -> Option<String> {
        catalog.persona(&PersonaKey::from(key))?.greeting.clone()
    }

    #[tokio::test]
    async fn a_persona_added_as_a_file_is_there_without_a_restart() {
        let (folder, library, _store) = watched().await;
        let mut changes = library.changes();
        fs::write(folder.path().join("barista.md"), persona("hello")).unwrap();
        assert_eq!(greeting(&*next(&mut changes).await, "barista").as_deref(), Some("hello"));
        assert_eq!(library.reloads(), 1);
    }

    #[tokio::test]
    async fn a_file_saved_by_renaming_counts_as_changed() {
        let (folder, library, _store) = watched().await;
        let mut changes = library.changes();
        fs::write(folder.path().join(".waiter.md.swp"), persona("two")).unwrap();
        fs::rename(folder.path().join(".waiter.md.swp"), folder.path().join("waiter.md")).unwrap();
        assert_eq!(greeting(&*next(&mut changes).await, "waiter").as_deref(), Some("two"));
    }

    #[tokio::test]
    async fn a_bad_file_keeps_the_old_version_until_it_is_mended() {
        let (folder, library, store) = watched().await;
        let mut changes = library.changes();
        let file = folder.path().join("waiter.md");
        let mut reader =
            Reader::new(folder.path().to_owned(), Arc::clone(&library.shelf), store, "waiter".into());
        fs::write(&file, "+++\nname = 5\n+++\n").unwrap();
        reader.read_again().await;
        assert!(!changes.has_changed().unwrap());
        assert_eq!(greeting(&library.catalog(), "waiter").as_deref(), Some("one"));
        fs::write(&file, persona("three")).unwrap();
        assert_eq!(greeting(&*next(&mut changes).await, "waiter").as_deref(), Some("three"));
    }

    #[tokio::test]
    async fn a_tool_whose_table_is_not_there_keeps_the_old_version() {
        let (folder, library, store) = watched().await;
        let mut reader =
            Reader::new(folder.path().to_owned(), Arc::clone(&library.shelf), store, "waiter".into());
        fs::create_dir(folder.path().join("tools")).unwrap();
        let tool = "name = \"find\"\ndescription = \"Finds.\"\neffect = \"read\"\n[table]\nfrom = \"no_such_table\"\n\
                    select = [\"id\"]\nlimit = 1\nas = \"found\"\n";
        fs::write(folder.path().join("tools/find.toml"), tool).unwrap();
        assert!(Catalog::load(folder.path()).is_ok(), "nothing else is wrong with it");
        reader.read_again().await;
        assert_eq!(library.reloads(), 0);
    }

    #[tokio::test]
    async fn the_default_persona_cannot_be_taken_away() {
        let (folder, library, store) = watched().await;
        let mut reader =
            Reader::new(folder.path().to_owned(), Arc::clone(&library.shelf), store, "waiter".into());
        fs::rename(folder.path().join("waiter.md"), folder.path().join("host.md")).unwrap();
        reader.read_again().await;
        assert!(greeting(&library.catalog(), "waiter").is_some() && library.reloads() == 0);
    }

    #[test]
    fn our_own_reading_changes_nothing() {
        assert!(!may_change(&EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(may_change(&EventKind::Access(AccessKind::Close(AccessMode::Write))));
    }
}
