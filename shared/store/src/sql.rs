//! How values of the domain look in the database.

use std::fmt::Display;
use std::str::FromStr;

use domain::Timestamp;
use domain::reminder::{ReminderStatus, ReminderType};
use domain::task::{Priority, Recurrence, RecurrenceFrom, Status};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Row, Type};

/// 2000-01-01T00:00:00Z, from which `PostgreSQL` counts, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A moment as `timestamptz`: to the microsecond on both sides, so nothing is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        // By number: a name would cost each connection a look-up.
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Time {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0.as_microsecond() - POSTGRES_EPOCH, buffer)
    }
}

impl Decode<'_, Postgres> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a time in text form".into());
        }
        let microseconds: i64 = Decode::<Postgres>::decode(value)?;
        Ok(Self(Timestamp::from_microsecond(microseconds.saturating_add(POSTGRES_EPOCH))?))
    }
}

/// A closed set of values that the database keeps under names, as JSON does.
pub(crate) trait Named: Copy + PartialEq + 'static {
    /// Each value and its name.
    const NAMES: &'static [(Self, &'static str)];

    /// The name.
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(value, _)| *value == self).map_or("", |(_, name)| name)
    }

    /// The value of the name.
    fn named(name: &str) -> Result<Self, sqlx::Error> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(value, _)| *value).ok_or_else(|| unknown(name))
    }
}

impl Named for Status {
    const NAMES: &'static [(Self, &'static str)] = &[(Self::Pending, "pending"), (Self::Completed, "completed")];
}

impl Named for Recurrence {
    const NAMES: &'static [(Self, &'static str)] =
        &[(Self::None, "none"), (Self::Daily, "daily"), (Self::Weekly, "weekly"), (Self::Monthly, "monthly"), (Self::Custom, "custom")];
}

impl Named for RecurrenceFrom {
    const NAMES: &'static [(Self, &'static str)] = &[(Self::Due, "due"), (Self::Completion, "completion")];
}

impl Named for ReminderType {
    const NAMES: &'static [(Self, &'static str)] = &[(Self::Websocket, "websocket"), (Self::Webhook, "webhook")];
}

impl Named for ReminderStatus {
    const NAMES: &'static [(Self, &'static str)] =
        &[(Self::Pending, "pending"), (Self::Sent, "sent"), (Self::Failed, "failed"), (Self::Cancelled, "cancelled")];
}

/// The rank of a priority, which is what the database keeps: it sorts as people mean it, and needs no type of its own,
/// which every new connection would have to look up.
pub(crate) fn rank(priority: Priority) -> i16 {
    match priority {
        Priority::Low => 0,
        Priority::Medium => 1,
        Priority::High => 2,
    }
}

/// The priority of a rank.
pub(crate) fn priority(rank: i16) -> Result<Priority, sqlx::Error> {
    match rank {
        0 => Ok(Priority::Low),
        1 => Ok(Priority::Medium),
        2 => Ok(Priority::High),
        other => Err(unknown(other)),
    }
}

fn unknown(value: impl Display) -> sqlx::Error {
    sqlx::Error::Decode(format!("a stored value that is not known: {value}").into())
}

/// The columns of a row, from left to right.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// The columns from this one on.
    pub(crate) fn from(row: &'r PgRow, first: usize) -> Self {
        Self { row, next: first }
    }

    /// The next column.
    pub(crate) fn get<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, sqlx::Error> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index)
    }

    /// The next column, a moment.
    pub(crate) fn time(&mut self) -> Result<Timestamp, sqlx::Error> {
        Ok(self.get::<Time>()?.0)
    }

    /// The next column, a moment or nothing.
    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, sqlx::Error> {
        Ok(self.get::<Option<Time>>()?.map(|time| time.0))
    }

    /// The next column, one of a closed set.
    pub(crate) fn named<T: Named>(&mut self) -> Result<T, sqlx::Error> {
        T::named(self.get()?)
    }

    /// The next column, a value with a text form.
    pub(crate) fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(&mut self) -> Result<T, sqlx::Error> {
        parse(self.get()?)
    }

    /// The next column, a value with a text form or nothing.
    pub(crate) fn optional_parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(&mut self) -> Result<Option<T>, sqlx::Error> {
        self.get::<Option<&str>>()?.map(parse).transpose()
    }
}

fn parse<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error: T::Err| sqlx::Error::Decode(Box::new(error)))
}
