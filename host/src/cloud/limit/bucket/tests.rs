//! One bucket against a cloud that counts exactly, on a network that delays as it likes.

use super::super::headers::Name;
use super::*;
use proptest::collection::vec;

/// The cloud's own bucket: exact, and it counts a request when it arrives.
struct Server {
    capacity: u32,
    rate: f64,
    tokens: f64,
    at: Instant,
}

impl Server {
    fn answer(&mut self, now: Instant) -> Heard {
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * self.rate).min(f64::from(self.capacity));
        self.at = now;
        let fits = self.tokens >= 1.0;
        let wait = Duration::from_secs_f64(((1.0 - self.tokens) / self.rate).max(0.0));
        self.tokens -= if fits { 1.0 } else { 0.0 };
        let after = (f64::from(self.capacity) - self.tokens) / self.rate;
        let limits = Limits {
            limit: self.capacity,
            remaining: self.tokens as u32,
            // Three decimals, rounded.
            reset: Some(Reset { after: (after * 1e3).round() / 1e3, within: 1e-3 }),
            bucket: Name::new("msg"),
            scope: None,
        };
        let verdict = if fits { Verdict::Taken } else { Verdict::Empty(wait) };
        Heard { limits: Some(limits), verdict }
    }
}

/// A request under way: when it arrives, when its answer does, and what that says.
struct Flight {
    draw: Draw,
    arrives: Instant,
    answered: Instant,
    heard: Option<Heard>,
    was_known: bool,
}

/// What came of a simulation.
struct Outcome {
    /// 429s met by requests that left after the first answer.
    refused: usize,
    taken: usize,
}

/// Sends whenever the bucket lets it, for `seconds`; each request takes the next of `delays`, in milliseconds, there
/// and the next one back.
fn simulate(bucket: &mut Bucket, server: &mut Server, delays: &[u64], seconds: u64) -> Outcome {
    let start = server.at;
    let end = start + Duration::from_secs(seconds);
    let mut delays = delays.iter().cycle().copied().map(Duration::from_millis);
    let (mut now, mut flights) = (start, Vec::<Flight>::new());
    let mut outcome = Outcome { refused: 0, taken: 0 };
    while now < end {
        flights.sort_by_key(|flight| flight.arrives);
        for flight in flights.iter_mut().filter(|flight| flight.arrives <= now && flight.heard.is_none()) {
            flight.heard = Some(server.answer(flight.arrives));
        }
        let (over, going) = flights.into_iter().partition(|flight: &Flight| flight.answered <= now);
        flights = going;
        for Flight { draw, heard, was_known, .. } in over {
            let heard = heard.expect("it arrived before its answer");
            let is_refused = matches!(heard.verdict, Verdict::Empty(_));
            outcome.refused += usize::from(is_refused && was_known);
            outcome.taken += usize::from(!is_refused);
            bucket.settle(&draw, &heard, now);
        }
        while let Some(draw) = bucket.draw(now) {
            let arrives = now + delays.next().expect("endless");
            let answered = arrives + delays.next().expect("endless");
            flights.push(Flight { draw, arrives, answered, heard: None, was_known: bucket.heard });
        }
        let moments =
            flights.iter().map(|flight| if flight.heard.is_some() { flight.answered } else { flight.arrives });
        let step = Duration::from_micros(1);
        now = moments.chain(bucket.due(now)).min().unwrap_or(end).max(now + step);
    }
    outcome
}

