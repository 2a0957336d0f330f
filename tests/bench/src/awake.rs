//! The cost of waking consumers ahead: the seconds that each function is awake on a day of visits, with and without.
//!
//! This is a simulation: the visits are a script, the functions wake and sleep by Knative's defaults, and the gateway's own code chooses the
//! functions to wake.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::event::{EventType, Topic};
use domain::routes::{
    self, COMPLETE_TASK, CREATE_TASK, LIST_REMINDERS, LIST_TAGS, LIST_TASKS, NOTIFY, Route, SEARCH_TASKS, SET_PRIORITY, UPDATE_TASK,
};
use gateway::ahead::{AWAKE, Ahead};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{BoxError, report};

const VISITS: u64 = 20;
/// Between the first and the last visit of the day.
const DAY: Duration = Duration::from_hours(14);
/// How long Knative keeps an idle pod: its autoscaler's window, and the grace period of scaling to zero.
const KEPT: Duration = Duration::from_secs(90);
/// Duration of a cold start in the test cluster, and of a call of a running function.
const COLD: Duration = Duration::from_millis(1_300);
const WARM: Duration = Duration::from_millis(20);
/// How long a user thinks between two actions.
const THOUGHT: Duration = Duration::from_secs(8);

/// One action: the called function, and its event.
type Action = (&'static Route, Option<(EventType, Value)>);

/// The functions and their time awake.
struct Cluster {
    /// When a function was last called, and how long it was awake before.
    functions: BTreeMap<&'static str, (Instant, Duration)>,
    ahead: Option<Ahead>,
}

impl Cluster {
    fn is_awake(&self, function: &Route, now: Instant, kept: Duration) -> bool {
        self.functions.get(function.name).is_some_and(|(last, _)| now.duration_since(*last) < kept)
    }

    /// Calls a function, and returns the duration.
    fn call(&mut self, function: &Route, now: Instant) -> Duration {
        let is_awake = self.is_awake(function, now, KEPT);
        let (last, awake) = self.functions.entry(function.name).or_insert((now, Duration::ZERO));
        *awake += if is_awake { now.duration_since(*last) } else { Duration::ZERO };
        if !is_awake && *last < now {
            *awake += KEPT;
        }
        *last = now;
        if is_awake { WARM } else { COLD }
    }

    fn act(&mut self, now: Instant, (function, announced): &Action) {
        if let Some(ahead) = self.ahead.take() {
            let woken = ahead.choose(function, now, |route| self.is_awake(route, now, AWAKE));
            self.ahead = Some(ahead);
            for route in woken {
                self.call(route, now);
            }
        }
        let told = now + self.call(function, now);
        let Some((ty, data)) = announced else { return };
        if let Some(ahead) = &self.ahead {
            ahead.learn(Topic::TaskEvents, *ty, data, &[]);
        }
        for consumer in routes::ALL
            .iter()
            .filter(|route| route.has_to_do(Topic::TaskEvents, *ty, data, routes::Audience { is_watched: true, posted: &[] }))
        {
            self.call(consumer, told);
        }
    }

    fn seconds(&self) -> BTreeMap<&'static str, u64> {
        self.functions.iter().map(|(name, (_, awake))| (*name, (*awake + KEPT).as_secs())).collect()
    }
}

pub(crate) fn run() -> Result<(), BoxError> {
    report::setting(&format!(
        "Awake seconds on a simulated day of {VISITS} visits; a pod sleeps {} s after its last call, a cold start takes {} ms",
        KEPT.as_secs(),
        COLD.as_millis()
    ));
    let (without, with) = (day(None).seconds(), day(Some(Ahead::default())).seconds());
    report::head(&["function", "without", "with waking ahead", "ratio"]);
    let row = |name: &str, without: u64, with: u64| -> Result<(), BoxError> {
        let ratio = report::ratio(f64::from(u32::try_from(with)?), f64::from(u32::try_from(without)?));
        report::row(&[name.to_owned(), without.to_string(), with.to_string(), ratio]);
        Ok(())
    };
    for (name, seconds) in &with {
        row(name, without.get(name).copied().unwrap_or(0), *seconds)?;
    }
    row("all", without.values().sum(), with.values().sum())?;
    report::end();
    Ok(())
}

fn day(ahead: Option<Ahead>) -> Cluster {
    let begin = Instant::now();
    let mut cluster = Cluster { functions: BTreeMap::new(), ahead };
    for visit in 0..VISITS {
        // Uneven but reproducible.
        let share = f64::from(u32::try_from(visit * 7_919 % 1_000).unwrap_or(0)) / 1_000.0;
        let every = DAY / u32::try_from(VISITS).unwrap_or(1);
        let mut now = begin + every * u32::try_from(visit).unwrap_or(0) + every.mul_f64(share / 2.0);
        for action in visit_of(visit) {
            cluster.act(now, &action);
            if action.1.is_some() || *action.0 == SEARCH_TASKS {
                now += THOUGHT;
            }
        }
    }
    cluster
}

/// Returns the actions of a visit: the page opens, and then a few of these.
fn visit_of(visit: u64) -> Vec<Action> {
    let task = |recurrence: &str, due: bool, reminder: bool| {
        let due = due.then_some("2027-01-31T08:00:00Z");
        let offset = reminder.then_some("1 hour");
        json!({ "task_data": { "recurrence": recurrence, "due_date": due, "reminder_offset": offset } })
    };
    let mut actions: Vec<Action> = [&LIST_TASKS, &LIST_TAGS, &LIST_REMINDERS, &NOTIFY].map(|route| (route, None)).into();
    let (created, updated, completed) = (EventType::TaskCreated, EventType::TaskUpdated, EventType::TaskCompleted);
    actions.extend(match visit % 5 {
        0 => {
            vec![(&CREATE_TASK, Some((created, task("none", true, true)))), (&COMPLETE_TASK, Some((completed, task("none", true, false))))]
        }
        1 => vec![(&COMPLETE_TASK, Some((completed, task("daily", true, true))))],
        2 => {
            vec![(&CREATE_TASK, Some((created, task("none", false, false)))), (&SET_PRIORITY, Some((updated, task("none", false, false))))]
        }
        3 => vec![(&SEARCH_TASKS, None), (&UPDATE_TASK, Some((updated, task("weekly", true, false))))],
        _ => vec![
            (&COMPLETE_TASK, Some((completed, task("none", false, false)))),
            (&COMPLETE_TASK, Some((completed, task("none", true, true)))),
        ],
    });
    actions
}
