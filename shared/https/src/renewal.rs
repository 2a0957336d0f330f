//! Orders the first certificate and renews it, across restarts, failures and a second gateway.
//!
//! Several gateways may share the stored state, because a roll-out runs two at the same time. One of them holds the order. The others wait for it,
//! and finish it if the holder stops. Every write names the version that was read, so no write is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use function::error::Chain;
use function::{App, BoxError};
use instant_acme::{AccountCredentials, OrderStatus};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::acme::{self, Authority, later};
use crate::certificate::{Certificate, Certificates};
use crate::keeper::{Account, Failure, Issued, Keeper, Kept, OpenOrder, SaveError, Version};

/// Time limit of an order.
const ORDER: Duration = Duration::from_mins(4);
/// How long a gateway holds an order. Longer than [`ORDER`], so that a running holder never loses it.
const HOLD: Duration = Duration::from_mins(5);
/// Interval at which a waiting gateway checks whether the holder has finished.
const LOOK: Duration = Duration::from_secs(2);
/// Maximum pause between two reads of the stored state: another gateway may have renewed the certificate.
const LOOK_MAX: Duration = Duration::from_hours(1);
/// Pause after the first failure. It triples each time, so four orders fail in the first hour; Let's Encrypt allows five.
const RETRY: Duration = Duration::from_mins(2);
/// Maximum pause after a failure.
const RETRY_MAX: Duration = Duration::from_hours(6);
/// Pause after a failed read or write.
const KEEP_PAUSE: Duration = Duration::from_secs(15);
/// Pause after a plan could not be stored.
const PLAN_PAUSE: Duration = Duration::from_mins(10);
/// How long after its start a gateway that shares its state waits before it has the authority connect. Until then the Service may route to a gateway
/// of an earlier release, which does not know the challenges.
const SETTLE: Duration = Duration::from_secs(30);
/// How long a stop waits for an answer of the authority that must be stored.
const STOP: Duration = Duration::from_secs(5);
/// Maximum stored failures, one per set of names.
const FAILURES_MAX: usize = 4;
/// Maximum attempts to store a failure while another gateway writes as well.
const NOTES_MAX: usize = 3;

/// The next step.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Do nothing until then.
    Wait(Timestamp),
    /// Wait for another gateway that holds an order.
    StandBy,
    /// Decide when to renew.
    Plan,
    /// Order a certificate of these names, or continue the open order.
    Order(Vec<String>),
}

/// Why a turn ended early.
enum Stopped {
    /// Another gateway wrote; read again.
    Conflict,
    Failed(BoxError),
}

impl<E: Into<BoxError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast::<SaveError>() {
            Ok(error) if matches!(*error, SaveError::Conflict) => Self::Conflict,
            Ok(error) => Self::Failed(error),
            Err(error) => Self::Failed(error),
        }
    }
}

/// Keeps the certificate of these names valid.
pub(crate) struct Renewals {
    pub(crate) app: Arc<App>,
    pub(crate) authority: Authority,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) certificates: Arc<Certificates>,
    /// Sorted names.
    pub(crate) names: Vec<String>,
    /// Identifies this process. Later processes compare greater.
    pub(crate) holder: String,
    /// Position in a renewal window at which this process renews, from 0 to 1.
    pub(crate) chance: f64,
    /// When this process started.
    pub(crate) started: Instant,
    /// Locked from a request until its answer is stored.
    pub(crate) must_keep: Mutex<()>,
}

impl Renewals {
    /// Runs until the stop. An open order is then free for the next gateway.
    pub(crate) async fn run(self) {
        let mut told = None;
        let turns = async {
            loop {
                let pause = self.turn(&mut told).await;
                tokio::time::sleep(pause).await;
            }
        };
        let stop = async {
            self.app.stopping.cancelled().await;
            let _ = tokio::time::timeout(STOP, self.must_keep.lock()).await;
        };
        tokio::select! {
            () = turns => {}
            () = stop => {}
        }
        self.release().await;
    }

