#!/usr/bin/env python3
"""Writes the table of expected results for shared/domain/tests/recurrence.rs.

    pip install python-dateutil tzdata
    python tests/tools/rrule_cases.py [OUTPUT]

Every line is a case: a rule, a start, a zone and a point in time, with the occurrences that follow it as python-dateutil
computes them. The seed is fixed: the same versions of dateutil and tzdata (the table's first line names them) write the
same bytes. Columns, separated by tabs; local times as 20250328T090000, instants with a Z:

    classes    why the case is special, joined by "+", or "plain"
    rule       an RRULE, or daily, weekly, monthly for the plain patterns; for "exdate" a space and EXDATE=a list
    start      DTSTART, local
    zone       IANA name
    after      instant; for "completion" and "moved" when the task was completed, for "skipped" when it was skipped
    completed  "-"; for "completion" the slot and the number of the occurrence, for "moved" and "skipped" the slot and the due date it was
               moved to, joined by "#"
    expected   up to five instants after it (one where "completed" says something), joined by ","; "-" if the series is over

dateutil works on naive local times. The dates are its own; zoneinfo turns them into instants with fold=0, which is what
RFC 5545, section 3.3.5, asks for: the offset before a gap, the first of two equal times. If the module and dateutil
differ, the script alters the case instead of omitting it, and its class says so; the Rust test asserts the number of such cases:

    start       DTSTART does not match the rule. dateutil omits it; here it is always the first occurrence, because the user
                chose that due date, and counts for COUNT (RFC 5545: "always counts as the first occurrence").
                So the script prepends DTSTART to dateutil's dates, and requests one date fewer.
    until-date  UNTIL is a date. dateutil ends at its midnight; here that whole day belongs to the series.
                So dateutil gets 23:59:59 of the day.
    until-utc   UNTIL is in UTC. dateutil cannot compare that with naive times.
                So dateutil gets no UNTIL, and instants are compared.
    week-set    BYSETPOS with FREQ=WEEKLY. dateutil's first week begins at DTSTART and not at WKST, so it chooses from
                fewer dates. So dateutil starts at the week's first day, and dates before DTSTART are dropped.
    mixed-days  BYDAY with and without numbers, such as MO,1TU. dateutil requires both, which never happens; in
                RFC 5545 they are alternatives. So MO becomes 1MO,2MO,3MO, ... for dateutil.
    same-time   A day that the zone skipped falls on the next one's instant (Samoa, 30 December 2011). dateutil's two dates
                are one occurrence.

Other classes are not disagreements. The Rust test counts "gap" and "fold", to prove that the table reaches them: an expected
occurrence lies in a gap or a fold of the local clock.

    pattern     a plain pattern. Monthly is computed with relativedelta, which clamps to the month's last day
    completion  restarts the rule on the completion's local date. A rule with a part BY... also omits dates up to the slot
    moved       continues after both the slot and the completion, regardless of the date that the occurrence was moved to
    skipped     the same for an occurrence that was skipped
    all-day     the slots are days. dateutil gets their midnights, and an instant is the beginning of the day
    exdate      omits some dates (an rruleset of dateutil)
    hourly      FREQ=HOURLY, by the wall clock like all others
"""

import argparse
import calendar
import datetime as module
import itertools
import random
import zoneinfo
from datetime import datetime, timedelta, timezone
from importlib import metadata
from pathlib import Path

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rruleset, rrulestr

SEED = 5545
RANDOM_CASES = 3400
HOURLY_CASES = 300
MOVED_CASES = 400
ALL_DAY_CASES = 400
EXDATE_CASES = 300
CLOCK_CHANGE_CASES = 400
COMPLETION_CASES = 400
OCCURRENCES = 5

# dateutil searches for the next date until the year 9999, which takes minutes for rules without one. No case here has
# a date after these years; otherwise, the Rust test would fail.
LAST_YEAR = {"HOURLY": 2100, "DAILY": 2600, "WEEKLY": 2600, "MONTHLY": 4000, "YEARLY": 4000}

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
TIMES = [(9, 0, 0), (9, 0, 0), (0, 0, 0), (0, 30, 0), (1, 30, 0), (2, 15, 0), (2, 30, 0), (12, 0, 30), (18, 45, 0), (23, 30, 0)]
ZONES = [
    "UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "America/Havana",
    "Africa/Casablanca", "Africa/Cairo", "Asia/Kathmandu", "Asia/Tehran", "Asia/Beirut", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Auckland", "Antarctica/Troll",
]  # fmt: skip

