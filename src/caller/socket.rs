//! Opening the WebSocket of a stream.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::webhook::{Webhooks, tls};

/// Twilio's own limit is not documented; a service that takes longer has failed the caller.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
const MAX_MESSAGE: usize = 16 << 20;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a stream at the URL of the TwiML; what Twilio's debugger would say when it cannot be had.
pub(super) async fn open(webhooks: &Webhooks, url: &str, is_signed: bool) -> Result<Socket, String> {
    match tokio::time::timeout(OPEN_LIMIT, upgrade(webhooks, url, is_signed)).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(error)) => Err(refusal(&error)),
        Err(_) => Err("31901: the stream was not open within 10 s".to_owned()),
    }
}

async fn upgrade(webhooks: &Webhooks, url: &str, is_signed: bool) -> Result<Socket, tungstenite::Error> {
    let mut request = webhooks.reach(url).into_client_request()?;
    if let Some(signature) = webhooks.signature(url, &[]).filter(|_| is_signed) {
        let value = HeaderValue::from_str(&signature).map_err(tungstenite::http::Error::from)?;
        request.headers_mut().insert("x-twilio-signature", value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(8 << 10)
        .write_buffer_size(0);
    let connector = Connector::Rustls(tls());
    Ok(connect_async_tls_with_config(request, Some(config), true, Some(connector)).await?.0)
}

fn refusal(error: &tungstenite::Error) -> String {
    if let tungstenite::Error::Http(response) = error {
        let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let body: String = body.chars().take(300).collect();
        return format!("31920: the upgrade was answered {} {body}", response.status().as_u16());
    }
    format!("31920: {error}")
}
