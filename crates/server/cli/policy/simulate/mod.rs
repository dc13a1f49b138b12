//! `recoup policy simulate`: what a policy would do, over a file or the live portfolio. Nothing is sent or written but
//! the report. Described in `docs/simulate.md`.

mod live;
mod portfolio;
mod show;

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;
use recoup_compliance::Packs;
use recoup_policy::{Names, Policy};
use recoup_simulate::{
    Behaviour, DAYS_MAX, DEFAULT_BEHAVIOUR, Difference, Setting, Totals, Trail, simulate, summarize,
};

use super::super::client::ClientArgs;
use super::super::output::say;
use super::super::{EXIT_BAD_INPUT, EXIT_REFUSED, Failure, Outcome};
use super::read;

/// The most threads; more help nobody.
const THREADS_MAX: usize = 256;

/// `recoup policy simulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    #[command(flatten)]
    client: ClientArgs,
    /// The policy's file; of the live portfolio also a version that the server has, as NAME@VERSION or `policy_…`.
    #[arg(value_name = "POLICY")]
    file: PathBuf,
    /// The cases: a file as `recoup import` takes it (`.csv`, `.jsonl`, `.ndjson`); no server is needed then. Without
    /// it, the live portfolio of the server, from now on.
    #[arg(long, value_name = "FILE")]
    portfolio: Option<PathBuf>,
    /// Cases of the live portfolio to take, such as `jurisdiction = CN`; the fields are in the comments of ListCases.
    #[arg(long, default_value = "", conflicts_with = "portfolio")]
    filter: String,
    /// A mapping that comes with recoup, or a file of one, as for `recoup import`.
    #[arg(
        long,
        value_name = "NAME|FILE",
        default_value = "recoup",
        requires = "portfolio"
    )]
    mapping: String,
    /// With a mapping of several months: the one to take, YYYY-MM. The newest by default.
    #[arg(long, value_name = "MONTH", requires = "portfolio")]
    month: Option<String>,
    /// Another policy: each case is replayed under both, with the same luck, and compared.
    #[arg(long, value_name = "POLICY")]
    against: Option<PathBuf>,
    /// The day to begin on. By default the day that the mapping says the file is of, else today.
    #[arg(long, value_name = "DATE", requires = "portfolio")]
    from: Option<Date>,
    /// Days from there on, 1 to 400.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// Another seed is another luck. The same files and seed give the same bytes, on any number of threads.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many threads. By default as many as the machine has.
    #[arg(long, value_name = "N", requires = "portfolio")]
    threads: Option<usize>,
    /// How borrowers behave, over the file that comes with recoup.
    #[arg(long, value_name = "FILE")]
    behaviour: Option<PathBuf>,
    /// A channel by another name than its kind, as NAME=KIND, such as `pager=sms`; repeat it.
    #[arg(long, value_name = "NAME=KIND", requires = "portfolio")]
    channel: Vec<String>,
    /// A rule or pack that ships off and is on; repeat it.
    #[arg(long, value_name = "ID", requires = "portfolio")]
    enable: Vec<String>,
    /// Collectors with valid credentials who could go on a visit.
    #[arg(long, default_value_t = 2, value_name = "N", requires = "portfolio")]
    collectors: u8,
    /// Write a report for people: one HTML file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write files for analysts into a folder, one of them with a line a case.
    #[arg(long, value_name = "DIR", requires = "portfolio")]
    csv: Option<PathBuf>,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// `recoup policy behaviour`.
pub(super) fn print_behaviour() -> Outcome {
    say(DEFAULT_BEHAVIOUR.trim_end());
    Ok(0)
}

/// What was replayed.
struct Done {
    lived: Vec<(Totals, Vec<Trail>)>,
    difference: Option<Difference>,
}

impl Simulate {
    pub(super) async fn run(self) -> Outcome {
        match &self.portfolio {
            Some(file) => self.run_on(file),
            None => live::run(&self).await,
        }
    }

