//! Registers jobs with the Dapr scheduler, which calls the app that registered them.

use std::time::Duration;

use dapr::client::{DeleteJobRequest, GetJobRequest, JobBuilder, JobFailurePolicyBuilder, JobFailurePolicyType, ScheduleJobRequest};
use domain::Timestamp;
use domain::routes::{self, FIRE_REMINDER};
use function::ports::Scheduler;
use function::{BoxError, BoxFuture};

use crate::{Sidecar, SidecarError};

/// Pause between the calls of a failing job. Without a policy the scheduler drops a job after three failures. With this one it retries until the
/// function accepts the call, and the function has to end the retries.
const RETRY: Duration = Duration::from_secs(1);

/// The port [`Scheduler`] over Dapr, and the jobs of the outbox.
#[derive(Clone)]
pub struct Jobs {
    sidecar: Sidecar,
    wake_lead: Duration,
}

impl Jobs {
    /// Creates the port over this sidecar. Jobs of reminders call `wake_lead` early.
    #[must_use]
    pub fn new(sidecar: Sidecar, wake_lead: Duration) -> Self {
        Self { sidecar, wake_lead }
    }

    /// Registers a job for its time, or for now if that has passed. Replaces a job of the same name.
    pub(crate) async fn schedule(&self, name: &str, due_at: Timestamp) -> Result<(), SidecarError> {
        self.register(JobBuilder::new(name).with_due_time(&self.call_at(name, due_at).to_string())).await
    }

    /// Removes a job; succeeds if it does not exist.
    pub(crate) async fn cancel(&self, name: &str) -> Result<(), SidecarError> {
        let request = DeleteJobRequest { name: name.to_owned() };
        match self.sidecar.call(async |mut client| client.delete_job(request).await).await {
            Err(error) if error.is_missing_job() => Ok(()),
            result => result.map(drop),
        }
    }

    pub(crate) async fn find(&self, name: &str) -> Result<bool, SidecarError> {
        let request = GetJobRequest { name: name.to_owned() };
        match self.sidecar.call(async |mut client| client.get_job(request).await).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing_job() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn register(&self, job: JobBuilder) -> Result<(), SidecarError> {
        let policy = JobFailurePolicyBuilder::new(JobFailurePolicyType::Constant {}).with_retry_interval(RETRY).build();
        let request = ScheduleJobRequest { job: Some(job.with_failure_policy(policy).build()), overwrite: true };
        self.sidecar.call(async |mut client| client.schedule_job(request).await).await.map(drop)
    }

    /// Returns when to call: earlier than due for a function that is woken first and then waits.
    fn call_at(&self, name: &str, due_at: Timestamp) -> Timestamp {
        let is_reminder = routes::of_job(name).is_some_and(|route| route.name == FIRE_REMINDER.name);
        if is_reminder { due_at.before(self.wake_lead) } else { due_at }
    }
}

impl Scheduler for Jobs {
    fn has_job<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move { Ok(self.find(name).await?) })
    }

    fn repeat_job<'a>(&'a self, name: &'a str, every: Duration) -> BoxFuture<'a, Result<(), BoxError>> {
        let schedule = format!("@every {}s", every.as_secs());
        Box::pin(async move { Ok(self.register(JobBuilder::new(name).with_schedule(&schedule)).await?) })
    }
}
