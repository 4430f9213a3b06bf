//! Controls for other programs: one line over loopback, sent by a script in the run directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::net::write_program;
use crate::process::Supervisor;

const MAX_LINE_BYTES: u64 = 1024;

/// Listener of the controls; closes when dropped.
#[derive(Debug)]
pub(crate) struct Control {
    task: JoinHandle<()>,
    script: PathBuf,
}

impl Control {
    /// Starts to listen and writes the script.
    pub(crate) async fn open(run: &Path, supervisor: &Arc<Supervisor>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (port, secret) = (listener.local_addr()?.port(), secret()?);
        let script = run.join("control");
        write_program(&script, &script_text(port, &secret))?;
        let supervisor = Arc::downgrade(supervisor);
        let task = tokio::spawn(async move {
            loop {
                // Sequential, so that controls take effect in the order of their arrival.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let Some(supervisor) = supervisor.upgrade() else { return };
                let served =
                    tokio::time::timeout(Duration::from_secs(120), serve(stream, &secret, &supervisor));
                if !matches!(served.await, Ok(Ok(()))) {
                    tracing::debug!("a control connection ended early");
                }
            }
        });
        Ok(Self { task, script })
    }

    /// The command line of a control.
    pub(crate) fn command(&self, words: &[&str]) -> Vec<String> {
        std::iter::once(self.script.display().to_string())
            .chain(words.iter().map(|&w| w.to_owned()))
            .collect()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Secret of the controls. Every process of the machine can connect; only a reader of the script knows the secret.
fn secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(alloy::hex::encode(bytes))
}

fn script_text(port: u16, secret: &str) -> String {
    format!(
        r#"#!/bin/bash
# Controls of this local network: control list | VERB NAME, with VERB one of
# start, stop, kill, pause, resume, restart; `restart NAME +25h` shifts the clock of that program.
exec 3<>/dev/tcp/127.0.0.1/{port} || exit 69
printf '%s\n' "{secret} $*" >&3
status=1
while IFS= read -r line <&3; do
  if [ "$line" = ok ]; then status=0; else printf '%s\n' "$line"; fi
done
exit $status
"#
    )
}

async fn serve(stream: TcpStream, secret: &str, supervisor: &Supervisor) -> Result<()> {
    let (input, mut output) = stream.into_split();
    let mut line = String::new();
    BufReader::new(input.take(MAX_LINE_BYTES)).read_line(&mut line).await?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let answer = match words.split_first() {
        Some((said, words)) if *said == secret => act(words, supervisor).await,
        _ => Err(anyhow::anyhow!("not allowed")),
    };
    let text = answer.map_or_else(|error| format!("{error:#}\n"), |said| format!("{said}ok\n"));
    output.write_all(text.as_bytes()).await?;
    Ok(output.shutdown().await?)
}

async fn act(words: &[&str], supervisor: &Supervisor) -> Result<String> {
    match words {
        ["list"] => return Ok(list(supervisor)),
        ["start", name] => supervisor.start(name, &[]).await?,
        ["stop", name] => supervisor.stop(name).await?,
        ["kill", name] => supervisor.kill(name).await?,
        ["pause", name] => supervisor.pause(name)?,
        ["resume", name] => supervisor.resume(name)?,
        ["restart", name] => restart(supervisor, name, None).await?,
        ["restart", name, shift] => restart(supervisor, name, Some(shift)).await?,
        _ => bail!("say: list | start, stop, kill, pause, resume or restart NAME [+25h]"),
    }
    Ok(String::new())
}

fn list(supervisor: &Supervisor) -> String {
    let line = |(name, id): (String, Option<i32>)| match id {
        Some(id) => format!("{name} {id}\n"),
        None => format!("{name} stopped\n"),
    };
    supervisor.list().into_iter().map(line).collect()
}

/// Restarts a program, with its clock shifted or in real time.
pub(crate) async fn restart(supervisor: &Supervisor, name: &str, shift: Option<&str>) -> Result<()> {
    restart_in(supervisor, name, &shift.map(shifted_clock).transpose()?.unwrap_or_default()).await
}

/// Restarts a program with additional environment variables.
pub(crate) async fn restart_in(
    supervisor: &Supervisor,
    name: &str,
    environment: &[(OsString, OsString)],
) -> Result<()> {
    if supervisor.list().get(name).is_some_and(Option::is_some) {
        supervisor.stop(name).await?;
    }
    supervisor.start(name, environment).await
}

/// Clock of one program that can be moved while the program runs.
#[derive(Debug)]
pub struct MovableClock(PathBuf);

impl MovableClock {
    /// Creates a clock that shows the real time and is moved by the content of `file`.
    pub(crate) fn at(file: PathBuf) -> Result<Self> {
        let clock = Self(file);
        clock.jump("+0s")?;
        Ok(clock)
    }