# One rule of each common shape, and the limits. The rest is random.
SHAPES = [
    "FREQ=DAILY", "FREQ=DAILY;COUNT=10", "FREQ=DAILY;INTERVAL=3", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "FREQ=DAILY;BYMONTH=1",
    "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO,WE,FR", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=MO",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU", "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
    "FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=MONTHLY;BYMONTHDAY=-31",
    "FREQ=MONTHLY;BYMONTHDAY=1,-1", "FREQ=MONTHLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYDAY=5FR",
    "FREQ=MONTHLY;BYDAY=-5FR", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
    "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1,-2", "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
    "FREQ=MONTHLY;INTERVAL=18;BYMONTHDAY=10,11,12,13,14,15", "FREQ=MONTHLY;BYDAY=MO,1TU",
    "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
    "FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=6,7", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;BYMONTHDAY=15",
    "FREQ=YEARLY;BYDAY=20MO", "FREQ=YEARLY;BYDAY=53FR", "FREQ=YEARLY;BYDAY=-53FR", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
    "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
    "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=YEARLY;INTERVAL=100;BYMONTH=2;BYMONTHDAY=29",
    "FREQ=YEARLY;BYDAY=FR;BYMONTHDAY=29;BYMONTH=2",
]  # fmt: skip

# Rules that no day ever matches.
NEVER = ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2"]

# Rules for the days around a clock change.
DENSE = ["FREQ=DAILY", "FREQ=DAILY;COUNT=800", "FREQ=WEEKLY;BYDAY=FR,SA,SU,MO", "FREQ=MONTHLY;BYDAY=SU"]


def parse(rule):
    return dict(part.split("=") for part in rule.split(";"))


def join(parts):
    return ";".join(f"{name}={value}" for name, value in parts.items())


def is_numbered(day):
    return len(day) > 2


def number_all_days(parts):
    """Returns the rule with MO as 1MO,2MO,..., up to the maximum of a month or a year."""
    in_month = parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts
    numbers = range(1, 6 if in_month else 54)
    days = parts["BYDAY"].split(",")
    spelled = [[day] if is_numbered(day) else [f"{number}{day}" for number in numbers] for day in days]
    return {**parts, "BYDAY": ",".join(itertools.chain(*spelled))}


def week_start(parts, start):
    return start - timedelta(days=(start.weekday() - DAYS.index(parts.get("WKST", "MO"))) % 7)


def local_dates(parts, start, counts_start=True):
    """Returns the naive occurrences of a rule without UTC UNTIL from `start` on, and the classes of the case."""
    module.MAXYEAR = LAST_YEAR[parts["FREQ"]]
    classes, parts = set(), dict(parts)
    count = int(parts.pop("COUNT", 0))
    anchor = start
    days = parts.get("BYDAY", "").split(",")
    if "BYDAY" in parts and len(set(map(is_numbered, days))) == 2:
        classes.add("mixed-days")
        parts = number_all_days(parts)
    if len(parts.get("UNTIL", "")) == 8:
        classes.add("until-date")
        parts["UNTIL"] += "T235959"
    if parts["FREQ"] == "WEEKLY" and "BYSETPOS" in parts and week_start(parts, start) != start:
        classes.add("week-set")
        anchor = week_start(parts, start)

    def ask(**more):
        return (date for date in rrulestr(join({**parts, **more}), dtstart=anchor) if date >= start)

    endless = {name: value for name, value in parts.items() if name != "UNTIL"}
    synchronized = next((d for d in rrulestr(join(endless), dtstart=anchor) if d >= start), None) == start
    if not counts_start:
        return ask(), classes
    if synchronized and count and anchor == start:
        return ask(COUNT=count), classes
    dates = ask()
    if not synchronized:
        classes.add("start")
        in_time = "UNTIL" not in parts or start <= datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%S")
        dates = itertools.chain([start] if in_time else [], dates)
    return itertools.islice(dates, count) if count else dates, classes


