//! Wakes the consumers of the events that a call will announce, together with the function of the call. From zero, the call and its consequences then
//! share one cold start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::event::{EventType, Topic};
use domain::routes::{self, Audience, Concern, Route};
use function::App;
use serde_json::Value;
use tokio::time::Instant;

/// How long after its last answer a function counts as awake. Knative ends an idle pod after a minute.
pub const AWAKE: Duration = Duration::from_secs(50);

/// Predicts which functions are needed next.
#[derive(Default)]
pub struct Ahead {
    /// Whether a consumer had something to do for the last event of a type. For example, most completed tasks do not recur, so waking
    /// spawn-recurrence for each would be a waste.
    needed: Mutex<HashMap<(&'static str, EventType), bool>>,
    /// When a function was last woken.
    woken: Mutex<HashMap<&'static str, Instant>>,
}

impl Ahead {
    /// Records which consumers have something to do for such an event. `posted`: event types that the webhook receives.
    pub fn learn(&self, topic: Topic, ty: EventType, data: &Value, posted: &[EventType]) {
        let mut needed = self.needed();
        for route in routes::ALL.iter().filter(|route| is_woken(route, topic, ty)) {
            needed.insert((route.name, ty), route.has_to_do(topic, ty, data, Audience { is_watched: true, posted }));
        }
    }

    /// Chooses the functions to wake together with one that is not awake: the consumers of its events that are not awake either and probably have
    /// something to do. `is_awake`: whether a function answered recently.
    #[must_use]
    pub fn choose(&self, called: &Route, now: Instant, is_awake: impl Fn(&Route) -> bool) -> Vec<&'static Route> {
        if is_awake(called) {
            return Vec::new();
        }
        let (needed, mut woken) = (self.needed(), self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        let announced: Vec<EventType> = called.announced().collect();
        let is_needed = |route: &Route| {
            let wants = |ty: &EventType| Topic::ALL.iter().any(|topic| is_woken(route, *topic, *ty));
            announced.iter().any(|ty| wants(ty) && needed.get(&(route.name, *ty)).copied().unwrap_or(true))
        };
        let is_asleep = |route: &&Route| !is_awake(route) && woken.get(route.name).is_none_or(|last| now.duration_since(*last) >= AWAKE);
        let chosen: Vec<_> = routes::ALL.iter().filter(|route| is_needed(route)).filter(is_asleep).collect();
        woken.extend(chosen.iter().map(|route| (route.name, now)));
        chosen
    }

    /// Wakes them in the background.
    pub(crate) fn with_call(&self, app: &Arc<App>, called: &Route) {
        if !app.settings.wake_ahead {
            return;
        }
        let is_awake = |route: &Route| app.functions.answered_ago(route).is_some_and(|ago| ago < AWAKE);
        for route in self.choose(called, Instant::now(), is_awake) {
            app.wake(route);
        }
    }

    fn needed(&self) -> MutexGuard<'_, HashMap<(&'static str, EventType), bool>> {
        self.needed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True if such an event wakes this consumer ahead. Live updates wake none, because open pages have woken it. No user waits for webhooks, for the audit
/// log, which consumes every event, or for the cancellation of reminders. Their cold starts would slow down the awaited ones.
fn is_woken(route: &Route, topic: Topic, ty: EventType) -> bool {
    let is_awaited = |concern| matches!(concern, Concern::Reminders | Concern::Recurring | Concern::Channel(_));
    route.wants(topic, ty).is_some_and(|subscription| is_awaited(subscription.concern))
}

#[cfg(test)]
mod tests {
    use domain::routes::{COMPLETE_TASK, CREATE_TASK, LIST_TASKS};
    use serde_json::json;

    use super::*;

    fn names(chosen: Vec<&Route>) -> Vec<&str> {
        chosen.into_iter().map(|route| route.name).collect()
    }

    #[test]
    fn only_sleeping_consumers_with_work_are_woken() {
        let (ahead, now) = (Ahead::default(), Instant::now());
        let asleep = |_: &Route| false;
        assert_eq!(names(ahead.choose(&LIST_TASKS, now, asleep)), [""; 0], "it announces nothing");
        assert_eq!(names(ahead.choose(&COMPLETE_TASK, now, |route| *route == COMPLETE_TASK)), [""; 0], "the call itself is quick");
        assert_eq!(
            names(ahead.choose(&COMPLETE_TASK, now, asleep)),
            ["spawn-recurrence"],
            "no user waits for record-audit and cancel-reminder"
        );
        assert_eq!(names(ahead.choose(&COMPLETE_TASK, now, asleep)), [""; 0], "it is being woken");
        assert_eq!(names(ahead.choose(&COMPLETE_TASK, now + AWAKE, |route| route.name == "spawn-recurrence")), [""; 0], "it is awake");
        assert_eq!(names(ahead.choose(&COMPLETE_TASK, now + AWAKE, asleep)), ["spawn-recurrence"]);
    }

    #[test]
    fn a_consumer_without_work_the_last_time_is_not_woken() {
        let ahead = Ahead::default();
        let asleep = |_: &Route| false;
        let complete = |recurrence: &str| json!({ "task_data": { "recurrence": recurrence, "due_date": null } });
        let mut now = Instant::now();
        for (recurrence, woken) in [("none", vec![]), ("daily", vec!["spawn-recurrence"])] {
            ahead.learn(Topic::TaskEvents, EventType::TaskCompleted, &complete(recurrence), &[]);
            now += AWAKE;
            assert_eq!(names(ahead.choose(&COMPLETE_TASK, now, asleep)), woken, "{recurrence}");
        }
        assert_eq!(names(ahead.choose(&CREATE_TASK, now, asleep)), ["schedule-reminder"], "another event");
    }
}
