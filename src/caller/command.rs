//! `ai-realtime call`: one call, from the greeting to the hang-up, told as it happens.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use secrecy::SecretString;

use super::builder::ACCOUNT;
use super::speech::speak;
use super::timeline::{TimelineEvent, answer_times_ms};
use super::{Caller, CallerBuilder, Exchange, ExchangeOptions, Human, Line, wav};

/// How long a greeting, and how long an answer, is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest the persona may speak without a pause.
const MONOLOGUE: Duration = Duration::from_secs(180);
/// How long the end of a call may take.
const ENDING: Duration = Duration::from_secs(20);
/// Between two keys.
const KEY_PAUSE_MS: u64 = 250;

/// `ai-realtime call`: calls the service as Twilio would, for people without a telephone.
#[derive(Debug, Clone, clap::Args)]
pub struct CallArgs {
    /// Play this WAV file to the service: any rate, mono or stereo, whole numbers or floating point
    #[arg(long, value_name = "FILE")]
    pub wav: Option<PathBuf>,
    /// Say this in tone speech, which the rehearsal model understands; give it again for the next sentence, said when
    /// the persona has fallen silent
    #[arg(long, value_name = "TEXT")]
    pub say: Vec<String>,
    /// Press these keys at last
    #[arg(long, value_name = "DIGITS", value_parser = digits)]
    pub press: Option<String>,
    /// The service's voice webhook
    #[arg(long, default_value = "http://127.0.0.1:7070/api/twilio/voice", value_name = "URL")]
    pub to: String,
    /// The service's PUBLIC_URL, when --to reaches it by another address [default: $PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The account's token, which signs every request [default: $TWILIO_AUTH_TOKEN]
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<SecretString>,
    /// The account's id [default: $TWILIO_ACCOUNT_SID]
    #[arg(long, value_name = "AC…")]
    pub account: Option<String>,
    /// The caller's number
    #[arg(long, default_value = "+14158675309", value_name = "NUMBER")]
    pub from: String,
    /// The number he calls
    #[arg(long, default_value = "+250700000001", value_name = "NUMBER")]
    pub called: String,
    /// Write what was said (left) and heard (right) to this WAV file
    #[arg(long, default_value = "heard.wav", value_name = "FILE")]
    pub out: PathBuf,
    /// Speak when the persona has been silent for so long
    #[arg(long, default_value_t = 800, value_name = "MS")]
    pub after_ms: u64,
    /// Hang up when the persona has been silent for so long after its last answer
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    pub hang_up_after: u64,
    /// What happens when the service dials a human: answers, busy or no-answer
    #[arg(long, default_value = "answers", value_name = "HOW")]
    pub human: Human,
    /// Serve Twilio's REST API on this port, so that the service can hang up and transfer: start it with
    /// TWILIO_API_BASE=http://127.0.0.1:PORT and the same account and token
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// Write what --say says to this WAV file, and place no call
    #[arg(long, value_name = "FILE", requires = "say")]
    pub save_wav: Option<PathBuf>,
}

fn digits(text: &str) -> Result<String, String> {
    let is_key = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D');
    if !text.is_empty() && text.chars().all(is_key) {
        Ok(text.to_owned())
    } else {
        Err("must be of 0 to 9, *, # and A to D".to_owned())
    }
}