    /// Executes the next step and returns the pause after it.
    async fn turn(&self, told: &mut Option<String>) -> Duration {
        let (kept, version) = match self.load().await {
            Ok(read) => read,
            Err(error) => {
                tell(told, &Chain::of(error.as_ref()).to_string(), KEEP_PAUSE);
                return KEEP_PAUSE;
            }
        };
        let now = self.now();
        if let Some(failure) = failure(&kept, &self.authority.directory, &self.names) {
            tell(told, &failure.reason, Duration::try_from(failure.not_before.duration_since(now)).unwrap_or_default());
        }
        match self.step(&kept, now) {
            Step::Wait(until) => Duration::try_from(until.duration_since(now)).unwrap_or_default().clamp(LOOK, LOOK_MAX),
            Step::StandBy => LOOK,
            Step::Plan => match self.plan(kept, &version).await {
                Ok(()) => Duration::ZERO,
                Err(Stopped::Conflict) => LOOK,
                Err(Stopped::Failed(error)) => {
                    tell(told, &Chain::of(error.as_ref()).to_string(), PLAN_PAUSE);
                    PLAN_PAUSE
                }
            },
            Step::Order(names) => {
                let is_resumed = kept.order.as_ref().is_some_and(|open| open.url.is_some() && open.names == names);
                let order = tokio::time::timeout(ORDER, self.order(&names, kept, version)).await;
                match order.unwrap_or_else(|_| Err(format!("the order was not finished within {} s", ORDER.as_secs()).into())) {
                    Ok(()) => {
                        *told = None;
                        Duration::ZERO
                    }
                    Err(Stopped::Conflict) => LOOK,
                    Err(Stopped::Failed(error)) => self.failed(&names, &error, is_resumed, told).await,
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.app.now().get()
    }

    /// Reads the stored state and uses it from now on.
    async fn load(&self) -> Result<(Kept, Version), BoxError> {
        let (kept, version) = self.keeper.load().await?;
        if let Some(issued) = &kept.certificate {
            self.install(Certificate::read(&issued.chain, &issued.key)?);
        }
        self.certificates.answer(kept.order.as_ref().map_or(&BTreeMap::new(), |order| &order.challenges))?;
        let failure = failure(&kept, &self.authority.directory, &self.names);
        self.certificates.wait_for(failure.map(|failure| reason_for_strangers(failure.is_verdict, &failure.reason)));
        Ok((kept, version))
    }

    /// Uses a certificate. A certificate without all names, because another gateway serves others, does not replace a valid one that has them.
    fn install(&self, certificate: Certificate) {
        let own = self.certificates.current().filter(|own| own.covers(&self.names) && self.now() < own.not_after);
        if certificate.covers(&self.names) || own.is_none() {
            self.certificates.install(certificate);
        }
    }

    fn step(&self, kept: &Kept, now: Timestamp) -> Step {
        let certificate = kept.certificate.as_ref().and_then(|issued| Certificate::read(&issued.chain, &issued.key).ok());
        let had = certificate.map(|certificate| certificate.names).unwrap_or_default();
        let own =
            Own { directory: &self.authority.directory, names: &self.names, gateway: &self.holder, is_alone: !self.keeper.is_shared() };
        next(kept, &had, &own, now)
    }

    /// Decides when to renew the certificate, by the authority's suggestion if there is one.
    async fn plan(&self, mut kept: Kept, version: &Version) -> Result<(), Stopped> {
        let credentials = credentials(&kept, &self.authority.directory)?;
        let Some(issued) = &mut kept.certificate else { return Ok(()) };
        let (certificate, now) = (Certificate::read(&issued.chain, &issued.key)?, self.now());
        let asked = async {
            let account = self.authority.account(credentials.ok_or("no account is stored")?).await?;
            Ok::<_, BoxError>(acme::renewal(&account, &certificate, now, self.chance).await?)
        };
        let mut plan = asked.await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the authority suggests no renewal time");
            let plan = acme::unasked(&certificate, now);
            // Its earlier suggestion still applies.
            issued.renewal.map_or(plan, |before| crate::keeper::Renewal { at: before.at.min(plan.at), ..plan })
        });
        if issued.renewal.is_none() {
            plan.at = plan.at.max(acme::earliest(&certificate, now));
        }
        issued.renewal = Some(plan);
        self.keeper.save(&kept, version).await?;
        Ok(())
    }

    /// Continues an order from its current state to its certificate.
    async fn order(&self, names: &[String], mut kept: Kept, version: Version) -> Result<(), Stopped> {
        let mut open = self.take(names, &kept)?;
        kept.order = Some(open.clone());
        // Held before the authority is called, so that two gateways that start at the same time place one order.
        let version = self.keeper.save(&kept, &version).await?;
        let must_keep = self.must_keep.lock().await;
        let (account, version) = self.account(&mut kept, version).await?;
        let mut order = if let Some(url) = &open.url {
            account.order(url.clone()).await?
        } else {
            let issued = kept.certificate.as_ref().filter(|issued| issued.directory == self.authority.directory);
            let replaced = issued.map(|issued| Certificate::read(&issued.chain, &issued.key)).transpose()?;
            acme::order(&account, names, replaced.as_ref()).await?
        };
        open.url = Some(order.url().to_owned());
        kept.order = Some(open.clone());
        let version = self.keeper.save(&kept, &version).await?;
        drop(must_keep);
        open.challenges = acme::challenges(&mut order).await?;
        kept.order = Some(open.clone());
        // Stored before the authority validates them, because it may reach another gateway.
        let version = self.keeper.save(&kept, &version).await?;
        self.certificates.answer(&open.challenges)?;
        if order.state().status == OrderStatus::Pending {
            if self.keeper.is_shared() {
                tokio::time::sleep_until(self.started + SETTLE).await;
            }
            acme::prove(&mut order).await?;
        }
        let chain = acme::finish(&mut order, names, &open.key).await?;
        let certificate = Certificate::read(&chain, &open.key)?;
        if !certificate.covers(names) {
            return Err(Stopped::Failed("the authority's certificate lacks names that were ordered".into()));
        }
        let (directory, by) = (self.authority.directory.clone(), self.holder.clone());
        kept.certificate = Some(Issued { directory, by, chain, key: open.key, renewal: None });
        kept.order = None;
        if names == self.names {
            kept.failures.clear();
        }
        self.keeper.save(&kept, &version).await?;
        tracing::info!(names = names.join(", "), until = %certificate.not_after, "HTTPS has a new certificate");
        self.install(certificate);
        Ok(())
    }

    /// Returns the account, and creates it if there is none.
    async fn account(&self, kept: &mut Kept, version: Version) -> Result<(instant_acme::Account, Version), Stopped> {
        if let Some(credentials) = credentials(kept, &self.authority.directory)? {
            return Ok((self.authority.account(credentials).await?, version));
        }
        let (account, credentials) = self.authority.new_account().await?;
        kept.account = Some(Account { directory: self.authority.directory.clone(), credentials });
        let version = self.keeper.save(kept, &version).await?;
        Ok((account, version))
    }

    /// Returns the open order if it has these names, else a new one; held by this gateway.
    fn take(&self, names: &[String], kept: &Kept) -> Result<OpenOrder, BoxError> {
        let held_until = later(self.now(), HOLD);
        let holder = Some(self.holder.clone());
        let open = kept.order.clone().filter(|open| open.directory == self.authority.directory && open.names == names);
        if let Some(open) = open {
            return Ok(OpenOrder { holder, held_until, ..open });
        }
        Ok(OpenOrder {
            directory: self.authority.directory.clone(),
            names: names.to_vec(),
            key: rcgen::KeyPair::generate()?.serialize_pem(),
            url: None,
            challenges: BTreeMap::new(),
            holder,
            held_until,
        })
    }

    /// Stores a failure, so that neither this gateway nor a later one calls the authority too often.
    async fn failed(&self, names: &[String], error: &BoxError, is_resumed: bool, told: &mut Option<String>) -> Duration {
        let reason = Chain::of(error.as_ref()).to_string();
        // A stop waits until the failure is stored and logged, because callers that saw it rely on both.
        let must_keep = self.must_keep.lock().await;
        let noted = self.note_despite_others(names, error, &reason, is_resumed).await;
        tell(told, &reason, noted.unwrap_or(RETRY));
        drop(must_keep);
        self.certificates.wait_for(Some(reason_for_strangers(acme::is_from_authority(error), &reason)));
        if noted.is_some() { LOOK } else { RETRY }
    }

    /// Stores a failure, again if another gateway writes at the same time. Returns the pause before the next order; `None` if it cannot be stored.
    async fn note_despite_others(&self, names: &[String], error: &BoxError, reason: &str, is_resumed: bool) -> Option<Duration> {
        for _ in 0..NOTES_MAX {
            match self.note(names, error, reason, is_resumed).await {
                Ok(pause) => return Some(pause),
                Err(Stopped::Conflict) => {}
                Err(Stopped::Failed(error)) => {
                    tracing::debug!(%error, "the failure could not be stored");
                    return None;
                }
            }
        }
        None
    }

    async fn note(&self, names: &[String], error: &BoxError, reason: &str, is_resumed: bool) -> Result<Duration, Stopped> {
        let (mut kept, version) = self.keeper.load().await?;
        let directory = &self.authority.directory;
        let count = failure(&kept, directory, names).map_or(0, |last| last.count).saturating_add(1);
        let pause = backoff(count, is_resumed);
        kept.failures.retain(|failure| failure.directory != *directory || failure.names != names);
        kept.failures.insert(
            0,
            Failure {
                directory: directory.clone(),
                names: names.to_vec(),
                reason: reason.to_owned(),
                is_verdict: acme::is_from_authority(error),
                count,
                not_before: later(self.now(), pause),
            },
        );
        kept.failures.truncate(FAILURES_MAX);
        if let Some(order) = kept.order.as_mut().filter(|order| order.holder.as_ref() == Some(&self.holder)) {
            // The next attempt continues an order that has not failed, because the authority limits the number of orders.
            order.holder = None;
            if acme::is_over(error) {
                kept.order = None;
            }
        }
        if acme::is_without_account(error) {
            kept.account = None;
        }
        self.keeper.save(&kept, &version).await?;
        Ok(pause)
    }

    /// Releases an open order for the next gateway.
    async fn release(&self) {
        let released = async {
            let (mut kept, version) = self.keeper.load().await?;
            match &mut kept.order {
                Some(order) if order.holder.as_ref() == Some(&self.holder) => order.holder = None,
                _ => return Ok(()),
            }
            self.keeper.save(&kept, &version).await?;
            Ok::<_, BoxError>(())
        };
        if let Err(error) = released.await {
            tracing::debug!(%error, "the open order could not be released for the next gateway");
        }
    }
}

/// The wanted state of a gateway.
struct Own<'a> {
    directory: &'a str,
    names: &'a [String],
    gateway: &'a str,
    /// True if no other gateway shares the stored state.
    is_alone: bool,
}

