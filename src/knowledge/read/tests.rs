use std::io::Write;

use proptest::prelude::*;

use super::*;

fn heading(level: u8, text: &str) -> Block {
    Block::Heading { level, text: text.to_owned() }
}

fn paragraph(text: &str) -> Block {
    Block::Paragraph(text.to_owned())
}

async fn read_as(format: Format, text: &str) -> Result<Vec<Block>, ReadError> {
    read(format, text.as_bytes().to_vec()).await.map(|blocks| {
        let trimmed = |block| match block {
            Block::Paragraph(text) => Block::Paragraph(text.trim().to_owned()),
            heading @ Block::Heading { .. } => heading,
        };
        blocks.into_iter().map(trimmed).collect()
    })
}

#[tokio::test]
async fn markdown_keeps_its_headings_and_loses_its_marks() {
    let text = "---\ndraft: true\n---\n# House *rules*\n\nWe are **open** until [ten](https://example.com).\n\n\
                Setext\n------\n\n- one\n- two\n  - deep\n\n| Day | Opens |\n|---|---|\n| Mon | 9 |\n\n\
                ```\ncode # no heading\n```\n\n<p>Some <b>HTML</b></p>\n\n> quoted\n\nline<br>break &amp; entity\n";
    assert_eq!(
        read_as(Format::Markdown, text).await.unwrap(),
        [
            heading(1, "House rules"),
            paragraph("We are open until ten."),
            heading(2, "Setext"),
            paragraph("- one\n- two\n- deep"),
            paragraph("Day | Opens\nMon | 9"),
            paragraph("code # no heading"),
            paragraph("Some HTML"),
            paragraph("quoted"),
            paragraph("line\nbreak & entity"),
        ]
    );
}

#[tokio::test]
async fn of_a_page_only_what_is_read_on_it_is_kept() {
    let text = "<!DOCTYPE html><html><head><title>T</title><style>p { color: red }</style></head><body>\
                <script>if (a < b) { document.write('<h1>no</h1>') }</script>\
                <h1>Our\n   <em>house</em></h1><p>Dogs&nbsp;are wel<b>come</b>.<br>Cats too.</p>\
                <ul><li>one<li>two</ul><table><tr><th>Day</th><td>9–5</td></tr></table>\
                <noscript>no</noscript><h2>End</h2>Bare text</body></html>";
    assert_eq!(
        read_as(Format::Html, text).await.unwrap(),
        [
            heading(1, "Our house"),
            paragraph("Dogs are welcome.\nCats too."),
            paragraph("- one\n- two"),
            paragraph("Day | 9–5"),
            heading(2, "End"),
            paragraph("Bare text"),
        ]
    );
}

#[tokio::test]
async fn plain_text_is_its_paragraphs() {
    let text = "\u{feff}One\r\nand the same.\r\n\r\n\r\n# Two\0\u{7}";
    assert_eq!(
        read_as(Format::Plain, text).await.unwrap(),
        [paragraph("One\nand the same."), paragraph("# Two")]
    );
}

#[tokio::test]
async fn what_holds_no_text_says_so() {
    for (format, text) in [
        (Format::Markdown, ""),
        (Format::Markdown, " \n\n---\n"),
        (Format::Plain, "\n\0\n"),
        (Format::Html, "<p> </p><script>x</script>"),
    ] {
        assert_eq!(read_as(format, text).await, Err(ReadError::Empty), "{text:?}");
    }
    assert_eq!(read(Format::Plain, vec![b'a', 0xff]).await, Err(ReadError::NotText));
}

#[test]
fn a_format_is_declared_or_named_or_looked_at() {
    for (content_type, name, bytes, format) in [
        (Some("text/markdown; charset=utf-8"), None, "x", Ok(Format::Markdown)),
        (Some("TEXT/HTML"), Some("x.md"), "x", Ok(Format::Html)),
        (Some("text/plain"), Some("menu.md"), "x", Ok(Format::Markdown)),
        (Some("text/plain"), None, "<html>", Ok(Format::Plain)),
        (Some("application/octet-stream"), Some("menu.PDF"), "x", Ok(Format::Pdf)),
        (Some("application/octet-stream"), Some("menu"), "\n%PDF-1.7", Ok(Format::Pdf)),
        (None, None, "  <!DOCTYPE HTML><p>", Ok(Format::Html)),
        (None, None, "# Menu", Ok(Format::Markdown)),
        (Some("image/png"), None, "x", Err(ReadError::Unsupported)),
        (None, Some("menu.docx"), "x", Err(ReadError::Unsupported)),
    ] {
        assert_eq!(Format::of(content_type, name, bytes.as_bytes()), format, "{content_type:?} {name:?}");
    }
    assert_eq!(Format::of(None, None, b"PK\x03\x04\xff"), Err(ReadError::Unsupported));
}

#[tokio::test]
async fn a_deep_or_endless_page_is_read_in_time() {
    let deep = "<div>".repeat(400_000) + "found" + &"</div>".repeat(400_000);
    assert_eq!(read_as(Format::Html, &deep).await.unwrap(), [paragraph("found")]);
    let lists = "- ".repeat(2_000) + "found";
    assert!(read_as(Format::Markdown, &lists).await.is_ok());
    let quotes = ">".repeat(50_000) + "found";
    assert!(read_as(Format::Markdown, &quotes).await.is_ok());
    let open = "[".repeat(50_000) + "found";
    assert!(read_as(Format::Markdown, &open).await.is_ok());
}

