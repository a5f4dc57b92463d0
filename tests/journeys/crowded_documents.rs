//! Many documents at once: each takes up to 10 MiB of memory while it comes, so only some may.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::{Service, soon};

/// So many come at once.
const PLACES: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn one_document_too_many_is_told_to_come_back() {
    let service = Service::start().await;
    let client = &service.client;
    let address = service.client.base.trim_start_matches("http://").parse().unwrap();
    let mut coming = Vec::new();
    for _ in 0..PLACES {
        coming.push(begin(address).await);
    }
    let document = || json!({"title": "House", "content": "Dogs are welcome."});
    let (status, refused) = client.post("/api/rag", document()).await;
    assert_eq!((status, &refused["code"]), (503, &json!("at_capacity")), "{refused}");
    assert_eq!(client.get("/api/rag").await.0, 200, "only those who bring documents wait");

    drop(coming);
    soon(async { while client.post("/api/rag", document()).await.0 != 201 {} }).await;
    service.stop().await;
}

/// Begins to send a document: its head was taken, and its body is waited for.
async fn begin(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /api/rag HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10000000\r\n\
                expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "{}", String::from_utf8_lossy(&answer));
    stream
}