def instant(local, zone):
    return local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)


def clock_classes(local, zone):
    """Returns the class of a local time in a gap or a fold, or no class."""
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first == second:
        return set()
    return {"fold"} if first > second else {"gap"}


def utc_until(parts):
    """Returns the rule without a UNTIL in UTC, and that UNTIL as an instant or None."""
    if not parts.get("UNTIL", "").endswith("Z"):
        return parts, None
    until = datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    return {name: value for name, value in parts.items() if name != "UNTIL"}, until


def following(dates, zone, after, until, limit):
    """Returns the first instants of the naive dates after `after`, each once, and their classes."""
    classes, found, previous = set(), [], None
    for local in dates:
        if len(found) == limit:
            break
        moment = instant(local, zone)
        if until and moment > until:
            break
        if moment > after and (moment == previous or (found and moment <= found[-1])):
            classes.add("same-time")
        elif moment > after:
            found.append(moment)
            classes |= clock_classes(local, zone)
        previous = moment
    return found, classes


def stamp(moment):
    return moment.strftime("%Y%m%dT%H%M%S") + ("Z" if moment.tzinfo else "")


def line(classes, rule, start, zone, after, completed, expected):
    fields = [
        "+".join(sorted(classes)) or "plain", rule, stamp(start), zone.key, stamp(after), completed,
        ",".join(map(stamp, expected)) or "-",
    ]  # fmt: skip
    return "\t".join(fields)


def rule_case(rule, start, zone, after):
    parts, until = utc_until(parse(rule))
    dates, classes = local_dates(parts, start)
    if until:
        classes.add("until-utc")
    expected, more = following(dates, zone, after, until, OCCURRENCES)
    return line(classes | more, rule, start, zone, after, "-", expected)


def pattern_case(pattern, start, zone, after):
    step = {"daily": "days", "weekly": "weeks", "monthly": "months"}[pattern]
    dates = (start + relativedelta(**{step: number}) for number in itertools.count())
    expected, classes = following(dates, zone, after, None, OCCURRENCES)
    return line(classes | {"pattern"}, pattern, start, zone, after, "-", expected)


def completion_case(rule, start, zone, at, due, number):
    parts, until = utc_until(parse(rule))
    day = at.astimezone(zone).date()
    anchor = datetime.combine(day, start.time())
    dates, classes = local_dates(parts, anchor, counts_start=False)
    if until:
        classes.add("until-utc")
    later = (date for date in dates if date.date() > day)
    over = number >= int(parts.get("COUNT", number + 1))
    named = any(name.startswith("BY") for name in parts)
    expected, more = following([] if over else later, zone, max(at, due) if named else at, until, 1)
    return line(classes | more | {"completion"}, rule, start, zone, at, f"{stamp(due)}#{number}", expected)


def moved_case(kind, rule, start, zone, slot, due, done):
    """Returns the case of an occurrence that was moved from its slot to another due date."""
    parts, until = utc_until(parse(rule))
    dates, classes = local_dates(parts, start)
    if until:
        classes.add("until-utc")
    expected, more = following(dates, zone, max(slot, done), until, 1)
    return line(classes | more | {kind}, rule, start, zone, done, f"{stamp(slot)}#{stamp(due)}", expected)


def exdate_case(rule, start, zone, after, excluded):
    """Returns the case of a series without some of its slots and days, which still count for COUNT."""
    parts, until = utc_until(parse(rule))
    dates, classes = local_dates(parts, start)
    if until:
        classes.add("until-utc")
    days = {moment.date() for moment in excluded if moment.tzinfo is None}
    times = {moment for moment in excluded if moment.tzinfo}
    left = rruleset()
    taken = list(itertools.islice(dates, 400))
    for local in taken:
        left.rdate(local)
        if local.date() in days or instant(local, zone) in times:
            left.exdate(local)
    expected, more = following(left, zone, after, until, OCCURRENCES)
    names = ",".join(moment.strftime("%Y-%m-%dT%H:%M:%SZ" if moment.tzinfo else "%Y-%m-%d") for moment in excluded)
    return line(classes | more | {"exdate"}, f"{rule} EXDATE={names}", start, zone, after, "-", expected)