/// A PDF of one page for each text.
pub(in crate::knowledge) fn pdf(pages: &[&str]) -> Vec<u8> {
    let pages =
        pages.iter().map(|page| stream("", format!("BT /F1 12 Tf 72 720 Td ({page}) Tj ET").as_bytes()));
    pdf_of(&pages.collect::<Vec<_>>(), &[])
}

/// A stream, and what is said of it besides its length.
fn stream(said: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<< {said} /Length {} >>\nstream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// A PDF of one page for each stream, and other objects.
fn pdf_of(pages: &[Vec<u8>], others: &[Vec<u8>]) -> Vec<u8> {
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        Vec::new(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let mut kids = Vec::new();
    for page in pages {
        let content = objects.len() + 1;
        objects.push(page.clone());
        kids.push(format!("{} 0 R", objects.len() + 1));
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>"
        );
        objects.push(page.into_bytes());
    }
    objects[1] = format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), kids.len()).into_bytes();
    objects.extend_from_slice(others);
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend([format!("{} 0 obj\n", number + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    let (table, size) = (file.len(), objects.len() + 1);
    let mut end = format!("xref\n0 {size}\n0000000000 65535 f \n");
    places.iter().for_each(|place| end.push_str(&format!("{place:010} 00000 n \n")));
    end.push_str(&format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"));
    file.extend(end.into_bytes());
    file
}

/// As much of nothing, packed.
fn packed(first: &str, bytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(first.as_bytes()).unwrap();
    encoder.write_all(&vec![b' '; bytes]).unwrap();
    encoder.finish().unwrap()
}

/// Waits for one of the places for reading, which the tests share.
async fn read_pdf(bytes: Vec<u8>) -> Result<Vec<Block>, ReadError> {
    loop {
        match read(Format::Pdf, bytes.clone()).await {
            Err(ReadError::Busy) => tokio::task::yield_now().await,
            read => return read,
        }
    }
}

#[tokio::test]
async fn the_words_of_a_pdf_are_read_from_all_its_pages() {
    let blocks = read_pdf(pdf(&["The password is mango42.", "Parking is behind the house."])).await.unwrap();
    let text = format!("{blocks:?}");
    assert!(
        text.contains("The password is mango42.") && text.contains("Parking is behind the house."),
        "{text}"
    );
}

#[tokio::test]
async fn a_pdf_that_cannot_be_read_says_what_to_do() {
    for garbage in [Vec::new(), b"%PDF-".to_vec(), b"%PDF-1.7\ngarbage".to_vec(), b"no pdf at all".to_vec()] {
        assert_eq!(read_pdf(garbage).await, Err(ReadError::UnreadablePdf));
    }
    assert_eq!(read_pdf(pdf(&[""])).await, Err(ReadError::NoTextInPdf));
    assert_eq!(read_pdf(pdf(&["12"])).await, Err(ReadError::NoTextInPdf));
}

#[tokio::test]
async fn a_small_pdf_that_unpacks_to_much_is_refused_before_it_is() {
    let words = "BT /F1 12 Tf 72 720 Td (The password is mango42.) Tj ET";
    let plain = || vec![stream("", words.as_bytes())];
    let (much, twice) = (packed(words, 20 << 20), packed("", 1 << 10));
    let flate = "/Filter /FlateDecode";
    for (what, pages, others) in [
        ("a page", vec![stream(flate, &much)], vec![]),
        ("by another name", vec![stream("/Filter /#46lateDecode", &much)], vec![]),
        ("packed twice", vec![stream("/Filter [/FlateDecode /FlateDecode]", &twice)], vec![]),
        ("a picture that is none", vec![stream(&format!("{flate} /X /Image"), &much)], vec![]),
        ("objects", plain(), vec![stream(&format!("/Type /ObjStm /N 1 /First 4 {flate} /X /Image"), &much)]),
        (
            "hidden objects",
            plain(),
            vec![stream(&format!("/Type /ObjStm /X (\n1 0 obj <<) {flate} /Y /Image"), &much)],
        ),
        ("many", plain(), vec![stream(flate, &packed("", 7 << 20)); 20]),
    ] {
        assert_eq!(read_pdf(pdf_of(&pages, &others)).await, Err(ReadError::UnreadablePdf), "{what}");
    }
    let protected = stream("/Encrypt 9 0 R", words.as_bytes());
    assert_eq!(read_pdf(pdf_of(&[protected], &[])).await, Err(ReadError::ProtectedPdf));
}

#[tokio::test]
async fn what_is_packed_is_read_and_a_large_picture_is_passed_over() {
    let page =
        stream("/Filter /FlateDecode", &packed("BT /F1 12 Tf (The password is mango42.) Tj ET", 1 << 10));
    let picture = stream("/Type /XObject /Subtype /Image /Filter /FlateDecode", &packed("", 20 << 20));
    let blocks = read_pdf(pdf_of(&[page], &[picture])).await.unwrap();
    assert!(format!("{blocks:?}").contains("The password is mango42."), "{blocks:?}");
}

#[test]
fn a_pdf_with_mistakes_is_an_error_and_no_crash() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let good = pdf(&["The password is mango42.", "Parking is behind the house."]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let mistakes = (0..good.len(), any::<u8>(), 0usize..40, any::<bool>());
    runner
        .run(&mistakes, |(at, byte, length, cut)| {
            let mut file = good.clone();
            file[at] = byte;
            if cut {
                file.drain(at..(at + length).min(good.len()));
            }
            drop(runtime.block_on(read_pdf(file)));
            Ok(())
        })
        .unwrap();
}
