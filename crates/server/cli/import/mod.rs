//! `recoup import`: the rows of a file as cases. Described in `docs/import.md`.

mod bad_rows;
pub mod mapping;
pub mod native;
mod send;
pub mod source;
pub mod values;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::transport::Channel;

use crate::api::recoup::v1::case_service_client::CaseServiceClient;

use bad_rows::BadRows;
use mapping::{Mapped, Mapping, MappingError};
use send::{Answer, Answers, Sender};
use source::{Format, Raw, Row, Source, Unreadable};

/// Faults told on the terminal; the file of bad rows has all of them.
const TOLD_MAX: u64 = 20;

/// Exit code where some rows were bad and the others are in.
pub const EXIT_BAD_ROWS: u8 = 4;
/// Exit code where the file or the mapping cannot be used.
pub const EXIT_INPUT: u8 = 2;
/// Exit code where the server cannot be reached or broke off.
pub const EXIT_SERVER: u8 = 3;

/// Opens the cases of a file (CSV or JSON Lines).
///
/// Exit codes: 0 all rows are in, 2 the file or mapping cannot be used, 3 the server broke off (run the same
/// command again, what is in stays in), 4 some rows are bad and stand in the file of bad rows.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The file, `.csv`, `.jsonl` or `.ndjson`.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// A mapping that comes with recoup (recoup, us-consumer-loans, taiwan-credit-card), or a file of one.
    #[arg(long, value_name = "NAME|FILE", default_value = "recoup")]
    pub mapping: String,
    /// With a mapping of several months: the one to take, YYYY-MM. The newest by default.
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Only check the rows; nothing is sent, and no server is needed.
    #[arg(long)]
    pub dry_run: bool,
    /// Where bad rows go. By default beside the file, with `.bad` in its name.
    #[arg(long, value_name = "FILE")]
    pub bad_rows: Option<PathBuf>,
    /// Name of the batch, which makes it safe to run again. By default made from what the file and mapping say.
    #[arg(long, value_name = "NAME")]
    pub batch: Option<String>,
    /// Print the summary as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Name of the batch.
    pub batch: String,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Rows read.
    pub rows: u64,
    /// Cases opened; with `--dry-run`, rows that are well.
    pub opened: u64,
    /// Rows whose case was open before.
    pub already_open: u64,
    /// Rows passed over, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Bad rows.
    pub bad: u64,
    /// The file of bad rows, where there are any.
    pub bad_rows: Option<PathBuf>,
}

/// Why an import could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The mapping cannot be used.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The name of the month is none of the mapping's.
    #[error("take the month {given}: {reason}")]
    Month {
        /// What was asked for.
        given: String,
        /// What would be right.
        reason: String,
    },
    /// The batch's name is none.
    #[error("name the batch `{0}`: right would be 1 to 64 of A-Z a-z 0-9 _ . : -")]
    Batch(String),
    /// The end of the file's name says no format.
    #[error("read {path}: its name must end with .csv, .jsonl or .ndjson", path = .0.display())]
    Format(PathBuf),
    /// A file cannot be read.
    #[error("read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of bad rows cannot be written.
    #[error("write the bad rows to {path}: {source}", path = path.display())]
    BadRows {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server broke off.
    #[error(
        "import into the server: {message} ({answered} rows were answered before; run the same command again, \
         rows that are in answer as already open)"
    )]
    Server {
        /// What it said.
        message: String,
        /// Rows answered until then.
        answered: u64,
    },
}

impl ImportError {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Server { .. } => EXIT_SERVER,
            _ => EXIT_INPUT,
        }
    }
}

impl Summary {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.bad > 0 { EXIT_BAD_ROWS } else { 0 }
    }

    /// For people, one thing a line.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![
            format!("rows read      {:>9}", self.rows),
            match self.dry_run {
                true => format!("would be opened{:>9}", self.opened),
                false => format!("cases opened   {:>9}", self.opened),
            },
            format!("already open   {:>9}", self.already_open),
        ];
        for (reason, count) in &self.skipped {
            lines.push(format!("passed over    {count:>9}  {reason}"));
        }
        lines.push(format!("bad rows       {:>9}", self.bad));
        if let Some(path) = &self.bad_rows {
            lines.push(format!(
                "they stand in {} with what is wrong",
                path.display()
            ));
        }
        lines.push(format!("batch          {}", self.batch));
        lines.join("\n")
    }
}

