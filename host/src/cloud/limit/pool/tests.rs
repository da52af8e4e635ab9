//! Several buckets: which one an answer speaks of, and who goes where.

use super::super::route::Rank;
use super::*;
use std::time::Duration;

const OPEN: &str = "/v1/bridge/sendMessage";
const END: &str = "/v1/bridge/sendMessageEnd";
const DELTA: &str = "/v1/bridge/sendMessageDelta";

fn heard(bucket: &str, scope: &str, (limit, remaining): (u32, u32), verdict: Verdict) -> Heard {
    let (bucket, scope) = (Name::new(bucket), Name::new(scope));
    Heard { limits: Some(Limits { limit, remaining, reset: None, bucket, scope }), verdict }
}

fn pool() -> (Pool<u64>, Instant) {
    let now = Instant::now();
    (Pool::new(now), now)
}

/// Asks, and settles by this answer.
fn exchange(pool: &mut Pool<u64>, path: &'static str, heard: &Heard, now: Instant) {
    let grant = pool.ask(path, now).expect("a token");
    pool.settle(&grant, path, heard, now);
}

#[test]
fn routes_of_one_bucket_share_it_and_others_do_not() {
    let (mut pool, now) = pool();
    exchange(&mut pool, OPEN, &heard("msg", "installation", (30, 2), Verdict::Taken), now);
    assert!(pool.ask(END, now).is_some());
    assert!(pool.ask(OPEN, now).is_none(), "the one that is left is never drawn");
    assert!(pool.ask(DELTA, now).is_some());
}

#[test]
fn a_route_follows_the_bucket_that_its_answers_name_and_so_does_who_waits() {
    let (mut pool, now) = pool();
    let first = pool.ask(END, now).expect("a token");
    pool.wait(END, 7, 7);
    pool.wait(OPEN, 8, 8);
    pool.settle(&first, END, &heard("ends", "agent", (4, 3), Verdict::Taken), now);
    let served: Vec<u64> = pool.serve(now).into_iter().map(|(waiter, ..)| waiter).collect();
    assert_eq!(served, [8, 7], "each from its own");
    let again = pool.ask(END, now).expect("a token of the new bucket");
    assert!(pool.fits(&again, END) && !pool.fits(&again, OPEN));
}

#[test]
fn the_bucket_of_a_refused_request_is_nobodys_but_its_own() {
    let (mut pool, now) = pool();
    exchange(&mut pool, OPEN, &heard("default", "ip", (30, 0), Verdict::Unclear), now);
    let grant = pool.ask(OPEN, now).expect("nothing is known of it yet");
    assert!(pool.fits(&grant, END), "it draws where it drew before");
}

#[test]
fn one_name_in_two_scopes_is_two_buckets() {
    let (mut pool, now) = pool();
    exchange(&mut pool, OPEN, &heard("msg", "installation", (30, 20), Verdict::Taken), now);
    exchange(&mut pool, END, &heard("msg", "agent", (30, 20), Verdict::Empty(Duration::from_secs(1))), now);
    assert!(pool.ask(END, now).is_none(), "shut");
    assert!(pool.ask(OPEN, now).is_some(), "open");
}

#[test]
fn a_cloud_of_many_names_is_not_followed_for_ever() {
    let (mut pool, mut now) = pool();
    for number in 0..100 {
        now += Duration::from_secs(1);
        exchange(&mut pool, OPEN, &heard(&format!("b{number}"), "installation", (30, 20), Verdict::Taken), now);
    }
    assert_eq!(pool.shelves.len(), MAX_BUCKETS);
}

#[test]
fn who_waits_goes_before_who_comes_and_who_leaves_is_forgotten() {
    let (mut pool, now) = pool();
    exchange(&mut pool, DELTA, &heard("delta", "installation", (200, 1), Verdict::Taken), now);
    assert_eq!(pool.next(now), Next::Idle);
    for place in 1..=3 {
        assert!(pool.ask(DELTA, now).is_none());
        pool.wait(DELTA, place, place);
    }
    let Next::At(due) = pool.next(now) else { panic!("no time") };
    pool.leave(DELTA, 1);
    assert!(pool.ask(DELTA, due).is_none(), "others were first");
    let served: Vec<u64> = pool.serve(due).into_iter().map(|(waiter, ..)| waiter).collect();
    assert_eq!(served, [2]);
    pool.leave(DELTA, 3);
    assert_eq!(pool.next(due), Next::Idle);
    assert_eq!(Rank::of(DELTA), Rank::Delta);
}