class Dice:
    """Creates all random cases from one seed."""

    def __init__(self):
        self.random = random.Random(SEED)

    def maybe(self, chance):
        return self.random.random() < chance

    def some(self, values, most):
        return sorted(self.random.sample(values, self.random.randint(1, min(most, len(values)))))

    def listed(self, values, most):
        return ",".join(map(str, self.some(values, most)))

    def zone(self):
        return zoneinfo.ZoneInfo(self.random.choice(ZONES))

    def start(self, zone):
        """Returns a local time that exists, mostly in this century, and often on a month's last days."""
        year, month = self.random.randint(1970, 2045), self.random.randint(1, 12)
        last = calendar.monthrange(year, month)[1]
        day = self.random.randint(27, last) if self.maybe(0.25) else self.random.randint(1, last)
        local = datetime(year, month, day, *self.random.choice(TIMES))
        return local if not clock_classes(local, zone) else local.replace(hour=12)

    def rule(self):
        if self.maybe(0.2):
            parts = parse(self.random.choice(SHAPES))
        else:
            parts = {"FREQ": self.random.choice(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])}
            if self.maybe(0.4):
                parts["INTERVAL"] = str(self.random.choice([2, 2, 3, 4, 5, 6, 7, 10, 12, 13, 45]))
            getattr(self, parts["FREQ"].lower())(parts)
        return parts

    def hourly(self, parts):
        if self.maybe(0.4):
            parts["BYDAY"] = self.listed(DAYS, 5)
        if self.maybe(0.2):
            parts["BYMONTHDAY"] = self.month_days()

    def daily(self, parts):
        if self.maybe(0.3):
            parts["BYMONTH"] = self.listed(range(1, 13), 4)
        if self.maybe(0.2):
            parts["BYMONTHDAY"] = self.month_days()
        if self.maybe(0.3):
            parts["BYDAY"] = self.listed(DAYS, 5)
        if len(parts) > 2 and self.maybe(0.05):
            parts["BYSETPOS"] = self.random.choice(["1", "-1"])

    def weekly(self, parts):
        if self.maybe(0.8):
            parts["BYDAY"] = self.listed(DAYS, 5)
        if self.maybe(0.15):
            parts["BYMONTH"] = self.listed(range(1, 13), 4)
        if "BYDAY" in parts and self.maybe(0.15):
            parts["BYSETPOS"] = self.random.choice(["1", "-1", "2", "1,-1"])
        if self.maybe(0.5):
            parts["WKST"] = self.random.choice(DAYS)

    def monthly(self, parts):
        if self.maybe(0.15):
            parts["BYMONTH"] = self.listed(range(1, 13), 5)
        self.days_of(parts, [1, 2, 3, 4, 5, -1, -2, -3, -4, -5], ["1", "-1", "2", "-2", "1,-1", "3,5"])

    def yearly(self, parts):
        if self.maybe(0.5):
            parts["BYMONTH"] = self.listed(range(1, 13), 3)
        numbers = [1, 2, 3, 4, 5, -1, -2, -5] if "BYMONTH" in parts else [1, 2, 10, 20, 52, 53, -1, -2, -20, -52, -53]
        self.days_of(parts, numbers, ["1", "-1", "2", "10", "100", "-3", "1,-1"])

    def days_of(self, parts, numbers, positions):
        shape = self.random.choice(["none", "dates", "dates", "days", "numbered", "numbered", "both", "mixed"])
        if shape in ("dates", "both"):
            parts["BYMONTHDAY"] = self.month_days()
        if shape in ("days", "both"):
            parts["BYDAY"] = self.listed(DAYS, 5)
        if shape in ("numbered", "mixed"):
            days = [f"{self.random.choice(numbers)}{day}" for day in self.some(DAYS, 3)]
            parts["BYDAY"] = ",".join(days + (self.some(DAYS, 2) if shape == "mixed" else []))
        if shape != "none" and self.maybe(0.35):
            parts["BYSETPOS"] = self.random.choice(positions)

    def month_days(self):
        return self.listed([*range(1, 32), 29, 30, 31, -1, -1, -2, -5, -15, -29, -30, -31], 4)

    def end(self, parts, start):
        """Adds COUNT, UNTIL or nothing to the rule."""
        if "COUNT" in parts or self.maybe(0.5):
            return
        if self.maybe(0.5):
            parts["COUNT"] = str(self.random.choice([1, 2, 3, 5, 10, 50, 500]))
            return
        until = start + timedelta(days=self.random.choice([0, 1, 7, 30, 31, 365, 366, 1461, 9000]))
        if self.maybe(0.5):
            parts["UNTIL"] = until.strftime("%Y%m%d")
        else:
            parts["UNTIL"] = (until + timedelta(hours=self.random.randint(-12, 12))).strftime("%Y%m%dT%H%M%SZ")

    def after(self, parts, start, zone):
        """Returns an instant before the start, at it, at an occurrence, years later or decades later."""
        kind = self.random.random()
        begin = instant(start, zone)
        if kind < 0.05:
            return begin - timedelta(days=self.random.randint(1, 1000))
        if kind < 0.2:
            return begin
        if kind < 0.45:
            dates, _ = local_dates(utc_until(parts)[0], start)
            known = list(itertools.islice(dates, 30)) or [start]
            return instant(self.random.choice(known), zone)
        years = 10 if kind < 0.8 else 55
        return begin + timedelta(seconds=self.random.randint(1, years * 366 * 86400))


