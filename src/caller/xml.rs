//! The part of XML that TwiML uses, read into a tree.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion, escape};

use super::twiml::TwimlError;

/// Elements inside elements; TwiML needs four.
const MAX_DEPTH: usize = 8;

/// One element. White space around its text is dropped.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    fn open(tag: &BytesStart<'_>) -> Result<Self, TwimlError> {
        let mut element = Self { name: tag.name().as_ref().to_owned(), ..Self::default() };
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(unreadable)?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(unreadable)?;
            element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        Ok(element)
    }
}

fn unreadable(why: impl std::fmt::Display) -> TwimlError {
    TwimlError::Unreadable(why.to_string())
}

/// Reads a document that is one element.
pub(super) fn read(text: &str) -> Result<Element, TwimlError> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(unreadable)? {
            Event::Start(tag) if open.len() > MAX_DEPTH => {
                return Err(unreadable(format!("<{}> is nested too deep", tag.name().as_ref())));
            }
            Event::Start(tag) => open.push(Element::open(&tag)?),
            Event::Empty(tag) => {
                let element = Element::open(&tag)?;
                adopt(&mut open, element);
            }
            Event::End(_) => {
                // The reader has checked that the tags match, so the outermost is never closed.
                if let Some(mut element) = open.pop() {
                    element.text = element.text.trim().to_owned();
                    adopt(&mut open, element);
                }
            }
            Event::Text(text) => write(&mut open, &text.xml10_content()),
            Event::CData(text) => write(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => write(&mut open, &resolved(&reference)?),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(unreadable("a DOCTYPE has no place in TwiML")),
            Event::Eof => break,
        }
    }
    let [mut document] =
        <[Element; 1]>::try_from(open).map_err(|_| unreadable("an element is not closed"))?;
    if !document.text.trim().is_empty() || document.children.len() != 1 {
        return Err(unreadable("the document is not one element"));
    }
    Ok(document.children.remove(0))
}

fn adopt(open: &mut [Element], element: Element) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(element);
    }
}

fn write(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, TwimlError> {
    if let Some(character) = reference.resolve_char_ref().map_err(unreadable)? {
        return Ok(character.to_string());
    }
    escape::resolve_predefined_entity(reference)
        .map(ToOwned::to_owned)
        .ok_or_else(|| unreadable(format!("&{}; is unknown", &**reference)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_comments_and_white_space_are_understood() {
        let root = read(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a --><R a='1 &amp; &quot;2&quot;'>\n <S>  caf&#233; &lt;3 <![CDATA[& ]]>tea </S> <T/></R>",
        )
        .unwrap();
        assert_eq!(root.attributes, [("a".to_owned(), "1 & \"2\"".to_owned())]);
        assert_eq!(root.children[0].text, "café <3 & tea");
        assert_eq!((root.children[1].name.as_str(), root.children.len()), ("T", 2));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(20), "</a>".repeat(20));
        for bad in [
            "",
            "hello",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>x",
            "<a x=1/>",
            "<a x='1' x='2'/>",
            "<a>&nbsp;</a>",
            "<a b='&nope;'/>",
            "<a>x & y</a>",
            "<!DOCTYPE a><a/>",
            &deep,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
