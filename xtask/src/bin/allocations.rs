//! Counts what decisions allocate, and prints it as JSON for `cargo xtask bench`.

#[path = "../bench/scene/mod.rs"]
mod scene;

use std::hint::black_box;

use recoup_compliance::NoTrace;
use scene::decision::Facts;
use scene::{Fault, gate};

fn main() -> Result<(), Fault> {
    let due = Facts::due()?;
    let facts = Facts::new(due)?;
    let early = facts.early(due)?;
    let decided = |at| count(|| drop(black_box(facts.decide(at))));
    let (now, person) = (gate::noon()?, gate::who()?);
    let past = gate::past(&person, now);
    let proposal = gate::proposal(&person, now);
    let (_, binding) = gate::fullest()?;
    let asked = || {
        drop(black_box(recoup_compliance::gate(
            &binding,
            &proposal,
            &past,
            now,
            &mut NoTrace,
        )));
    };
    // The first question makes what is made once.
    asked();
    let counted = serde_json::json!({
        "permit": decided(due),
        "sleep": decided(early),
        "gate": count(asked),
    });
    println!("{counted}");
    Ok(())
}

fn count(once: impl FnOnce()) -> u64 {
    allocation_counter::measure(once).count_total
}
