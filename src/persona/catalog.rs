//! The catalog: every persona and tool of one version of the personas folder, cross-checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::folder::{Folder, SourceFile};
use super::frontmatter::split;
use super::head::{Head, is_persona_key};
use super::phone_tool::PHONE_TOOLS;
use super::template::Prompt;
use super::{HandoffRule, Persona};
use crate::id::PersonaKey;
use crate::store::Store;
use crate::tool::table::TableTool;
use crate::tool::{Toolbox, ToolboxError};

/// The most tools a persona may have, handoffs among them: more and the model chooses badly.
const MOST_TOOLS: usize = 64;

/// All personas and tools of one version of the folder.
#[derive(Debug)]
pub struct Catalog {
    personas: BTreeMap<PersonaKey, Arc<Persona>>,
    toolbox: Arc<Toolbox>,
    /// Where each declared tool names its table, for what only the store can tell.
    table_places: BTreeMap<String, (String, usize)>,
    fingerprint: u64,
}

/// One mistake in the personas folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct CatalogError {
    /// The file, as it was found.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// Every mistake found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct CatalogErrors(pub Vec<CatalogError>);

impl Catalog {
    /// Reads and cross-checks a personas folder; its personas may use its declared tools and those written in
    /// Rust.
    ///
    /// # Errors
    /// Every mistake found, with file and line.
    pub fn load(folder: &Path) -> Result<Self, CatalogErrors> {
        Self::build(&Folder::read(folder))
    }

    pub(super) fn build(folder: &Folder) -> Result<Self, CatalogErrors> {
        let mut errors = folder.unreadable.clone();
        let tools = read_tools(folder, &mut errors);
        let house = folder.house.as_ref().and_then(|file| read_house(file, &mut errors));
        if folder.personas.is_empty() && errors.is_empty() {
            let what = "there is no persona: add a Markdown file such as waiter.md".to_owned();
            errors.push(CatalogError { file: folder.name.clone(), line: 1, what });
        }
        let reader = PersonaReader {
            house,
            keys: folder.personas.iter().map(|file| file.stem.as_str()).collect(),
            tools: &tools.known,
        };
        let mut personas = BTreeMap::new();
        for file in &folder.personas {
            let Some(persona) = reader.read(file, &mut errors) else {
                continue;
            };
            if personas.insert(persona.key.clone(), Arc::new(persona)).is_some() {
                errors.push(file.error(
                    1,
                    "another file has this key already: a key is the file's name without its ending",
                ));
            }
        }
        if !errors.is_empty() {
            errors.sort();
            errors.dedup();
            return Err(CatalogErrors(errors));
        }
        Ok(Self {
            personas,
            toolbox: Arc::new(tools.toolbox),
            table_places: tools.table_places,
            fingerprint: folder.fingerprint(),
        })
    }

    /// Answers whether every declared tool's table and columns are in the store.
    ///
    /// # Errors
    /// Every tool that asks for what is not there, with file and line.
    pub async fn check_tables(&self, store: &Store) -> Result<(), CatalogErrors> {
        let missing = self.toolbox.check_tables(store).await;
        let errors: Vec<_> = missing
            .into_iter()
            .map(|(tool, what)| {
                let (file, line) = self.table_places.get(&tool).cloned().unwrap_or((tool, 1));
                CatalogError { file, line, what }
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(CatalogErrors(errors)) }
    }

    /// A persona by its key.
    pub fn persona(&self, key: &PersonaKey) -> Option<&Arc<Persona>> {
        self.personas.get(key)
    }

    /// All personas, by key.
    pub fn personas(&self) -> impl Iterator<Item = &Arc<Persona>> {
        self.personas.values()
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<PersonaKey> {
        self.personas.keys().cloned().collect()
    }

    /// The tools.
    pub fn toolbox(&self) -> &Arc<Toolbox> {
        &self.toolbox
    }

    /// Differs from another catalog's when their files do.
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

struct Tools {
    toolbox: Toolbox,
    /// The names a persona may use. A tool whose own file is wrong is among them, by the file's name, so that one
    /// mistake is not told twice.
    known: BTreeSet<String>,
    table_places: BTreeMap<String, (String, usize)>,
}

fn read_tools(folder: &Folder, errors: &mut Vec<CatalogError>) -> Tools {
    let mut tools =
        Tools { toolbox: Toolbox::default(), known: BTreeSet::new(), table_places: BTreeMap::new() };
    match Toolbox::builtin() {
        Ok(toolbox) => tools.toolbox = toolbox,
        Err(error) => {
            errors.push(CatalogError { file: folder.name.clone(), line: 1, what: error.to_string() });
        }
    }
    for file in &folder.tools {
        if let Err(found) = add_tool(file, &mut tools) {
            tools.known.insert(file.stem.clone());
            errors.extend(found);
        }
    }
    tools.known.extend(tools.toolbox.names().into_iter().chain(PHONE_TOOLS).map(str::to_owned));
    tools
}

fn add_tool(file: &SourceFile, tools: &mut Tools) -> Result<(), Vec<CatalogError>> {
    let tool = TableTool::parse(&file.text).map_err(|mistakes| {
        mistakes.into_iter().map(|it| file.error(it.line, it.what)).collect::<Vec<_>>()
    })?;
    let (name, name_line, table_line) = (tool.name.clone(), tool.name_line, tool.table_line);
    tools
        .toolbox
        .add_table(tool)
        .map_err(|error: ToolboxError| vec![file.error(name_line, error.to_string())])?;
    tools.table_places.insert(name, (file.path.clone(), table_line));
    Ok(())
}

/// The house rules, when they stand on their own.
fn read_house<'f>(file: &'f SourceFile, errors: &mut Vec<CatalogError>) -> Option<&'f SourceFile> {
    let before = errors.len();
    refuse_secrets(file, errors);
    if let Err(mistakes) = Prompt::checked(&file.text) {
        errors.extend(mistakes.into_iter().map(|it| file.error(it.line, it.what)));
    }
    (errors.len() == before).then_some(file)
}

/// `${NAME}` is how a secret would be written, and a prompt is no place for one.
fn refuse_secrets(file: &SourceFile, errors: &mut Vec<CatalogError>) {
    for (index, _) in file.text.lines().enumerate().filter(|(_, line)| line.contains("${")) {
        let what = "`${` is refused: the environment, and the secrets in it, do not belong in prompts";
        errors.push(file.error(index + 1, what));
    }
}

/// What a persona's file is checked against.
struct PersonaReader<'f> {
    house: Option<&'f SourceFile>,
    keys: BTreeSet<&'f str>,
    tools: &'f BTreeSet<String>,
}

