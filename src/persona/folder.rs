//! Reads a personas folder into memory. Everything after this is pure.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::Path;

use super::CatalogError;

/// The largest file, in bytes.
const MAX_FILE: u64 = 256 << 10;
/// The most personas, and the most declared tools.
const MAX_FILES: usize = 200;
/// The house rules, before every persona's body.
const HOUSE: &str = "_house.md";
/// The folder of the declared tools.
const TOOLS: &str = "tools";

/// The text of every file of one version of the folder.
#[derive(Debug, Clone, Default, Hash)]
pub(super) struct Folder {
    /// The folder, as it was named.
    pub(super) name: String,
    /// The house rules, when there are any.
    pub(super) house: Option<SourceFile>,
    /// One file a persona, by file name.
    pub(super) personas: Vec<SourceFile>,
    /// One file a declared tool, by file name.
    pub(super) tools: Vec<SourceFile>,
    /// What could not be read.
    pub(super) unreadable: Vec<CatalogError>,
}

/// One file.
#[derive(Debug, Clone, Hash)]
pub(super) struct SourceFile {
    /// The file, as it was found.
    pub(super) path: String,
    /// Its name without the ending.
    pub(super) stem: String,
    /// What is in it.
    pub(super) text: String,
}

impl SourceFile {
    /// A mistake in this file.
    pub(super) fn error(&self, line: usize, what: impl Into<String>) -> CatalogError {
        CatalogError { file: self.path.clone(), line, what: what.into() }
    }
}

impl Folder {
    /// Reads a folder. What cannot be read is kept as mistakes.
    pub(super) fn read(folder: &Path) -> Self {
        let mut read = Self { name: folder.display().to_string(), ..Self::default() };
        read.personas = read.files(folder, "md");
        let house = read.personas.iter().position(|file| format!("{}.md", file.stem) == HOUSE);
        read.house = house.map(|index| read.personas.remove(index));
        let tools = folder.join(TOOLS);
        if tools.exists() {
            read.tools = read.files(&tools, "toml");
        }
        read
    }

    /// Differs when the folder does.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    fn files(&mut self, folder: &Path, ending: &str) -> Vec<SourceFile> {
        let mut files = Vec::new();
        let mut names = match names(folder, ending) {
            Ok(names) => names,
            Err(error) => {
                self.unreadable(folder, format!("the folder cannot be read: {error}"));
                return files;
            }
        };
        if names.len() > MAX_FILES {
            self.unreadable(
                folder,
                format!("there are {} .{ending} files, there may be {MAX_FILES}", names.len()),
            );
            names.truncate(MAX_FILES);
        }
        for name in names {
            let path = folder.join(&name);
            match text_of(&path) {
                Ok(text) => {
                    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    files.push(SourceFile { path: path.display().to_string(), stem, text });
                }
                Err(error) => self.unreadable(&path, error),
            }
        }
        files
    }

    fn unreadable(&mut self, path: &Path, what: String) {
        self.unreadable.push(CatalogError { file: path.display().to_string(), line: 1, what });
    }
}

/// The names of the files with an ending, sorted. Hidden files are left alone: editors keep theirs there.
fn names(folder: &Path, ending: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let has_ending = path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
        if has_ending && !name.starts_with('.') && !path.is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn text_of(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("the file cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("the file is larger than {} KiB", MAX_FILE >> 10));
    }
    let text = String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
