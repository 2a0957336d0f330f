//! Conversions between values of the domain and of the database.

use std::borrow::Cow;
use std::str::FromStr;

use domain::app_password::AppPasswordKind;
use domain::event::{EventType, Topic};
use domain::preferences::{DayStart, Locale, SavedFilters};
use domain::recurrence::Rule;
use domain::reminder::{ReminderStatus, ReminderType};
use domain::task::{Priority, Recurrence, RecurrenceFrom, Status};
use domain::zone::Zone;
use domain::{Day, Moment, ReminderOffset, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgHasArrayType, PgRow, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::query::Query;
use sqlx::{Decode, Encode, Postgres, Row, Type};
use uuid::Uuid;

/// 2000-01-01T00:00:00Z, the epoch of `PostgreSQL`, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// A moment as `timestamptz`. Both sides have microseconds, so the conversion is exact.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub Timestamp);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        // By number, because a name would cost each connection a look-up.
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

/// A day as `date`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date(Day);

/// 2000-01-01, the epoch of `PostgreSQL`, in days since 1970.
const POSTGRES_DAY: i32 = 10_957;

impl Type<Postgres> for Date {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1082))
    }
}

impl Encode<'_, Postgres> for Date {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0.since_1970() - POSTGRES_DAY, buffer)
    }
}

impl Decode<'_, Postgres> for Date {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a date in text form".into());
        }
        let days: i32 = Decode::<Postgres>::decode(value)?;
        let day = days.checked_add(POSTGRES_DAY).and_then(Day::from_1970);
        Ok(Self(day.ok_or("a date outside the years 0001 to 9999")?))
    }
}

/// A closed set of values that the database stores under their names in JSON.
pub(crate) trait Named: Serialize + DeserializeOwned {
    /// Returns the name.
    fn name(&self) -> String {
        serde_plain::to_string(self).unwrap_or_default()
    }
}

impl Named for Status {}
impl Named for Recurrence {}
impl Named for RecurrenceFrom {}
impl Named for ReminderType {}
impl Named for ReminderStatus {}
impl Named for AppPasswordKind {}

/// Returns the rank of a priority, which the database stores: it sorts as expected, and needs no type of its own, which every new connection would
/// have to look up.
pub(crate) fn rank(priority: Priority) -> i16 {
    match priority {
        Priority::Low => 0,
        Priority::Medium => 1,
        Priority::High => 2,
    }
}

/// A value of one column, and its form there.
pub(crate) trait Column: Sized {
    type Sql<'a>: Encode<'a, Postgres> + Decode<'a, Postgres> + Type<Postgres>;

    fn to_sql(&self) -> Self::Sql<'_>;

    fn from_sql(value: Self::Sql<'_>) -> Result<Self, sqlx::Error>;
}

impl<T: Column> Column for Option<T>
where
    for<'a> Option<T::Sql<'a>>: Encode<'a, Postgres> + Decode<'a, Postgres> + Type<Postgres>,
{
    type Sql<'a> = Option<T::Sql<'a>>;

    fn to_sql(&self) -> Self::Sql<'_> {
        self.as_ref().map(T::to_sql)
    }

    fn from_sql(value: Self::Sql<'_>) -> Result<Self, sqlx::Error> {
        value.map(T::from_sql).transpose()
    }
}

impl<T: Named> Column for T {
    type Sql<'a> = Cow<'a, str>;

    fn to_sql(&self) -> Self::Sql<'_> {
        self.name().into()
    }

    fn from_sql(name: Self::Sql<'_>) -> Result<Self, sqlx::Error> {
        serde_plain::from_str(&name).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}

macro_rules! column {
    ($($type:ty as $sql:ty: $to:expr, $from:expr;)*) => {$(
        impl Column for $type {
            type Sql<'a> = $sql;

            fn to_sql(&self) -> Self::Sql<'_> {
                let to: fn(&Self) -> Self::Sql<'_> = $to;
                to(self)
            }

            fn from_sql(value: Self::Sql<'_>) -> Result<Self, sqlx::Error> {
                let from: fn(Self::Sql<'_>) -> Result<Self, sqlx::Error> = $from;
                from(value)
            }
        }
    )*};
}