/// Returns the next step of a gateway. `had` are the names of the stored certificate.
fn next(kept: &Kept, had: &[String], own: &Own<'_>, now: Timestamp) -> Step {
    // A time too far in the future was written by a wrong clock.
    let is_ahead = |until: Timestamp, most: Duration| now < until && until <= later(now, most);
    if let Some(order) = &kept.order
        && order.holder.as_ref().is_some_and(|holder| holder != own.gateway && !own.is_alone)
        && is_ahead(order.held_until, HOLD * 2)
    {
        return Step::StandBy;
    }
    let blocked = |names: &[String]| {
        let failure = failure(kept, own.directory, names).filter(|failure| is_ahead(failure.not_before, RETRY_MAX));
        failure.map(|failure| failure.not_before)
    };
    let order = |names: &[String]| blocked(names).map_or_else(|| Step::Order(names.to_vec()), Step::Wait);
    let Some(issued) = kept.certificate.as_ref().filter(|issued| issued.directory == own.directory) else { return order(own.names) };
    let Some(plan) = issued.renewal else { return Step::Plan };
    let lacks = own.names.iter().any(|name| !had.contains(name));
    if lacks && blocked(own.names).is_none() {
        // A gateway that started later serves other names: this one is about to stop.
        return if issued.by.as_str() > own.gateway { Step::Wait(later(now, LOOK_MAX)) } else { Step::Order(own.names.to_vec()) };
    }
    let until = if lacks { blocked(own.names).unwrap_or(now) } else { Timestamp::MAX };
    if now < plan.at && now < plan.ask_at {
        return Step::Wait(plan.at.min(plan.ask_at).min(until));
    }
    if now < plan.at {
        return Step::Plan;
    }
    // A name that the authority refuses must not stop the renewal of the names that it has confirmed.
    let confirmed: Vec<String> = own.names.iter().filter(|name| had.contains(name)).cloned().collect();
    if lacks && !confirmed.is_empty() { order(&confirmed) } else { order(own.names) }
}

