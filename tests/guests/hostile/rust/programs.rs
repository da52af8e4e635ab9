//! Programs that do not want to end, or want more than their folder.

use crate::{Deed, Scene};
use sophon_agent::exec::Command;
use sophon_agent::{Answer, Failure, Result};
use std::time::Duration;

pub(crate) const DEEDS: &[(&str, Deed)] = &[
    ("program-that-forks", forks),
    ("program-that-ignores-signals", ignores_signals),
    ("program-that-multiplies", multiplies),
    ("program-that-hoards", hoards),
    ("programs-that-hoard", hoard),
    ("program-that-floods", floods),
    ("program-that-fills-the-disk", fills_the_disk),
    ("program-that-escapes", escapes),
    ("program-that-calls-home", calls_home),
    ("programs-and-gone", gone),
    ("program-not-wanted", not_wanted),
];

/// What a script came to: its code or why it was killed, and what it said.
fn shell(script: &str) -> Result<Answer> {
    let done = Command::new("bash").args(["-c", script]).timeout(Duration::from_secs(20)).run()?;
    let said = String::from_utf8_lossy(&done.stdout[..done.stdout.len().min(500)]).into_owned();
    Ok(Answer::text(format!("{:?} {said}", done.code)))
}

fn forks(_: Scene) -> Result<Answer> {
    shell("sleep 1000 & (sleep 1001 & sleep 1002 &) ; setsid sleep 1003 </dev/null >/dev/null 2>&1 & echo forked")
}

fn ignores_signals(_: Scene) -> Result<Answer> {
    let script = "trap '' TERM INT HUP QUIT PIPE; while :; do sleep 1; done";
    let done = Command::new("bash").args(["-c", script]).timeout(Duration::from_millis(500)).run()?;
    Ok(Answer::text(format!("{:?}", done.code)))
}

/// Not without an end, as nothing else would stop it where the host fails.
fn multiplies(_: Scene) -> Result<Answer> {
    shell("n=0; while [ $n -lt 600 ]; do sleep 1000 & n=$((n+1)); done; wait")
}

/// More memory than a program has.
fn hoards(_: Scene) -> Result<Answer> {
    shell("dd if=/dev/zero of=/dev/null bs=3G count=1 2>&1 | grep -o exhausted")
}

/// Each less than that, and together more: what comes of nothing is read for ever.
fn hoard(_: Scene) -> Result<Answer> {
    shell("for n in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=900M count=1000000 2>/dev/null & done; wait")
}

fn floods(_: Scene) -> Result<Answer> {
    shell("yes")
}

fn fills_the_disk(_: Scene) -> Result<Answer> {
    shell("exec dd if=/dev/zero of=large bs=1M count=100 2>/dev/null")
}

fn escapes(_: Scene) -> Result<Answer> {
    shell(
        "for place in .. ../.. ../../../.. ../../../../outside /tmp /var/tmp /dev/shm; do \
           (echo mine > $place/hostile) 2>/dev/null && echo WROTE $place; \
           ln -s $place way 2>/dev/null; (echo mine > way/hostile) 2>/dev/null && echo LINKED $place; rm -f way; done; \
         for file in ../../../token ../../../../outside/canary /etc/shadow /proc/1/environ /proc/$PPID/environ; do \
           head -c 1 $file >/dev/null 2>&1 && echo READ $file; done; \
         env | grep -q -i canary && echo TOLD; kill -9 $PPID 2>/dev/null && echo KILLED; echo nothing more",
    )
}

fn calls_home(scene: Scene) -> Result<Answer> {
    let (host, port) = scene.site.split_once(':').unwrap_or_default();
    shell(&format!("(echo > /dev/tcp/{host}/{port}) 2>/dev/null && echo REACHED; echo nothing more"))
}

/// Leaves as many as it may, and crashes.
fn gone(_: Scene) -> Result<Answer> {
    let mut held = Vec::new();
    loop {
        match Command::new("sleep").arg("1004").spawn() {
            Ok(process) => held.push(process),
            Err(failure) => panic!("{} begun, then {failure}", held.len()),
        }
    }
}

fn not_wanted(_: Scene) -> Result<Answer> {
    match Command::new("sh").args(["-c", "true"]).run() {
        Err(Failure::Denied { rule, .. }) => Ok(Answer::text(format!("denied by {rule}"))),
        _ => Ok(Answer::text("NOT denied")),
    }
}
