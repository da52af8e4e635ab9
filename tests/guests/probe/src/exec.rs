//! Deeds with `exec`: `exec VERB NUMBER PROGRAM ARGUMENTS…`, divided at blanks.

use sophon_agent::exec::{Command, Output, Process};
use sophon_agent::{Answer, Reply, Result};
use std::time::{Duration, Instant};

/// Does what the words after `exec` say, and answers with what came of it, a failure too.
pub(crate) fn deed<'w>(mut words: impl Iterator<Item = &'w str>, reply: &mut Reply) -> Result<Answer> {
    let verb = words.next().unwrap_or_default();
    let number: u64 = words.next().unwrap_or_default().parse()?;
    let command = Command::new(words.next().unwrap_or_default()).args(words).timeout(Duration::from_millis(60_000));
    let done = match verb {
        "run" => run(&command),
        "limit" => run(&command.timeout(Duration::from_millis(number))),
        "begin" => begin(&command, number, reply).map(|processes| format!("{} begun", processes.len())),
        "again" => (0..number).try_for_each(|_| command.run().map(drop)).map(|()| format!("{number} runs")),
        "hold" => hold(&command, number, reply),
        "drop" => dropped(&command, reply),
        "kill" => kill(&command, reply),
        "write" => write(&command, number),
        "after" => after(&command),
        "time" => time(&command, number),
        other => return Err(sophon_agent::Failure::other(format!("the probe knows no {other} of exec"))),
    };
    Ok(Answer::text(done.unwrap_or_else(|failure| failure.to_string())))
}

fn run(command: &Command) -> Result<String> {
    let done = command.run()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(format!("{:?} {}{}", done.code, text(&done.stdout), text(&done.stderr)))
}

/// So many at once.
fn begin(command: &Command, number: u64, reply: &mut Reply) -> Result<Vec<Process>> {
    let processes: Vec<Process> = (0..number).map(|_| command.spawn()).collect::<Result<_>>()?;
    reply.write("begun")?;
    Ok(processes)
}

/// So many at once, until it is stopped.
fn hold(command: &Command, number: u64, reply: &mut Reply) -> Result<String> {
    let _held = begin(command, number, reply)?;
    loop {
        sophon_agent::control::check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the first output, and forgets the program.
fn dropped(command: &Command, reply: &mut Reply) -> Result<String> {
    let mut process = command.spawn()?;
    reply.write(&format!("{:?}", process.output()?))?;
    drop(process);
    loop {
        sophon_agent::control::check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits for the first output, and kills the program.
fn kill(command: &Command, reply: &mut Reply) -> Result<String> {
    let mut process = command.spawn()?;
    reply.write(&format!("{:?}", process.output()?))?;
    process.kill();
    loop {
        if let Output::Killed(why) = process.output()? {
            return Ok(why);
        }
    }
}

/// Writes so many bytes in two pieces, and counts what comes back.
fn write(command: &Command, number: u64) -> Result<String> {
    let mut process = command.clone().stdin("begin").spawn()?;
    let bytes = vec![b'x'; usize::try_from(number)?];
    process.write(&bytes)?;
    process.write(&bytes)?;
    process.close_stdin()?;
    let mut count = 0;
    loop {
        match process.output()? {
            Output::Stdout(bytes) | Output::Stderr(bytes) => count += bytes.len(),
            Output::Exited(code) => return Ok(format!("{count} bytes, code {code}")),
            Output::Killed(why) => return Ok(why),
        }
    }
}

/// Asks for more after the end.
fn after(command: &Command) -> Result<String> {
    let mut process = command.spawn()?;
    while !matches!(process.output()?, Output::Exited(_) | Output::Killed(_)) {}
    process.output().map(|output| format!("{output:?}"))
}

/// The median time of a run, in nanoseconds.
fn time(command: &Command, number: u64) -> Result<String> {
    let mut times = Vec::new();
    for _ in 0..number {
        let start = Instant::now();
        command.run()?;
        times.push(start.elapsed().as_nanos());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].to_string())
}
