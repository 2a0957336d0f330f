//! Generates load: a number of connections, each with its own work, at full speed or at a rate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::BoxError;
use crate::client::{Call, Client};

/// The requests of one connection.
pub(crate) trait Work: Send + 'static {
    fn next(&mut self) -> Call;

    /// Receives the last answer.
    fn answered(&mut self, _: &Bytes) {}
}

impl<F: FnMut() -> Call + Send + 'static> Work for F {
    fn next(&mut self) -> Call {
        self()
    }
}

/// Options of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) connections: u32,
    /// Before the measurement: connections open, statements are prepared.
    pub(crate) warm_up: Duration,
    pub(crate) lasting: Duration,
    /// Time between two calls of a connection; `None` for full speed.
    pub(crate) pace: Option<Duration>,
}

impl Plan {
    pub(crate) fn full_speed(connections: u32, seconds: u64) -> Self {
        Self { connections, warm_up: Duration::from_secs(1), lasting: Duration::from_secs(seconds), pace: None }
    }
}

/// Results.
pub(crate) struct Figures {
    times: Histogram<u64>,
    lasting: Duration,
    pub(crate) errors: u32,
    /// The first error.
    pub(crate) error: Option<String>,
    /// Figures by kind of call, if calls have kinds.
    pub(crate) kinds: BTreeMap<&'static str, Figures>,
}

impl Figures {
    pub(crate) fn of(times: impl IntoIterator<Item = Duration>) -> Result<Self, BoxError> {
        let mut histogram = Histogram::new(3)?;
        for time in times {
            histogram.record(u64::try_from(time.as_micros())?.max(1))?;
        }
        Ok(Self { times: histogram, lasting: Duration::ZERO, errors: 0, error: None, kinds: BTreeMap::new() })
    }

    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.times.value_at_quantile(quantile))
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_micros(self.times.max())
    }

    pub(crate) fn count(&self) -> u64 {
        self.times.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.times.len()).unwrap_or(u32::MAX)) / self.lasting.as_secs_f64()
    }

    /// Returns p50, p99 and maximum as cells.
    pub(crate) fn cells(&self) -> [String; 3] {
        [self.quantile(0.5), self.quantile(0.99), self.max()].map(crate::report::ms)
    }

    /// Returns the number of errors, with the first one.
    pub(crate) fn errors(&self) -> String {
        self.error.as_ref().map_or("0".to_owned(), |error| format!("{}: {error}", self.errors))
    }
}

/// Generates the load. At a rate, a call's duration counts from when it was due, so that a slow answer also counts for the calls that wait behind it.
pub(crate) async fn run<W: Work>(address: SocketAddr, plan: Plan, mut work: impl FnMut(u32) -> W) -> Result<Figures, BoxError> {
    let mut workers = Vec::new();
    for number in 0..plan.connections {
        workers.push((Client::connect(address).await?, work(number)));
    }
    let begin = Instant::now();
    let workers = workers.into_iter().zip(0..).map(|((client, work), number)| tokio::spawn(worker(client, work, plan, begin, number)));
    let mut times: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
    let (mut errors, mut error) = (0, None);
    for worker in workers.collect::<Vec<_>>() {
        let done = worker.await?;
        for (kind, time) in done.times {
            times.entry(kind).or_default().push(time);
        }
        errors += done.errors;
        error = error.or(done.error);
    }
    let mut all = Figures::of(times.values().flatten().copied())?;
    for (kind, times) in times.into_iter().filter(|(kind, _)| !kind.is_empty()) {
        all.kinds.insert(kind, Figures { lasting: plan.lasting, ..Figures::of(times)? });
    }
    Ok(Figures { lasting: plan.lasting, errors, error, ..all })
}

#[derive(Default)]
struct Done {
    times: Vec<(&'static str, Duration)>,
    errors: u32,
    error: Option<String>,
}

async fn worker(mut client: Client, mut work: impl Work, plan: Plan, begin: Instant, number: u32) -> Done {
    let mut done = Done::default();
    let measured = begin + plan.warm_up;
    let end = measured + plan.lasting;
    // At a rate, the connections are spread evenly over it.
    let mut due = begin + plan.pace.unwrap_or_default() * number / plan.connections.max(1);
    loop {
        if plan.pace.is_some() {
            tokio::time::sleep_until(due).await;
        } else {
            due = Instant::now();
        }
        if due >= end {
            return done;
        }
        let call = work.next();
        let kind = call.kind;
        let answer = client.call(call).await;
        let now = Instant::now();
        match answer {
            Ok(body) => {
                work.answered(&body);
                // At full speed, only calls answered in time count.
                if due >= measured && (plan.pace.is_some() || now < end) {
                    done.times.push((kind, now - due));
                }
            }
            Err(error) => {
                done.errors += 1;
                done.error.get_or_insert_with(|| error.to_string());
                if plan.pace.is_none() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        due += plan.pace.unwrap_or_default();
    }
}
