//! Starts a sandbox on real time with its log at the path given, prints its endpoints as JSON and
//! runs until its input ends.

use std::io::Read;

use recoup_sandbox::{Options, start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = std::env::args()
        .nth(1)
        .ok_or("give the path of a new log")?;
    let running = start(Options::new(log)).await?;
    println!("{}", serde_json::to_string(running.endpoints())?);
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    running.shutdown().await;
    Ok(())
}