    /// Sets the offset from the real time: `+25h`, `-90s`.
    pub fn jump(&self, shift: &str) -> Result<()> {
        let offset = offset(shift)?;
        // The rename is atomic: a reader sees the old or the new time.
        let draft = self.0.with_extension("new");
        std::fs::write(&draft, format!("{offset}\n"))?;
        std::fs::rename(&draft, &self.0).with_context(|| format!("cannot write {}", self.0.display()))
    }

    /// Environment of a program with this clock.
    pub(crate) fn environment(&self) -> Result<Vec<(OsString, OsString)>> {
        let file = self.0.clone().into_os_string();
        faked_clock(&[("FAKETIME_TIMESTAMP_FILE", file), ("FAKETIME_NO_CACHE", "1".into())])
    }
}

/// Environment of a program with a shifted clock.
fn shifted_clock(shift: &str) -> Result<Vec<(OsString, OsString)>> {
    faked_clock(&[("FAKETIME", offset(shift)?.into())])
}

/// Converts a shift to the format of libfaketime.
fn offset(shift: &str) -> Result<String> {
    let good = shift.strip_prefix(['+', '-']).is_some_and(|amount| {
        amount.strip_suffix(['s', 'm', 'h', 'd']).is_some_and(|number| number.parse::<u32>().is_ok())
    });
    if !good {
        bail!("a shift of the clock is like +25h, not {shift}");
    }
    // libfaketime takes seconds without a unit.
    Ok(shift.strip_suffix('s').unwrap_or(shift).to_owned())
}

/// Environment of a program under libfaketime. Timeouts are not affected, as they use the monotonic clock.
fn faked_clock(how: &[(&str, OsString)]) -> Result<Vec<(OsString, OsString)>> {
    let library = library().context("libfaketime is missing: apt-get install faketime")?;
    let fixed = [
        ("LD_PRELOAD", library.into_os_string()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
    ];
    Ok(fixed.iter().chain(how).map(|(key, value)| (OsString::from(*key), value.clone())).collect())
}

/// Path of the library for programs with threads, in the directory of this architecture.
pub(crate) fn library() -> Option<PathBuf> {
    let directories = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    directories.map(|dir| dir.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_shift_as_signed_number_with_unit() {
        for bad in ["25h", "+h", "+25", "+25h; rm", "", "+-2h", "+1w"] {
            assert!(offset(bad).unwrap_err().to_string().contains("like +25h"), "{bad}");
        }
        assert_eq!((offset("+25h").unwrap(), offset("-90s").unwrap()), ("+25h".into(), "-90".into()));
    }

    #[tokio::test]
    async fn script_sends_words_and_returns_answers() {
        let run = tempfile::tempdir().unwrap();
        let supervisor = Arc::new(Supervisor::new(crate::http::client().unwrap()));
        let control = Control::open(run.path(), &supervisor).await.unwrap();
        let run = |words: &[&str]| {
            let line = control.command(words);
            tokio::process::Command::new(&line[0]).args(&line[1..]).output()
        };
        let listed = run(&["list"]).await.unwrap();
        assert!(listed.status.success());
        let refused = run(&["stop", "moon"]).await.unwrap();
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stdout).contains("no program moon"));
    }

    #[tokio::test]
    async fn rejects_control_without_the_secret() {
        let run = tempfile::tempdir().unwrap();
        let supervisor = Arc::new(Supervisor::new(crate::http::client().unwrap()));
        let control = Control::open(run.path(), &supervisor).await.unwrap();
        let text = std::fs::read_to_string(&control.script).unwrap();
        let port: u16 = text.split("127.0.0.1/").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"guess list\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "not allowed\n");
    }
}