fn server(capacity: u32, rate: f64, tokens: f64) -> Server {
    Server { capacity, rate, tokens, at: Instant::now() }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn no_request_is_refused_while_the_clouds_own_bucket_agrees(
        capacity in 1..80_u32, rate in 0.5..200.0_f64, fill in 0.0..1.0_f64, delays in vec(0..400_u64, 1..40),
        documented: bool,
    ) {
        // What is documented is believed; what is not is learned.
        let (capacity, rate) = if documented { (30, 10.0) } else { (if capacity == 30 { 31 } else { capacity }, rate) };
        let mut server = server(capacity, rate, fill * f64::from(capacity));
        let mut bucket = Bucket::new(30, 10, server.at);
        let outcome = simulate(&mut bucket, &mut server, &delays, 20);
        assert_eq!(outcome.refused, 0, "{bucket:?}");
    }

    #[test]
    fn a_bucket_is_used_up_to_what_it_gives(fill in 0.0..1.0_f64, delays in vec(0..60_u64, 1..40)) {
        let mut server = server(200, 100.0, fill * 200.0);
        let mut bucket = Bucket::new(200, 100, server.at);
        let outcome = simulate(&mut bucket, &mut server, &delays, 20);
        assert!(outcome.taken as f64 >= 0.96 * (20.0 * 100.0), "{} were taken: {bucket:?}", outcome.taken);
        assert_eq!(outcome.refused, 0, "{bucket:?}");
    }

    #[test]
    fn whatever_answers_say_the_bucket_goes_on(
        said in vec((1..5_000_u32, 0..5_000_u32, 0.0..90_000.0_f64, 0..7_u32, 0..100_000_u64), 1..60),
    ) {
        let start = Instant::now();
        let (mut bucket, mut now, mut draws) = (Bucket::new(30, 10, start), start, Vec::new());
        for (limit, remaining, after, within, step) in said {
            now += Duration::from_millis(step);
            draws.extend(bucket.draw(now));
            let limits = Limits {
                limit,
                remaining: remaining.min(limit),
                reset: Some(Reset { after, within: 0.1_f64.powi(within.cast_signed()) }),
                bucket: None,
                scope: None,
            };
            let wait = Duration::from_millis(step * 1_000);
            let verdict = if step % 5 == 0 { Verdict::Empty(wait) } else { Verdict::Taken };
            if step % 3 != 0 && let Some(draw) = draws.pop() {
                bucket.settle(&draw, &Heard { limits: Some(limits), verdict }, now);
            }
            assert!(bucket.level.is_finite() && bucket.level <= bucket.capacity && bucket.rate >= SLOWEST);
            for draw in draws.drain(..draws.len() / 2) {
                bucket.give_back(&draw);
            }
        }
        draws.iter().for_each(|draw| bucket.give_back(draw));
        // With nothing under way there is always a next token, and not far off.
        let due = bucket.due(now).expect("it comes by itself");
        assert!(due - now < Duration::from_secs(24 * 3_600), "in {:?}", due - now);
    }
}

#[test]
fn before_the_first_answer_one_is_under_way() {
    let now = Instant::now();
    let mut bucket = Bucket::new(30, 10, now);
    let first = bucket.draw(now).expect("the first");
    assert!(bucket.draw(now).is_none());
    assert_eq!(bucket.due(now), Some(now + PACE));
    let mut server = server(30, 10.0, 30.0);
    bucket.settle(&first, &server.answer(server.at), now);
    let burst = std::iter::from_fn(|| bucket.draw(now)).count();
    assert_eq!(burst, 28, "all that is left, but one");
}

#[test]
fn a_refusal_shuts_the_bucket_for_as_long_as_it_says() {
    let now = Instant::now();
    let mut bucket = Bucket::new(200, 100, now);
    let draw = bucket.draw(now).expect("the first");
    bucket.settle(&draw, &Heard { limits: None, verdict: Verdict::Empty(Duration::from_secs(3)) }, now);
    assert_eq!(bucket.due(now), Some(now + Duration::from_secs(3)));
    assert!(bucket.draw(now + Duration::from_millis(2_999)).is_none());
    assert!(bucket.draw(now + Duration::from_secs(3)).is_some());
}

#[test]
fn answers_that_overtake_each_other_change_nothing() {
    let now = Instant::now();
    let mut server = server(30, 10.0, 30.0);
    let mut bucket = Bucket::new(30, 10, now);
    let first = bucket.draw(now).expect("a token");
    bucket.settle(&first, &server.answer(server.at), now);
    let draws: Vec<Draw> = (0..9).filter_map(|_| bucket.draw(now)).collect();
    let answers: Vec<Heard> = (0..9).map(|_| server.answer(server.at)).collect();
    for (draw, heard) in draws.iter().zip(&answers).rev() {
        bucket.settle(draw, heard, now);
    }
    assert!((bucket.level - 20.0).abs() < 1e-9, "{bucket:?}");
}

#[test]
fn somebody_else_who_draws_on_the_bucket_is_noticed() {
    let now = Instant::now();
    let mut server = server(30, 10.0, 30.0);
    let mut bucket = Bucket::new(30, 10, now);
    for others in [0, 20] {
        let draw = bucket.draw(now).expect("a token");
        server.tokens -= f64::from(others);
        bucket.settle(&draw, &server.answer(server.at), now);
    }
    assert!((bucket.level - 8.0).abs() < 1e-9, "{bucket:?}");
}
