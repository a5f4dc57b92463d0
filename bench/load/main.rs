//! A load run: simulated callers on one side, a stand-in model on the other, and between them the service or, for
//! comparison, the least that can pass frames on. `make bench` runs it; `bench/README.md` tells what it measures.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> anyhow::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> anyhow::Result<()> {
    anyhow::bail!("the load run needs Linux: it stands on epoll and /proc")
}