/// Returns the failure of the last order of these names.
fn failure<'a>(kept: &'a Kept, directory: &str, names: &[String]) -> Option<&'a Failure> {
    kept.failures.iter().find(|failure| failure.directory == directory && failure.names == names)
}

/// Returns the reason for the plain port. Only the authority's reasons are public, because others contain addresses and file names.
fn reason_for_strangers(is_verdict: bool, reason: &str) -> String {
    if is_verdict {
        reason.to_owned()
    } else {
        "the authority was not reached, or the certificate cannot be stored; see Taskflow's log".to_owned()
    }
}

/// Returns a copy of the account's credentials, which cannot be cloned, if there is an account at this authority.
fn credentials(kept: &Kept, directory: &str) -> Result<Option<AccountCredentials>, BoxError> {
    let account = kept.account.as_ref().filter(|account| account.directory == directory);
    Ok(account.map(|account| serde_json::from_value(serde_json::to_value(&account.credentials)?)).transpose()?)
}

/// Returns the pause after this many failures in a row. An order that an earlier process started may have failed because nothing answered the
/// authority in between; the next one follows at once, and later pauses are as usual.
fn backoff(failures: u32, is_resumed: bool) -> Duration {
    if is_resumed && failures == 1 {
        return Duration::ZERO;
    }
    RETRY.saturating_mul(3_u32.saturating_pow(failures.saturating_sub(1))).min(RETRY_MAX)
}