/// Checks the rows without a server.
///
/// # Errors
/// Where the file or mapping cannot be used; a bad row is no error of the whole.
pub async fn dry_run(args: &Args) -> Result<Summary, ImportError> {
    Import::open(args)?.run(None).await
}

/// Imports the rows into the server behind `channel`, as the principal of `token`.
///
/// # Errors
/// Where the file or mapping cannot be used, or the server broke off; a bad row is no error of the whole.
pub async fn run(args: &Args, channel: Channel, token: &str) -> Result<Summary, ImportError> {
    let import = Import::open(args)?;
    let client = CaseServiceClient::new(channel);
    let begun = send::begin(client, token).await;
    let stream = begun.map_err(|status| broken(&status, 0))?;
    import.run(Some(stream)).await
}

struct Import {
    path: PathBuf,
    mapping: Mapping,
    month: Option<usize>,
    source: Source,
    bad: BadRows,
    progress: ProgressBar,
    summary: Summary,
}

impl Import {
    fn open(args: &Args) -> Result<Self, ImportError> {
        let path = args.file.clone();
        let unread = |source| ImportError::Read {
            path: path.clone(),
            source,
        };
        let format = Format::of(&path).ok_or_else(|| ImportError::Format(path.clone()))?;
        let mapping = Mapping::load(&args.mapping)?;
        let month = month(&mapping, args.month.as_deref())?;
        let source = Source::open(&path, format).map_err(unread)?;
        if let Some(header) = source.header() {
            mapping.check_header(header)?;
        }
        let batch = match &args.batch {
            Some(batch) => batch.clone(),
            None => batch_of(&path, &args.mapping, args.month.as_deref()).map_err(unread)?,
        };
        if !is_batch(&batch) {
            return Err(ImportError::Batch(batch));
        }
        let bad_path = args.bad_rows.clone().unwrap_or_else(|| beside(&path));
        let bad = BadRows::new(bad_path.clone(), format, source.header()).map_err(|source| {
            ImportError::BadRows {
                path: bad_path,
                source,
            }
        })?;
        let bytes = std::fs::metadata(&path).map_err(unread)?.len();
        Ok(Self {
            progress: progress(bytes),
            summary: Summary {
                batch,
                ..Summary::default()
            },
            path,
            mapping,
            month,
            source,
            bad,
        })
    }

    async fn run(mut self, stream: Option<(Sender, Answers)>) -> Result<Summary, ImportError> {
        match stream {
            None => {
                self.summary.dry_run = true;
                while self.next(None).await? {}
            }
            Some((sender, answers)) => self.send_all(sender, answers).await?,
        }
        self.bad.finish().map_err(|source| self.bad_file(source))?;
        self.progress.finish_and_clear();
        self.summary.bad = self.bad.count;
        self.summary.bad_rows = (self.bad.count > 0).then(|| self.bad.path().to_owned());
        Ok(self.summary)
    }

    /// Rows go out and answers come in at the same time, so that neither waits for the other.
    async fn send_all(&mut self, sender: Sender, mut answers: Answers) -> Result<(), ImportError> {
        let (answered_tx, mut answered) = tokio::sync::mpsc::unbounded_channel();
        let receiving = tokio::spawn(async move {
            loop {
                match answers.next().await {
                    Ok(Some(answer)) => {
                        let _ = answered_tx.send(answer);
                    }
                    Ok(None) => return Ok(()),
                    Err(status) => return Err(status),
                }
            }
        });
        let mut goes_on = true;
        while goes_on && !receiving.is_finished() {
            goes_on = self.next(Some(&sender)).await?;
            while let Ok(answer) = answered.try_recv() {
                self.take(answer)?;
            }
        }
        drop(sender); // tells the server that no row follows
        while let Some(answer) = answered.recv().await {
            self.take(answer)?;
        }
        let answered = self.summary.opened + self.summary.already_open;
        match receiving.await {
            Ok(Ok(())) if !goes_on => Ok(()),
            Ok(Ok(())) => Err(ImportError::Server {
                message: "it ended the stream before the file's end".to_owned(),
                answered,
            }),
            Ok(Err(status)) => Err(broken(&status, answered)),
            Err(error) => Err(ImportError::Server {
                message: error.to_string(),
                answered,
            }),
        }
    }

