//! The hostile corpus: every guest of `tests/guests/hostile` ends as `expected.tsv` says, and nobody else notices.
//!
//! One host, the real binary, has them all. Each runs beside a turn of `echo`, which must answer as ever. In the end the
//! host is asked once more, and what it has of memory, processes and files is looked at.

mod made;
mod outside;
mod person;
mod shifting;
mod table;
mod town;

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, stream};
use outside::Files;
use sophon_tests::Event;
use std::time::Instant;
use table::Row;
use town::{CANARY, Town};

/// Guests that run at a time, each beside one that is none.
const AT_ONCE: usize = 4;
/// What the host may have grown by when all is over, in MiB. The pool keeps some memory that guests had for the next ones.
const MAX_GROWTH: f64 = 128.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_hostile_guest_ends_as_it_must_and_nobody_else_notices() -> Result<()> {
    let rows: Vec<Row> = table::rows()?.into_iter().filter(|row| row.how != "shifting").collect();
    let began = Instant::now();
    let mut town = Town::start(&rows).await?;
    let session = town.world.user.session().await?;
    let first = town.world.user.say(&session, "first").await?;
    // Compiling them all takes a while, and a crash while doing so is told in the host's words.
    let answered = match town.world.user.answer(&first).await {
        Ok(answer) => answer,
        Err(_) => town.world.user.answer(&first).await?,
    };
    ensure!(answered.text == "first");
    let (memory, files) = (town.host.resident()?, outside::files(&town.outside)?);
    println!("{} guests; the host is up after {:.0?} with {memory:.0} MiB", rows.len(), began.elapsed());

    let mut wrong = refused(&town, &rows).await?;
    let running: Vec<&Row> = rows.iter().filter(|row| row.ending != "refused").collect();
    let turns = stream::iter(running).map(|row| turn(&town, row)).buffer_unordered(AT_ONCE);
    let told = tokio::select! {
        told = turns.collect::<Vec<_>>() => told,
        never = person::says_no(&town.world.user) => return never,
    };
    wrong.extend(told.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")));
    wrong.extend(person::misled(&town.world.user.events()));
    wrong.extend(after(&town, memory, &files).await);
    println!("{:.0?} in all", began.elapsed());
    let (_, words) = town.host.terminate().await?;
    let bad = |line: &&str| line.contains(CANARY) || line.contains("panicked at host/");
    wrong.extend(words.lines().filter(bad).map(str::to_owned));
    ensure!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_shift_lead_nowhere_else() -> Result<()> {
    let rows: Vec<Row> = table::rows()?.into_iter().filter(|row| row.how == "shifting").collect();
    ensure!(!rows.is_empty(), "there is no such guest");
    for row in &rows {
        shifting::check(row).await?;
    }
    Ok(())
}

/// What is wrong with the guests that are not to be loaded, and that nobody else was refused.
async fn refused(town: &Town, rows: &[Row]) -> Result<Vec<String>> {
    let session = town.world.user.session().await?;
    let list = town.world.user.ask(&session, "/agents").await?.text;
    let told: Vec<&str> = list.lines().filter(|line| line.contains("not loaded: ")).collect();
    let line = |row: &Row| told.iter().find(|line| line.contains(&format!("/agents/{}/", row.name)));
    let wrong = rows.iter().filter_map(|row| match (line(row), row.ending) {
        (Some(line), "refused") if line.contains(row.words) => None,
        (None, ending) if ending != "refused" => None,
        (line, ending) => Some(format!("{}: to be {ending} with `{}`, and: {line:?}", row.name, row.words)),
    });
    Ok(wrong.collect())
}

/// One guest's turn, beside one of `echo`.
async fn turn(town: &Town, row: &Row) -> Result<()> {
    let user = &town.world.user;
    let (session, other) = (user.session().await?, user.session().await?);
    user.ask(&session, &format!("/use {}", town.agent(row)?)).await?;
    let hostile = user.say(&session, &format!("{} {}", row.name, town.site.addr)).await?;
    let words = format!("beside {}", row.name);
    let beside = user.say(&other, &words).await?;
    let (text, good) = (user.answer(&hostile).await?.text, user.answer(&beside).await?);
    let ends =
        |interaction: &str| user.kinds_of(interaction).iter().filter(|kind| *kind == "message_finalized").count();
    ensure!(good.text == words && good.finish == "stop", "{} was noticed beside it: {good:?}", row.name);
    ensure!((ends(&hostile), ends(&beside)) == (1, 1), "{}: a bubble ended more than once", row.name);
    row.judge(&text).map_err(|wrong| anyhow::anyhow!("{}: {wrong}, and: {:.500}", row.name, text.escape_debug()))
}

/// What the guests left behind.
async fn after(town: &Town, memory: f64, files: &Files) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(what)
        }
    };
    let user = &town.world.user;
    let answer = async { user.ask(&user.session().await?, "last").await };
    let answer = answer.await.map(|answer| answer.text);
    check(answer.as_ref().is_ok_and(|text| text == "last"), format!("the host answers {answer:?}"));
    let grown = town.host.resident().map(|now| now - memory);
    println!("the host has grown by {grown:.1?} MiB, and may by {MAX_GROWTH}");
    check(grown.as_ref().is_ok_and(|grown| *grown < MAX_GROWTH), format!("the host has grown by {grown:?} MiB"));
    let children = town.host.id().map(outside::children);
    check(matches!(&children, Some(Ok(none)) if none.is_empty()), format!("processes are left: {children:?}"));
    let now = outside::files(&town.outside);
    check(now.as_ref().is_ok_and(|now| files == now), "files outside of the host's data were changed".to_owned());
    let told = |event: &Event| event.data["role"] != "user" && event.data.to_string().contains(CANARY);
    check(!user.events().iter().any(told), "the canary was told in the chat".to_owned());
    for asked in town.site.asked() {
        let split = ["/split", "/b HTTP", "\r\nx: y", CANARY].iter().any(|part| asked.contains(part));
        check(!split, format!("the site was asked {asked:.500}"));
    }
    wrong
}