impl PersonaReader<'_> {
    /// Reads one persona; what is wrong with it joins the errors.
    fn read(&self, file: &SourceFile, errors: &mut Vec<CatalogError>) -> Option<Persona> {
        if file.stem.starts_with('_') {
            errors.push(
                file.error(1, "a name that begins with '_' is for house rules, and only _house.md is known"),
            );
        } else if !is_persona_key(&file.stem) {
            let what = format!(
                "`{}` is no persona key: name the file with 1 to 40 of a-z, 0-9, '_' and '-'",
                file.stem
            );
            errors.push(file.error(1, what));
        }
        refuse_secrets(file, errors);
        let parts = match split(&file.text) {
            Ok(parts) => parts,
            Err(mistake) => {
                errors.push(file.error(mistake.line, mistake.what));
                return None;
            }
        };
        let prompt = self.compile(file, parts.body, parts.body_line, errors);
        match Head::parse(parts.head, parts.head_line) {
            Ok(head) => {
                self.cross_check(file, &head, errors);
                Some(assemble(&file.stem, head, prompt?))
            }
            Err(mistakes) => {
                errors.extend(mistakes.into_iter().map(|it| file.error(it.line, it.what)));
                None
            }
        }
    }

    /// Compiles the house rules and the body as one template.
    fn compile(
        &self,
        file: &SourceFile,
        body: &str,
        body_line: usize,
        errors: &mut Vec<CatalogError>,
    ) -> Option<Prompt> {
        if body.trim().is_empty() {
            errors.push(file.error(body_line, "the body is empty: it is the persona's prompt"));
            return None;
        }
        let house = self.house.map(|house| format!("{}\n\n", house.text.trim_end())).unwrap_or_default();
        let house_lines = house.matches('\n').count();
        match Prompt::checked(&format!("{house}{body}")) {
            Ok(prompt) => Some(prompt),
            Err(mistakes) => {
                errors.extend(mistakes.into_iter().map(|it| {
                    match (it.line.checked_sub(house_lines), self.house) {
                        (Some(0) | None, Some(house)) => house.error(it.line, it.what),
                        (in_body, _) => {
                            file.error(body_line + in_body.unwrap_or(1).saturating_sub(1), it.what)
                        }
                    }
                }));
                None
            }
        }
    }

    fn cross_check(&self, file: &SourceFile, head: &Head, errors: &mut Vec<CatalogError>) {
        for (line, tool) in head.tools.iter().filter(|(_, tool)| !self.tools.contains(tool)) {
            let known: Vec<_> = self.tools.iter().map(String::as_str).collect();
            errors.push(
                file.error(*line, format!("unknown tool `{tool}`, known tools are {}", known.join(", "))),
            );
        }
        let mut seen = BTreeSet::new();
        for (line, rule) in &head.handoffs {
            let to = rule.to.as_str();
            if to == file.stem {
                errors.push(file.error(*line, "a persona cannot hand over to itself"));
            } else if !self.keys.contains(to) {
                let known: Vec<_> = self.keys.iter().copied().filter(|key| *key != file.stem).collect();
                let known = if known.is_empty() {
                    "there is no other persona".to_owned()
                } else {
                    format!("known are {}", known.join(", "))
                };
                errors.push(file.error(*line, format!("handoff to unknown persona `{to}`, {known}")));
            }
            if !seen.insert(to) {
                errors.push(
                    file.error(
                        *line,
                        format!("a second handoff to `{to}`: put both reasons into one `when`"),
                    ),
                );
            }
        }
        let tools = head.tools.len() + head.handoffs.len();
        if tools > MOST_TOOLS {
            let what = format!(
                "{tools} tools and handoffs are too many for a model to choose from, at most {MOST_TOOLS}"
            );
            errors.push(file.error(1, what));
        }
    }
}

fn assemble(key: &str, head: Head, prompt: Prompt) -> Persona {
    let rules: Vec<HandoffRule> = head.handoffs.into_iter().map(|(_, rule)| rule).collect();
    Persona {
        key: PersonaKey::from(key),
        name: head.name,
        voice: head.voice,
        languages: head.languages,
        greeting: head.greeting,
        return_greeting: head.return_greeting,
        voicemail: head.voicemail,
        phone: head.phone,
        tools: head.tools.into_iter().map(|(_, tool)| tool).collect(),
        handoffs: rules,
        prompt: Arc::new(prompt),
    }
}

#[cfg(test)]
mod tests;