    /// Reads one row and sends it on; false at the end of the file, or where the server takes no more.
    async fn next(&mut self, sender: Option<&Sender>) -> Result<bool, ImportError> {
        let next = self.source.next_row().map_err(|source| ImportError::Read {
            path: self.path.clone(),
            source,
        })?;
        self.progress.set_position(self.source.position_bytes());
        let Some(row) = next else {
            return Ok(false);
        };
        self.summary.rows += 1;
        self.show();
        let row = match row {
            Ok(row) => row,
            Err(bad) => {
                let Unreadable {
                    number,
                    line,
                    reason,
                    raw,
                } = *bad;
                self.refuse(number, line, &reason, &raw)?;
                return Ok(true);
            }
        };
        match self.mapping.map(&row, self.month) {
            Ok(Mapped::Skipped(reason)) => {
                *self.summary.skipped.entry(reason).or_default() += 1;
            }
            Err(errors) => {
                let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
                self.refuse(row.number, row.line, &reasons.join("; "), &row.raw)?;
            }
            Ok(Mapped::Case(mut request)) => {
                let Some(sender) = sender else {
                    self.summary.opened += 1;
                    return Ok(true);
                };
                request.request_id.clone_from(&self.summary.batch);
                let Row { line, raw, .. } = row;
                // Where the server takes no more, its answer says why.
                return Ok(sender.send(*request, line, raw).await);
            }
        }
        Ok(true)
    }

    fn take(&mut self, answer: Answer) -> Result<(), ImportError> {
        match answer {
            Answer::Opened => self.summary.opened += 1,
            Answer::AlreadyOpen => self.summary.already_open += 1,
            Answer::Refused {
                number,
                line,
                reason,
                raw,
            } => self.refuse(number, line, &reason, &raw)?,
        }
        self.show();
        Ok(())
    }

    fn refuse(
        &mut self,
        number: i64,
        line: u64,
        reason: &str,
        raw: &Raw,
    ) -> Result<(), ImportError> {
        let added = self.bad.add(raw, reason);
        added.map_err(|source| self.bad_file(source))?;
        if self.bad.count <= TOLD_MAX {
            let more = match self.bad.count {
                TOLD_MAX => format!(
                    "\nfurther bad rows stand only in {}",
                    self.bad.path().display()
                ),
                _ => String::new(),
            };
            self.progress
                .suspend(|| eprintln!("row {number} (line {line}): {reason}{more}"));
        }
        Ok(())
    }

    fn bad_file(&self, source: io::Error) -> ImportError {
        ImportError::BadRows {
            path: self.bad.path().to_owned(),
            source,
        }
    }

    fn show(&self) {
        let Summary {
            rows,
            opened,
            already_open,
            ..
        } = &self.summary;
        if rows % 64 == 0 {
            let bad = self.bad.count;
            self.progress.set_message(format!(
                "{rows} rows, {opened} opened, {already_open} already open, {bad} bad"
            ));
        }
    }
}

fn broken(status: &Status, answered: u64) -> ImportError {
    ImportError::Server {
        message: format!("{}: {}", status.code().description(), status.message()),
        answered,
    }
}

pub(super) fn month(mapping: &Mapping, given: Option<&str>) -> Result<Option<usize>, ImportError> {
    let Some(given) = given else {
        return Ok(None);
    };
    let wrong = |reason: String| ImportError::Month {
        given: given.to_owned(),
        reason,
    };
    let monthly = mapping
        .monthly()
        .ok_or_else(|| wrong(format!("the mapping {} has no months", mapping.name)))?;
    let (first, last) = monthly.span().map_err(wrong)?;
    let right = format!(
        "right would be from {} to {}",
        first.strftime("%Y-%m"),
        last.strftime("%Y-%m")
    );
    monthly.find(given).map(Some).ok_or_else(|| wrong(right))
}

fn is_batch(batch: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    (1..=64).contains(&batch.len()) && batch.bytes().all(fits)
}

/// The same file with the same mapping is the same batch, so that a run that broke off can be run again.
fn batch_of(path: &Path, mapping: &str, month: Option<&str>) -> io::Result<String> {
    let mut sha = Sha256::new();
    sha.update(mapping.as_bytes());
    sha.update(month.unwrap_or_default().as_bytes());
    let mut file = File::open(path)?;
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => break,
            read => sha.update(&block[..read]),
        }
    }
    let digest = sha.finalize();
    let hex: String = digest.iter().take(10).map(|b| format!("{b:02x}")).collect();
    Ok(format!("import-{hex}"))
}

/// `cases.csv` gives `cases.bad.csv`.
fn beside(path: &Path) -> PathBuf {
    let end = path.extension().unwrap_or_default().to_string_lossy();
    path.with_extension(format!("bad.{end}"))
}

/// On standard error, and silent where that is no terminal.
pub(super) fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed_precise} {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests;
