//! The settings of the documents: what makes their embeddings.

use url::Url;

use super::source::Source;
use super::{is_loopback_url, is_plain};

const DEFAULT_MODEL: &str = "text-embedding-3-small";
const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
const OPENAI_HOST: &str = "api.openai.com";
const MODEL_ALLOWED: &str = "use the name of a model whose embeddings can have 1536 numbers: 1 to 128 characters of A-Z, \
                             a-z, 0-9, '.', '_', ':', '/' and '-'";
const BASE_URL_ALLOWED: &str = "use an https:// or http:// URL without user name, password, query or fragment, such as \
                                https://api.openai.com/v1";

/// The settings of the documents that are in force. A field is named as its variable, in lower case.
#[derive(Debug, Clone)]
pub struct KnowledgeSettings {
    /// `EMBEDDING_MODEL`: what makes embeddings, where there is an `OPENAI_API_KEY`. Default
    /// `text-embedding-3-small`.
    pub embedding_model: String,
    /// `EMBEDDING_BASE_URL`: the API that has the model, up to `/embeddings`. Default OpenAI's; none where the key is
    /// another provider's, which OpenAI must not be shown.
    pub embedding_base_url: Option<Url>,
}

impl KnowledgeSettings {
    pub(super) fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        Self {
            embedding_model: source.read(
                "EMBEDDING_MODEL",
                DEFAULT_MODEL.to_owned(),
                MODEL_ALLOWED,
                |text| is_plain(text, b"._:/-").then(|| text.to_owned()),
            ),
            embedding_base_url: source
                .read("EMBEDDING_BASE_URL", None, BASE_URL_ALLOWED, |text| read_url(text).map(Some)),
        }
    }

    /// Chooses OpenAI's API when none is named and the model is OpenAI's, too.
    pub(super) fn choose(&mut self, realtime: &Url) {
        if self.embedding_base_url.is_none() && realtime.host_str() == Some(OPENAI_HOST) {
            self.embedding_base_url = Url::parse(DEFAULT_BASE_URL).ok();
        }
    }

    pub(super) fn find_warnings(&self, has_key: bool, warnings: &mut Vec<String>) {
        match &self.embedding_base_url {
            Some(url) if has_key && url.scheme() == "http" && !is_loopback_url(url) => warnings.push(
                "EMBEDDING_BASE_URL is an http:// URL: the key and every document travel unencrypted"
                    .to_owned(),
            ),
            Some(_) | None => {}
        }
    }
}

fn read_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain).then_some(url)
}