def synchronize(dice, parts, start, zone):
    """Mostly moves the start to the rule's first date, as sensible clients do."""
    if dice.maybe(0.12):
        return start
    dates, classes = local_dates(parts, start)
    first = next(itertools.islice(dates, 1, None), start) if "start" in classes else start
    return start if clock_classes(first, zone) else first


def random_case(dice):
    zone = dice.zone()
    start = dice.start(zone)
    if dice.maybe(0.08):
        pattern = dice.random.choice(["daily", "weekly", "monthly", "monthly"])
        return pattern_case(pattern, start, zone, dice.after({"FREQ": "DAILY"}, start, zone))
    parts = dice.rule()
    start = synchronize(dice, parts, start, zone)
    dice.end(parts, start)
    return rule_case(join(parts), start, zone, dice.after(parts, start, zone))


def clock_changes(zone, year):
    """Returns the days of a year on which the zone's clock changes."""
    days = [datetime(year, 1, 1, tzinfo=zone) + timedelta(days=number) for number in range(366)]
    changing = (day for day in days if day.utcoffset() != (day + timedelta(days=1)).utcoffset())
    return [day.replace(tzinfo=None) for day in changing]


def clock_change_case(dice):
    """Returns the case of a daily or weekly time close to a clock change."""
    while True:
        zone, year = dice.zone(), dice.random.choice([1995, 2005, 2011, 2016, 2022, 2025, 2031])
        days = clock_changes(zone, year)
        if not days:
            continue
        day = dice.random.choice(days) - timedelta(days=dice.random.randint(0, 2))
        hour, minute, second = dice.random.choice(TIMES)
        time = timedelta(hours=hour, minutes=minute, seconds=second)
        start = day - timedelta(days=dice.random.choice([1, 7, 70, 700])) + time
        if clock_classes(start, zone):
            continue
        return rule_case(dice.random.choice(DENSE), start, zone, instant(day, zone))


def single_completion(dice):
    zone = dice.zone()
    start = dice.start(zone)
    parts = dice.rule()
    dice.end(parts, start)
    due = instant(start, zone) + timedelta(days=dice.random.choice([0, 0, 7, 100]))
    at = due + timedelta(minutes=dice.random.randint(-20_000, 60_000))
    return completion_case(join(parts), start, zone, at, due, dice.random.randint(1, 5))


def hourly_case(dice):
    zone = dice.zone()
    days = clock_changes(zone, dice.random.choice([2016, 2022, 2025]))
    start = dice.start(zone)
    if days and dice.maybe(0.5):
        start = dice.random.choice(days) - timedelta(days=1) + timedelta(hours=dice.random.choice([1, 9, 22]), minutes=30)
    if clock_classes(start, zone):
        start = start.replace(hour=12)
    parts = {"FREQ": "HOURLY"}
    if dice.maybe(0.7):
        parts["INTERVAL"] = str(dice.random.choice([2, 3, 4, 6, 8, 12, 36, 50]))
    dice.hourly(parts)
    dice.end(parts, start)
    after = instant(start, zone) + timedelta(minutes=dice.random.randint(0, 60_000))
    classes, _, rest = rule_case(join(parts), start, zone, after).partition("\t")
    return "+".join(sorted({*classes.split("+"), "hourly"} - {"plain"})) + "\t" + rest