column! {
    bool as bool: |value| *value, Ok;
    i32 as i32: |value| *value, Ok;
    i64 as i64: |value| *value, Ok;
    String as Cow<'a, str>: |text| text.as_str().into(), |text| Ok(text.into_owned());
    Vec<String> as Vec<String>: Clone::clone, Ok;
    Uuid as Uuid: |uuid| *uuid, Ok;
    Timestamp as Time: |moment| Time(*moment), |time| Ok(time.0);
    Day as Date: |day| Date(*day), |date| Ok(date.0);
    Vec<Moment> as Vec<String>: |moments| moments.iter().map(ToString::to_string).collect(), |texts| texts.into_iter().map(|text| parse(text.into())).collect();
    Locale as Cow<'a, str>: |locale| locale.as_str().into(), parse;
    DayStart as Cow<'a, str>: |start| start.to_string().into(), parse;
    SavedFilters as Cow<'a, str>: |filters| filters.to_string().into(), parse;
    Priority as i16: |priority| rank(*priority), priority;
    Zone as Cow<'a, str>: |zone| zone.name().into(), |name| Ok(Zone::kept(&name));
    Rule as Cow<'a, str>: |rule| rule.to_string().into(), parse;
    ReminderOffset as Cow<'a, str>: |offset| offset.to_string().into(), parse;
    EventType as Cow<'a, str>: |ty| ty.as_str().into(), parse;
    Topic as Cow<'a, str>: |topic| topic.as_str().into(), parse;
}

fn priority(rank: i16) -> Result<Priority, sqlx::Error> {
    [Priority::Low, Priority::Medium, Priority::High]
        .into_iter()
        .find(|known| self::rank(*known) == rank)
        .ok_or_else(|| sqlx::Error::Decode("no such priority".into()))
}

#[expect(clippy::needless_pass_by_value, reason = "the trait passes values")]
fn parse<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: Cow<'_, str>) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error: T::Err| sqlx::Error::Decode(Box::new(error)))
}

/// A query to which values are bound one after the other.
pub(crate) type Bound = Query<'static, Postgres, PgArguments>;

/// A struct that a row stores, with each field in the column of its name. [`record`] implements it.
pub(crate) trait Record: Sized {
    /// The columns. The first one is the key.
    const COLUMNS: &'static [&'static str];

    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error>;

    /// Binds the values of all columns except the key.
    fn bind(&self, query: Bound) -> Bound;
}

/// The column of a field: the one with its name, unless the list names another.
macro_rules! column_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $column:ident) => {
        stringify!($column)
    };
}

/// Implements [`Record`] for a list of fields.
macro_rules! record {
    ($record:ident: $key:ident $(, $field:ident $(in $column:ident)?)* $(; $derived:ident = $value:expr)?) => {
        impl $crate::sql::Record for $record {
            const COLUMNS: &'static [&'static str] = &[stringify!($key) $(, $crate::sql::column_name!($field $($column)?))*];

            fn read(columns: &mut $crate::sql::Columns<'_>) -> Result<Self, sqlx::Error> {
                let $key = columns.get()?;
                $(let $field = columns.get()?;)*
                Ok(Self { $key $(, $field)* $(, $derived: $value)? })
            }

            fn bind(&self, query: $crate::sql::Bound) -> $crate::sql::Bound {
                query $(.bind($crate::sql::Column::to_sql(&self.$field)))*
            }
        }
    };
}

/// The names in a list of fields, for a statement.
macro_rules! names {
    ($record:ident: $key:ident $(, $field:ident $(in $column:ident)?)* $(; $derived:ident = $value:expr)?) => {
        concat!(stringify!($key) $(, ", ", $crate::sql::column_name!($field $($column)?))*)
    };
}

pub(crate) use {column_name, names, record};

/// The columns of a row, from left to right.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// Returns the columns from this one on.
    pub(crate) fn from(row: &'r PgRow, first: usize) -> Self {
        Self { row, next: first }
    }

    /// Returns the next column.
    pub(crate) fn get<T: Column>(&mut self) -> Result<T, sqlx::Error> {
        T::from_sql(self.borrowed()?)
    }

    /// Returns the next column in the row's own form.
    pub(crate) fn borrowed<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, sqlx::Error> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index)
    }
}
