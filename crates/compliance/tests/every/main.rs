//! Every test of the crate in one program, for `cargo xtask mutants`: one link for each fault that is planted,
//! and an end at the first test that notices it. `cargo test` alone runs the same tests from their own files.

/// Runs first, by its name: from here on the first failure ends the whole program.
#[test]
fn a_failure_ends_the_run() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        std::process::exit(101);
    }));
}

#[path = "../bounds.rs"]
mod bounds;
#[path = "../calendars.rs"]
mod calendars;
#[path = "../chinese.rs"]
mod chinese;
#[path = "../content.rs"]
mod content;
#[path = "../content_words.rs"]
mod content_words;
#[path = "../duties.rs"]
mod duties;
#[path = "../edges.rs"]
mod edges;
#[path = "../law_docs.rs"]
mod law_docs;
#[path = "../no_alloc.rs"]
mod no_alloc;
#[path = "../pack_files.rs"]
mod pack_files;
#[path = "../packs.rs"]
mod packs;
#[path = "../proposals.rs"]
mod proposals;
#[path = "../rules.rs"]
mod rules;
#[path = "../rules_places.rs"]
mod rules_places;
#[path = "../rules_us.rs"]
mod rules_us;
#[path = "../semantics.rs"]
mod semantics;
#[path = "../shapes.rs"]
mod shapes;
#[path = "../unsayable.rs"]
mod unsayable;
#[path = "../vectors.rs"]
mod vectors;
/// The slow ones, last by their name.
#[path = "../overrides.rs"]
mod z_overrides;
#[path = "../properties.rs"]
mod z_properties;