def moved_or_skipped(dice):
    zone = dice.zone()
    # The Rust test creates a task from it in the machine's zone. Morocco's future rules change with each release of tzdata.
    while zone.key == "Africa/Casablanca":
        zone = dice.zone()
    start = dice.start(zone)
    parts = dice.rule()
    start = synchronize(dice, parts, start, zone)
    dice.end(parts, start)
    dates, _ = local_dates(utc_until(parts)[0], start)
    known = list(itertools.islice(dates, 20)) or [start]
    slot = instant(dice.random.choice(known), zone)
    due = slot + timedelta(minutes=dice.random.randint(-10_000, 20_000))
    done = due + timedelta(minutes=dice.random.choice([0, 5, -3_000, 3_000, 60_000]))
    return moved_case(dice.random.choice(["moved", "skipped"]), join(parts), start, zone, slot, due, done)


def all_day_case(dice):
    """Returns the case of an all-day series, often close to a clock change that skips midnight."""
    zone, year = dice.zone(), dice.random.choice([1995, 2005, 2016, 2018, 2022, 2031])
    days = clock_changes(zone, year) if dice.maybe(0.6) else []
    start = dice.start(zone).replace(hour=0, minute=0, second=0)
    parts = dice.rule()
    after = None
    if days:
        day = dice.random.choice(days)
        parts = parse(dice.random.choice(DENSE))
        start = day - timedelta(days=dice.random.choice([0, 1, 7, 70]))
        after = instant(day - timedelta(days=1), zone)
    dice.end(parts, start)
    case = rule_case(join(parts), start, zone, after or dice.after(parts, start, zone))
    classes, _, rest = case.partition("\t")
    return "+".join(sorted({*classes.split("+"), "all-day"} - {"plain"})) + "\t" + rest


def excluding_case(dice):
    zone = dice.zone()
    start = dice.start(zone)
    parts = dice.rule()
    start = synchronize(dice, parts, start, zone)
    dice.end(parts, start)
    dates, _ = local_dates(utc_until(parts)[0], start)
    known = list(itertools.islice(dates, 12)) or [start]
    chosen = sorted(dice.random.sample(known, min(len(known), dice.random.randint(1, 5))))
    excluded = [instant(local, zone) if dice.maybe(0.5) else local.replace(hour=0, minute=0, second=0) for local in chosen]
    return exdate_case(join(parts), start, zone, instant(dice.random.choice(known), zone), excluded)


def cases():
    dice = Dice()
    for rule in SHAPES + NEVER:
        start = datetime(2024, 1, 31, 9)
        yield rule_case(rule, start, zoneinfo.ZoneInfo("Europe/Berlin"), instant(start, timezone.utc))
    samoa = zoneinfo.ZoneInfo("Pacific/Apia")
    for rule in DENSE:
        start = datetime(2011, 12, 27, 9)
        yield rule_case(rule, start, samoa, instant(start, samoa))
    for make, number in [
        (random_case, RANDOM_CASES), (clock_change_case, CLOCK_CHANGE_CASES), (single_completion, COMPLETION_CASES),
        (hourly_case, HOURLY_CASES), (moved_or_skipped, MOVED_CASES), (all_day_case, ALL_DAY_CASES), (excluding_case, EXDATE_CASES),
    ]:  # fmt: skip
        for _ in range(number):
            yield make(dice)


def main():
    table = Path(__file__).parents[2] / "shared/domain/tests/rrule-cases.tsv"
    arguments = argparse.ArgumentParser(description="Writes the table of recurrence cases.")
    arguments.add_argument("output", nargs="?", type=Path, default=table)
    output = arguments.parse_args().output
    zoneinfo.reset_tzpath(to=[])  # only the tzdata package, not the machine's
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("python-dateutil", "tzdata"))
    lines = [f"# Written by tests/tools/rrule_cases.py with {versions}. Do not edit.", *cases()]
    output.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