    fn run_on(&self, portfolio: &Path) -> Outcome {
        let behaviour_text = match &self.behaviour {
            Some(path) => read(path)?,
            None => DEFAULT_BEHAVIOUR.to_owned(),
        };
        let behaviour = Behaviour::parse(&behaviour_text).map_err(|e| {
            let path = self.behaviour.as_deref().unwrap_or(Path::new("behaviour"));
            Failure::usage(format!("{}: {e}", path.display()))
        })?;
        let names = self.names()?;
        let packs = Packs::builtin().with_enabled(&self.enable);
        let packs = packs.map_err(|e| Failure::usage(format!("--enable: {e}")))?;
        let Some(policies) = self.policies(&names)? else {
            return Ok(EXIT_REFUSED);
        };
        let file = portfolio::read(
            portfolio,
            &self.mapping,
            self.month.as_deref(),
            self.as_of_instant()?,
        )?;
        if file.cases.is_empty() {
            let path = portfolio::shown(portfolio);
            let problem = format!("{} holds no case that can be replayed", path.display());
            return Err(Failure {
                message: problem,
                code: if file.bad > 0 { EXIT_BAD_INPUT } else { 2 },
            });
        }
        let start = match (self.from, file.as_of) {
            (None, Some(day)) => instant(day)?,
            _ => self.as_of_instant()?,
        };
        let has = |name: &str| names.channels.contains_key(name);
        let setting = |policy| Setting {
            policy,
            packs: &packs,
            behaviour: &behaviour,
            channels: &has,
            visitors: self.collectors,
            start,
            days: self.days,
            seed: self.seed,
        };
        let settings: Vec<Setting<'_>> = policies.iter().map(|(_, p)| setting(p)).collect();
        let done = self.replay(&file.cases, &settings)?;
        let named: Vec<_> = settings
            .iter()
            .zip(&policies)
            .zip(&done.lived)
            .map(|((s, (name, _)), (totals, _))| (*s, name.as_str(), totals))
            .collect();
        let label = |case: usize| file.cases.label(case).to_owned();
        let summary = summarize(&named, done.difference.as_ref(), &label);
        if let Some(path) = &self.report {
            write(
                path,
                &recoup_simulate::report::html(&summary, &behaviour_text),
            )?;
        }
        if let Some(folder) = &self.csv {
            show::files(folder, &summary, &done.lived, &label)?;
        }
        if self.json {
            let text = serde_json::to_string(&summary);
            say(text.map_err(|e| Failure::usage(e.to_string()))?);
        } else {
            show::tell(&summary);
            if let Some(path) = &self.report {
                say(format!("report: {}", path.display()));
            }
        }
        if file.skipped > 0 {
            eprintln!("{} rows are no cases by the mapping", file.skipped);
        }
        if file.bad > 0 {
            eprintln!("{} rows are bad and were left out", file.bad);
            return Ok(EXIT_BAD_INPUT);
        }
        Ok(0)
    }

    /// The first instant: of the day that was given, else of today.
    fn as_of_instant(&self) -> Result<Timestamp, Failure> {
        match self.from {
            Some(day) => instant(day),
            None => instant(super::super::given::today()),
        }
    }

    fn names(&self) -> Result<Names, Failure> {
        Ok(Names {
            channels: super::check::channels(&self.channel)?,
            any_template: true,
            ..Names::default()
        })
    }

    /// The policies by name; none where one has faults, which are told then.
    fn policies(&self, names: &Names) -> Result<Option<Vec<(String, Policy)>>, Failure> {
        let files = std::iter::once(&self.file).chain(&self.against);
        let texts: Vec<(&PathBuf, String)> = files
            .map(|file| Ok((file, read(file)?)))
            .collect::<Result<_, Failure>>()?;
        let mut policies = Vec::new();
        let mut sound = true;
        for (file, text) in &texts {
            match Policy::parse(text, names) {
                Ok(policy) => policies.push((policy.name().to_owned(), policy)),
                Err(findings) => {
                    sound = false;
                    for finding in findings {
                        eprintln!("{}:{finding}", file.display());
                    }
                }
            }
        }
        // Two of one name are told apart by their files.
        if let [(a, _), (b, _)] = &policies[..]
            && a == b
        {
            for ((name, _), (file, _)) in policies.iter_mut().zip(&texts) {
                *name = portfolio::shown(file).display().to_string();
            }
        }
        Ok(sound.then_some(policies))
    }

    fn replay(
        &self,
        cases: &recoup_simulate::Compact,
        settings: &[Setting<'_>],
    ) -> Result<Done, Failure> {
        let machine = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or_else(machine).clamp(1, THREADS_MAX);
        let bar = bar(cases.len() as u64);
        let goes_on = |n: u64| {
            bar.inc(n);
            true
        };
        let lived = simulate(cases, settings, threads, &goes_on);
        bar.finish_and_clear();
        let lived = lived.map_err(|e| Failure::usage(e.to_string()))?;
        let difference = match &lived[..] {
            [(_, a), (_, b)] => Some(Difference::between(a, b)),
            _ => None,
        };
        Ok(Done { lived, difference })
    }
}

fn instant(day: Date) -> Result<Timestamp, Failure> {
    let problem = || Failure::usage(format!("--from {day}: the replay cannot begin on that day"));
    portfolio::midnight(day).ok_or_else(problem)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text)
        .map_err(|e| Failure::usage(format!("cannot write {}: {e}", path.display())))
}

/// On standard error, and silent where that is no terminal.
fn bar(cases: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(cases), ProgressDrawTarget::stderr());
    let style = "{bar:30} {percent:>3} % {elapsed_precise} {human_pos} of {human_len} cases";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
