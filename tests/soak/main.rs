//! Many turns over a link with one in twenty of everything that can go wrong: each message gets its one answer, and the
//! host's memory stays where it was.
//!
//! `tests/run soak --turns N`; 10,000 unless told, which takes the better part of an hour: sockets that are cut are
//! dialled again after a second. Not among the faults are those that end a turn or the host for good: 401 and 410.

use anyhow::{Context as _, Result, ensure};
use sophon_host::localcloud::{Buckets, Fault, Refused, RequestFault, Rule, SocketFault, UpdateFault};
use sophon_tests::{Chance, Dev, Said, Tally, User, World, check, deed, guests, number, probe};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// Users that talk at the same time.
const USERS: u64 = 16;
/// Turns between two looks at the record and the memory.
const ROUND: u64 = 500;
/// How often each fault bites.
const OFTEN: f64 = 0.05;
const MOMENT: Duration = Duration::from_millis(20);
/// The longest life of a socket.
const LIFE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_gets_its_answer_over_a_link_that_fails_and_memory_stays_flat() -> Result<()> {
    let turns = number("SOPHON_TEST_TURNS")?.unwrap_or(10_000);
    let seed = number("SOPHON_TEST_SEED")?.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{turns} turns, seed {seed}");
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let data = tempfile::tempdir()?;
    world.hand_over(data.path())?;
    let (url, agent) = (world.base_url(), probe(data.path())?);
    let mut host = Dev::start(data.path(), &["--cloud-url", &url, "--log", "error", "run", &agent], &[])?;
    for (number, fault) in faults().into_iter().enumerate() {
        let rule = Rule::chance(fault, OFTEN, seed.wrapping_add(u64::try_from(number)?));
        ensure!(world.cloud().faults().add(rule).is_some(), "too many rules");
    }

    let (mut tally, mut resident, mut chance) = (Tally::default(), Vec::new(), Chance::new(seed));
    for round in 0..turns.div_ceil(ROUND) {
        let began = Instant::now();
        tally += talk(&mut world, &mut chance).await?;
        resident.push(host.resident()?);
        let (done, mebibytes) = ((round + 1) * ROUND, resident[resident.len() - 1]);
        println!("{done} turns, {mebibytes:.1} MiB, {:.0} s", began.elapsed().as_secs_f64());
    }
    println!("{tally}");
    for rule in world.cloud().faults().list() {
        println!("{} times {:?}", rule.bites, rule.rule.fault);
    }
    ensure!(tally.interrupted + tally.given_up == 0, "turns were interrupted though the host went on");
    flat(&resident)?;
    host.terminate().await.map(drop)
}

/// Everything that a turn can get over.
fn faults() -> Vec<Fault> {
    let update = [UpdateFault::Drop, UpdateFault::Delay(MOMENT), UpdateFault::Duplicate, UpdateFault::Swap];
    let socket = [SocketFault::CutBefore, SocketFault::CutAfter, SocketFault::SlowReads(MOMENT)];
    let refuse = |status, retry_after| RequestFault::Refuse { status, retry_after };
    let request = [
        refuse(Refused::TooMany, Some(MOMENT)),
        refuse(Refused::Internal, None),
        refuse(Refused::BadGateway, None),
        refuse(Refused::Unavailable, Some(MOMENT)),
        RequestFault::LoseAnswer,
        RequestFault::HoldThenDo(MOMENT),
        RequestFault::DoThenHold(MOMENT),
    ];
    let update = update.into_iter().map(|what| Fault::Update { kind: None, what });
    let socket = socket.into_iter().map(|what| Fault::Socket { frame: None, what });
    let request = request.into_iter().map(|what| Fault::Request { route: None, what });
    update.chain(socket).chain(request).collect()
}

/// One round: all users talk in sessions of their own, then the record is looked at.
async fn talk(world: &mut World, chance: &mut Chance) -> Result<Tally> {
    // A user of their own, so that what was seen before need not be looked through.
    world.user = User::connect(&world.base_url(), &world.user_token).await?;
    let mut talks = Vec::new();
    for user in 0..USERS {
        let count = ROUND / USERS + u64::from(user < ROUND % USERS);
        let deeds: Vec<_> = (0..count).map(|_| deed(chance)).collect();
        let user = &world.user;
        talks.push(async move {
            let session = user.session().await?;
            let mut said = Vec::new();
            for deed in deeds {
                let interaction = user.say(&session, &deed.words).await?;
                user.answer(&interaction).await.with_context(|| format!("no end of {}", deed.words))?;
                said.push(Said { interaction, deed });
            }
            anyhow::Ok(said)
        });
    }
    let said = tokio::select! {
        said = futures_util::future::try_join_all(talks) => said?.concat(),
        never = cut_often(world) => match never {},
    };
    check(world, &said)
}

/// A network that never lasts long. Without it nothing would tell of the last update of all, if that is dropped.
async fn cut_often(world: &World) -> Infallible {
    loop {
        tokio::time::sleep(LIFE).await;
        world.cloud().cut();
    }
}

/// The last thousand turns must not need more than the first did.
fn flat(resident: &[f64]) -> Result<()> {
    let thousand = usize::try_from(1_000 / ROUND)?;
    let mean = |rounds: &[f64]| rounds.iter().sum::<f64>() / rounds.len() as f64;
    if resident.len() >= 2 * thousand {
        let (first, last) = (mean(&resident[..thousand]), mean(&resident[resident.len() - thousand..]));
        println!("memory: {first:.1} MiB in the first thousand, {last:.1} MiB in the last");
        ensure!(last <= first * 1.05, "memory grew from {first:.1} to {last:.1} MiB");
    }
    Ok(())
}
