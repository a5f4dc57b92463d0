//! A gate before the model: it counts who knocks, and can be shut.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ai_realtime::rehearsal::Rehearsal;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::house::soon;

/// A gate on a port of its own.
pub struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    cuts: watch::Sender<u64>,
}

struct Shared {
    /// The status every upgrade is refused with; 0 lets all in.
    refuses: AtomicU16,
    knocks: watch::Sender<()>,
    knocked_at: Mutex<Vec<Instant>>,
}

impl Gate {
    /// A gate that is open.
    pub async fn before(model: &Rehearsal) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (knocks, knocked_at) = (watch::Sender::new(()), Mutex::default());
        let shared = Arc::new(Shared { refuses: AtomicU16::new(0), knocks, knocked_at });
        let cuts = watch::Sender::new(0);
        let (behind, at_the_gate, cut) = (model.addr(), Arc::clone(&shared), cuts.subscribe());
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&at_the_gate).serve(caller, behind, cut.clone()));
            }
        });
        Self { address, shared, cuts }
    }

    /// The endpoint to give to a client.
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// Cuts every socket, and refuses whoever comes with this status.
    pub fn shut(&self, status: u16) {
        self.shared.refuses.store(status, Ordering::SeqCst);
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Lets everybody in again.
    pub fn open(&self) {
        self.shared.refuses.store(0, Ordering::SeqCst);
    }

    /// When somebody knocked, in order.
    pub fn knocks(&self) -> Vec<Instant> {
        self.shared.knocked_at.lock().unwrap().clone()
    }

    /// Waits until so many have knocked in all.
    pub async fn until_knocked(&self, times: usize) {
        let mut knocks = self.shared.knocks.subscribe();
        soon(async {
            while self.knocks().len() < times {
                knocks.changed().await.unwrap();
            }
        })
        .await;
    }
}

impl Shared {
    async fn serve(
        self: Arc<Self>,
        mut caller: TcpStream,
        behind: SocketAddr,
        mut cut: watch::Receiver<u64>,
    ) {
        cut.mark_unchanged();
        self.knocked_at.lock().unwrap().push(Instant::now());
        self.knocks.send_replace(());
        let status = self.refuses.load(Ordering::SeqCst);
        if status != 0 {
            let mut head = [0; 4096];
            // Whoever leaves before the answer does not want it.
            let _ = caller.read(&mut head).await;
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = caller.write_all(answer.as_bytes()).await;
            return;
        }
        let mut model = TcpStream::connect(behind).await.unwrap();
        caller.set_nodelay(true).unwrap();
        model.set_nodelay(true).unwrap();
        tokio::select! {
            _ = cut.changed() => {}
            _ = copy_bidirectional(&mut caller, &mut model) => {}
        }
    }
}

/// The most of these moments that lie within one second.
pub fn most_in_a_second(moments: &[Instant]) -> usize {
    let within = |(place, from): (usize, &Instant)| {
        moments[place..].iter().take_while(|at| **at < *from + Duration::from_secs(1)).count()
    };
    moments.iter().enumerate().map(within).max().unwrap_or(0)
}
