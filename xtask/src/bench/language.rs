//! G11: conditions by our own evaluator and by crate `cel`. A program of its own asks both: nothing that is built
//! for use knows `cel`.

use serde::Deserialize;

use super::measure::median;
use super::program::{Program, said_by};
use super::report::{Better, Figure, Line};
use super::{Failure, Ground};

/// Microseconds a question, a round each.
#[derive(Deserialize)]
struct Said {
    ours_us: Vec<f64>,
    cel_us: Vec<f64>,
}

/// G11: the stage of a case.
pub(super) fn conditions(ground: &Ground) -> Result<Line, Failure> {
    let questions = ground.size(20_000, 20).to_string();
    let rounds = ground.rounds.to_string();
    let said = said_by(Program::Example("beside_cel"), &[questions, rounds])?;
    let said: Said = serde_json::from_slice(&said).map_err(Failure::other)?;
    let rounds = said.ours_us.iter().zip(&said.cel_us);
    let times = median(rounds.map(|(ours, cel)| cel / ours).collect());
    let figure = |name: &str, us: Vec<f64>| Figure {
        name: name.to_owned(),
        value: median(us),
        unit: "us",
        cpu_us: None,
    };
    Ok(Line {
        goal: "G11",
        what: "which of 20 stages a case stands in, seven terms a condition, all of them asked; everything prepared"
            .to_owned(),
        ours: figure("conditions compiled, facts in slots", said.ours_us),
        raw: figure("crate cel, expressions parsed, context filled", said.cel_us),
        result: times,
        result_unit: "times faster",
        aim: 20.0,
        stretch: Some(50.0),
        better: Better::Higher,
        suspect: None,
        price: None,
        notes: Vec::new(),
    })
}