impl CallArgs {
    /// Takes what was not given from the settings the service itself reads.
    #[must_use]
    pub fn or_settings(mut self, var: impl Fn(&str) -> Option<String>) -> Self {
        let setting = |name| var(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        // While a token is being changed there are several; Twilio signs with one of them.
        let first = |tokens: String| tokens.split(',').next().unwrap_or_default().trim().to_owned();
        self.token = self.token.or_else(|| setting("TWILIO_AUTH_TOKEN").map(first).map(Into::into));
        self.public_url = self.public_url.or_else(|| setting("PUBLIC_URL"));
        self.account = self.account.or_else(|| setting("TWILIO_ACCOUNT_SID"));
        self
    }

    fn builder(&self) -> CallerBuilder {
        let mut builder = Caller::builder(&self.to).from(&self.from).to(&self.called).human(self.human);
        if let Some(account) = &self.account {
            builder = builder.account_sid(account);
        }
        if let Some(token) = &self.token {
            builder = builder.token(token.clone());
        }
        if let Some(public) = &self.public_url {
            builder = builder.public_url(public);
        }
        builder
    }

    async fn exchange(&self) -> anyhow::Result<Option<Exchange>> {
        let Some(port) = self.api_port else { return Ok(None) };
        let token = self.token.clone().context("--api-port needs --token or TWILIO_AUTH_TOKEN")?;
        let account = self.account.as_deref().unwrap_or(ACCOUNT);
        let public_url = self.public_url.clone().map(|public| (public, self.to.clone()));
        let options = ExchangeOptions { port, public_url, ..ExchangeOptions::new(account, token) };
        Ok(Some(Exchange::start(options).await?))
    }

    /// What the caller says, one after the other.
    fn speeches(&self) -> anyhow::Result<Vec<Vec<i16>>> {
        let file = self.wav.as_deref().map(wav::read).transpose()?;
        Ok(file.into_iter().chain(self.say.iter().map(|text| speak(text))).collect())
    }
}

/// Places the call and tells it on standard output.
///
/// # Errors
/// The call cannot be placed, the service opens no stream, or the caller hears nothing.
pub async fn run(args: CallArgs) -> anyhow::Result<()> {
    call(&args, &Teller::new(std::io::stdout())).await
}

pub(super) async fn call(args: &CallArgs, teller: &Teller) -> anyhow::Result<()> {
    if let Some(path) = &args.save_wav {
        wav::write_mono(path, &speak(&args.say.join(" ")))?;
        teller.tell(&format!("wrote {}", path.display()));
        return Ok(());
    }
    let speeches = args.speeches()?;
    if args.token.is_none() {
        teller.tell("no token: the call is unsigned (give --token, or set TWILIO_AUTH_TOKEN)");
    }
    let exchange = args.exchange().await?;
    let mut builder = args.builder();
    if let Some(exchange) = &exchange {
        teller.tell(&format!("REST API at {} for account {}", exchange.url(), exchange.account_sid()));
        builder = builder.exchange(exchange);
    }
    let line = builder.dial().await?;
    let talk = async {
        let talked = tokio::select! {
            talked = talk(&line, args, &speeches) => talked,
            _ = tokio::signal::ctrl_c() => Ok(()),
        };
        line.hang_up().await;
        if let Err(late) = line.until_over(ENDING).await {
            teller.tell(&format!("the call does not end: {late}"));
        }
        talked
    };
    let (talked, ()) = tokio::join!(Box::pin(talk), follow(&line, teller));
    talked?;
    conclude(&line, &args.out, teller)
}

/// The caller's part. A persona that says nothing does not keep him from speaking; a call that ends does.
async fn talk(line: &Line, args: &CallArgs, speeches: &[Vec<i16>]) -> anyhow::Result<()> {
    if line.until_streams(1, PATIENCE).await.is_err() {
        return Ok(());
    }
    listen(line, args.after_ms).await;
    for (place, speech) in speeches.iter().enumerate() {
        line.play(speech).await;
        if line.until_said(Duration::from_secs(660)).await.is_err() {
            return Ok(());
        }
        line.listen_afresh();
        let is_last = place + 1 == speeches.len() && args.press.is_none();
        listen(line, if is_last { args.hang_up_after * 1_000 } else { args.after_ms }).await;
    }
    for digit in args.press.iter().flat_map(|digits| digits.chars()) {
        line.press(digit).await;
        line.listen_afresh();
        let _ = line.until_quiet(KEY_PAUSE_MS, PATIENCE).await;
    }
    if args.press.is_some() {
        listen(line, args.hang_up_after * 1_000).await;
    }
    Ok(())
}

/// Waits until the persona has spoken and been silent for so long.
async fn listen(line: &Line, quiet_ms: u64) {
    if line.until_speaks(PATIENCE).await.is_ok() {
        // The call may end meanwhile, which the timeline tells.
        let _ = line.until_quiet(quiet_ms, MONOLOGUE).await;
    }
}

/// Tells the timeline until the call is over, and what the persona said when it has fallen silent.
async fn follow(line: &Line, teller: &Teller) {
    let (mut seen, mut heard) = (0, 0);
    while let Ok(moments) = line.until_more(seen, Duration::from_secs(3_600)).await {
        seen += moments.len();
        for moment in moments {
            if is_told(&moment.event) {
                teller.tell(&moment.to_string());
            }
            if matches!(moment.event, TimelineEvent::PersonaSilent { .. } | TimelineEvent::CallEnded { .. }) {
                let texts = line.utterances();
                for text in texts.iter().skip(heard).filter(|text| !text.is_empty()) {
                    teller.tell(&format!("{:>13} heard     {text}", ""));
                }
                heard = texts.len();
            }
        }
    }
}

/// Marks that were played come five times a second and tell a reader nothing.
fn is_told(event: &TimelineEvent) -> bool {
    !matches!(event, TimelineEvent::MarkEchoed { .. })
}

fn conclude(line: &Line, out: &Path, teller: &Teller) -> anyhow::Result<()> {
    let moments = line.events();
    let counters = line.counters();
    let told = |wanted: &dyn Fn(&TimelineEvent) -> bool| moments.iter().any(|moment| wanted(&moment.event));
    if counters.streams == 0 {
        let refused = told(&|event| matches!(event, TimelineEvent::StreamRefused { .. }));
        ensure!(refused, "the service opened no stream: its TwiML holds no <Connect>");
        anyhow::bail!("the service refused the stream its own TwiML asks for");
    }
    let (said, heard) = line.whole_call();
    wav::write(out, &said.samples(), &heard.samples())?;
    let answers = answer_times_ms(&moments);
    teller.tell(&format!(
        "sent {} frames ({} lost), received {} messages with {:.1} s of audio; answers after {answers:?} ms; wrote {}",
        counters.frames_sent,
        counters.frames_lost,
        counters.media_received,
        Duration::from_millis(counters.bytes_received / 8).as_secs_f64(),
        out.display()
    ));
    ensure!(
        told(&|event| *event == TimelineEvent::PersonaSpeaks),
        "the caller heard nothing: look at the service's log for this call, {}",
        line.call_sid()
    );
    Ok(())
}

/// Writes what is told, line by line.
pub(super) struct Teller(Mutex<Box<dyn Write + Send>>);

impl Teller {
    pub(super) fn new(out: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(out)))
    }

    /// Writes a line; nobody may be reading any more, which is his own affair.
    fn tell(&self, text: &str) {
        let _ = writeln!(self.0.lock().unwrap_or_else(PoisonError::into_inner), "{text}");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: CallArgs,
    }

    fn args(words: &[&str]) -> CallArgs {
        Cli::try_parse_from(["call"].iter().chain(words)).unwrap().args
    }

    fn settings(name: &str) -> Option<String> {
        match name {
            "TWILIO_AUTH_TOKEN" => Some("first, second".to_owned()),
            "PUBLIC_URL" => Some(" ".to_owned()),
            "TWILIO_ACCOUNT_SID" => Some("AC1".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn what_is_not_given_comes_from_the_services_settings() {
        use secrecy::ExposeSecret;
        let token = |args: &CallArgs| args.token.as_ref().map(|token| token.expose_secret().to_owned());
        let from_settings = args(&[]).or_settings(settings);
        assert_eq!(token(&from_settings).as_deref(), Some("first"));
        assert_eq!((from_settings.public_url, from_settings.account.as_deref()), (None, Some("AC1")));
        let given = args(&["--token", "mine"]).or_settings(settings);
        assert_eq!(token(&given).as_deref(), Some("mine"));
        assert!(!format!("{given:?}").contains("mine"));
    }

    #[test]
    fn keys_and_humans_are_checked() {
        assert_eq!(args(&["--press", "12*#A", "--human", "busy"]).human, Human::Busy);
        for bad in [["--press", "12x"], ["--press", ""], ["--human", "sleeps"]] {
            assert!(Cli::try_parse_from(["call"].iter().chain(&bad)).is_err(), "{bad:?}");
        }
    }

    /// `cargo run -- call --say "what drinks do you have?" --save-wav tests/fixtures/drinks.wav` writes it anew.
    #[test]
    fn the_fixture_asks_for_the_drinks() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/drinks.wav");
        let is_same = wav::read(&path).unwrap() == speak("what drinks do you have?");
        assert!(is_same, "write it anew: the tone speech has changed");
    }

    #[tokio::test]
    async fn what_is_said_can_be_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("said.wav");
        let args = args(&["--say", "hello", "--say", "you", "--save-wav", path.to_str().unwrap()]);
        call(&args, &Teller::new(std::io::sink())).await.unwrap();
        assert_eq!(wav::read(&path).unwrap(), speak("hello you"));
    }
}