/// Logs a failure once, however often it repeats.
fn tell(told: &mut Option<String>, reason: &str, pause: Duration) {
    if told.as_deref() == Some(reason) {
        tracing::debug!(reason, "still no new certificate");
        return;
    }
    tracing::warn!(reason, retry_seconds = pause.as_secs(), "HTTPS has no new certificate; the old one stays in use if there is one");
    *told = Some(reason.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::Renewal;

    const CA: &str = "https://ca.example/dir";

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3_600).unwrap()
    }

    fn names(text: &str) -> Vec<String> {
        text.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn certificate(renewal: Option<Renewal>) -> Kept {
        let issued = Issued { directory: CA.into(), by: "5".into(), chain: String::new(), key: String::new(), renewal };
        Kept { certificate: Some(issued), ..Kept::default() }
    }

    fn held_by(holder: Option<&str>, kept: Kept) -> Kept {
        let order = OpenOrder {
            directory: CA.into(),
            names: names("a b"),
            key: String::new(),
            url: None,
            challenges: BTreeMap::new(),
            holder: holder.map(str::to_owned),
            held_until: later(at(0), HOLD),
        };
        Kept { order: Some(order), ..kept }
    }

    fn failed(of: &str, not_before: i64, mut kept: Kept) -> Kept {
        let reason = "refused".to_owned();
        let failure = Failure { directory: CA.into(), names: names(of), reason, is_verdict: true, count: 1, not_before: at(not_before) };
        kept.failures.push(failure);
        kept
    }

    #[test]
    fn the_next_step_follows_from_the_stored_state() {
        let planned = || certificate(Some(Renewal { at: at(10), ask_at: at(5) }));
        let order = |text: &str| Step::Order(names(text));
        for (what, kept, had, now, expected) in [
            ("nothing is kept", Kept::default(), "", 0, order("a b")),
            ("another gateway holds the order", held_by(Some("7"), Kept::default()), "", 0, Step::StandBy),
            ("it held the order for too long", held_by(Some("7"), Kept::default()), "", 1, order("a b")),
            ("its clock was ahead", held_by(Some("7"), Kept::default()), "", -1, order("a b")),
            ("it left the order", held_by(None, Kept::default()), "", 0, order("a b")),
            ("this gateway holds the order", held_by(Some("6"), Kept::default()), "", 0, order("a b")),
            ("the last order failed", failed("a b", 2, Kept::default()), "", 1, Step::Wait(at(2))),
            ("the pause is over", failed("a b", 2, Kept::default()), "", 2, order("a b")),
            ("the pause was written by a clock that was ahead", failed("a b", 200, Kept::default()), "", 1, order("a b")),
            ("an order of other names failed", failed("a", 2, Kept::default()), "", 1, order("a b")),
            ("the certificate is new", certificate(None), "a b", 0, Step::Plan),
            ("the certificate is good", planned(), "a b c", 0, Step::Wait(at(5))),
            ("the authority may have changed its mind", planned(), "a b", 5, Step::Plan),
            ("it is time", planned(), "a b", 10, order("a b")),
            ("it is time, but the last order failed", failed("a b", 12, planned()), "a b", 11, Step::Wait(at(12))),
            ("a name is new", planned(), "a", 0, order("a b")),
            ("the new name is refused", failed("a b", 2, planned()), "a", 1, Step::Wait(at(2))),
            ("the new name is refused, and it is time for the old one", failed("a b", 12, planned()), "a", 10, order("a")),
            ("both are refused", failed("a", 13, failed("a b", 12, planned())), "a", 10, Step::Wait(at(13))),
        ] {
            let wanted = names("a b");
            let own = Own { directory: CA, names: &wanted, gateway: "6", is_alone: false };
            assert_eq!(next(&kept, &names(had), &own, at(now)), expected, "{what}");
        }
        let wanted = names("a b");
        let own = Own { directory: CA, names: &wanted, gateway: "6", is_alone: true };
        let dead = held_by(Some("7"), Kept::default());
        assert_eq!(next(&dead, &[], &own, at(0)), order("a b"), "a process that is alone waits for nobody");
        let elsewhere = Own { directory: "https://another.example/dir", ..own };
        assert_eq!(next(&failed("a b", 2, planned()), &wanted, &elsewhere, at(0)), order("a b"), "another authority knows neither");
        let earlier = Own { directory: CA, names: &wanted, gateway: "4", is_alone: false };
        assert_eq!(next(&planned(), &names("c"), &earlier, at(0)), Step::Wait(at(1)), "a later gateway serves other names");
    }

    #[test]
    fn at_most_four_orders_fail_in_an_hour() {
        for is_resumed in [false, true] {
            let mut times = vec![Duration::ZERO];
            for failures in 1..10 {
                times.push(*times.last().unwrap() + backoff(failures, is_resumed));
            }
            let within = |begin: Duration| times.iter().filter(|time| (begin..begin + Duration::from_hours(1)).contains(*time)).count();
            assert!(times.iter().all(|begin| within(*begin) <= 4), "{times:?}");
        }
        assert_eq!(backoff(1, true), Duration::ZERO, "a stop may be why");
        assert_eq!(backoff(1_000, true), RETRY_MAX);
    }
}
