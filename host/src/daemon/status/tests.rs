//! What is told of what happened.

use super::*;
use crate::daemon::status::Report;
use crate::registry::Registry;

fn status() -> Status {
    Status::new("https://cloud.example".to_owned(), Registry::empty(), Arc::default(), at(0))
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn report(status: &Status, second: u64) -> Report {
    status.report(&Troubles::default(), at(second))
}

fn turn(name: &str) -> InteractionId {
    InteractionId::try_from(name.to_owned()).expect("an id")
}

fn session(name: &str) -> SessionId {
    SessionId::try_from(name.to_owned()).expect("an id")
}

#[test]
fn the_link_is_told_with_its_times_and_its_last_reason() {
    let status = status();
    assert_eq!(report(&status, 1).link, LinkReport::Connecting { since: 0 });
    let installation = InstallationId::try_from("inst_1".to_owned()).expect("an id");
    status.connected(&installation, at(2));
    let connected = LinkReport::Connected { since: 2_000, installation: "inst_1".to_owned() };
    assert_eq!((report(&status, 3).link, report(&status, 3).reconnects), (connected, 0));
    status.disconnected("cut", Duration::from_secs(1), at(4));
    status.disconnected("refused\n", Duration::from_secs(2), at(5));
    let waiting = LinkReport::Waiting { since: 4_000, reason: "refused\\n".to_owned(), next_dial_at: 7_000 };
    assert_eq!(report(&status, 6).link, waiting);
    status.connected(&installation, at(8));
    assert_eq!(report(&status, 9).reconnects, 1);
}

#[test]
fn turns_are_counted_once_whatever_order_they_are_told_in() {
    let (status, here) = (status(), session("s"));
    for name in ["a", "b", "c"] {
        status.opens(&turn(name));
        status.opens(&turn(name));
        status.moved(&turn(name), &here, Stage::Opening);
    }
    status.moved(&turn("a"), &here, Stage::Running);
    let told = report(&status, 1);
    assert_eq!((told.turns.running, told.turns.waiting, told.queues.sessions), (1, 2, 1));
    status.moved(&turn("a"), &here, Stage::Settled(Fate::Limited));
    status.moved(&turn("a"), &here, Stage::Ended { told: true });
    status.moved(&turn("b"), &here, Stage::Ended { told: false });
    // One that was interrupted by a restart: it never opened here.
    status.moved(&turn("old"), &here, Stage::Ended { told: true });
    let told = report(&status, 2);
    assert_eq!((told.turns.running, told.turns.waiting), (0, 1));
    assert_eq!(told.turns.ended(), [(1, "at a limit"), (2, "not run"), (1, "not told to the cloud")]);
}

#[test]
fn updates_are_unacked_until_they_are_recorded() {
    let status = status();
    (0..3).for_each(|_| status.received());
    status.recorded();
    assert_eq!(report(&status, 1).queues.unacked, 2);
}

#[test]
fn only_the_last_troubles_are_kept_bounded_and_escaped() {
    let troubles = Troubles::default();
    for number in 0..50 {
        troubles.push("warn", &format!("{number}\u{1b}[2J{}", "x".repeat(5_000)), at(number));
    }
    let kept = troubles.list();
    assert_eq!((kept.len(), kept[0].at, kept[19].at), (20, 30_000, 49_000));
    assert!(kept[0].text.starts_with("30\\u{1b}[2Jxx") && kept[0].text.len() < 700, "{}", kept[0].text);
}
