"""Rules for requests that the OpenAPI document cannot express, for the fuzz run: formats, and rules between fields.

Every repair is done to valid ("positive") cases only; what is made invalid on purpose is sent as it is.
"""

import copy
import datetime
import re
import uuid
from functools import lru_cache

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st
from hypothesis.internal import lambda_sources

FAR_AHEAD = "2200-01-01T09:00:00Z"
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe",
         "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu"]
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


# The tool itself -------------------------------------------------------------------------------------------------------------------

describe = lambda_sources._lambda_description


def describe_anyhow(function, *arguments, **options):
    """Hypothesis parses source to describe a lambda. Deep in a stack, CPython 3.11 may fail to parse it (gh-106905). Then only the
    description is missing, and the run continues."""
    try:
        return describe(function, *arguments, **options)
    except SystemError:
        return "lambda: <source could not be parsed>"


lambda_sources._lambda_description = describe_anyhow


# Formats ---------------------------------------------------------------------------------------------------------------------------

@st.composite
def rrules(draw):
    """Generates RFC 5545 rules that Taskflow supports. Each frequency has different parts."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 12))}")
    if frequency == "WEEKLY" and draw(st.booleans()):
        parts.append("BYDAY=" + ",".join(draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))))
    if frequency == "MONTHLY" and draw(st.booleans()):
        parts.append(f"BYMONTHDAY={draw(st.sampled_from([1, 15, 28, 31, -1]))}")
    end = draw(st.sampled_from(["", "COUNT=1", "COUNT=5", "UNTIL=22000101T000000Z"]))
    return ";".join(parts + [end] if end else parts)


def rfc3339(moment, offset):
    """Formats a time with an offset. Generated times are far enough from the years 0001 and 9999 that no offset, rule or reminder exceeds them."""
    hours, minutes = divmod(abs(offset), 60)
    zone = "Z" if offset == 0 else f"{'+' if offset > 0 else '-'}{hours:02}:{minutes:02}"
    return moment.isoformat() + zone


schemathesis.openapi.format("iana-time-zone", st.sampled_from(ZONES))
schemathesis.openapi.format("rrule", rrules())
DATE_TIMES = st.builds(
    rfc3339,
    st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2199, 12, 31)),
    st.sampled_from([0, 60, 120, -300, 330, 345, 840, -720]),
)
DATES = st.dates(datetime.date(1970, 1, 1), datetime.date(2199, 12, 31)).map(datetime.date.isoformat)
schemathesis.openapi.format("date-time", DATE_TIMES)
schemathesis.openapi.format("date-or-date-time", st.one_of(DATES, DATE_TIMES))


# The document ----------------------------------------------------------------------------------------------------------------------

@schemathesis.hook
def before_load_schema(context, raw_schema):
    # `default` means 500. With it, any status would conform; without it, each status must be in the document.
    for item in raw_schema["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default", None)


# Valid cases -----------------------------------------------------------------------------------------------------------------------

@schemathesis.hook
def before_call(context, case, kwargs):
    # The stateful phase guesses links and puts ids, which are numbers, into headers; a header is text.
    for name, value in list((case.headers or {}).items()):
        if not isinstance(value, (str, bytes)):
            case.headers[name] = str(value)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    operation = case.operation.definition.raw.get("operationId")
    if case.headers and "Idempotency-Key" in case.headers:
        # Taskflow refuses a key that it has seen with another body (422), and short keys occur repeatedly.
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    for name in ("If-Match", "If-None-Match"):
        if case.headers and not case.headers.get(name, "*"):
            # Schemathesis 4.32 generates an empty value for this pattern, which neither the pattern nor minLength allows.
            del case.headers[name]
    if operation in ("sendBatch", "sendEvent"):
        repair_event(case)
    elif isinstance(case.body, dict):
        case.body = repaired(operation, case.body)
    for parameters in (case.query, case.path_parameters):
        if parameters:
            repair_ids(parameters)
    if case.query:
        repair_query(operation, case.query)


def repaired(operation, body):
    body = copy.deepcopy(body)
    if operation in ("createTask", "patchTask", "updateTask"):
        repair_task(body)
    if operation == "searchTasks" and body.get("query"):
        # At most 16 words.
        body["query"] = " ".join(body["query"].split()[:16])
    return body


def repair_task(task):
    if task.get("recurrence_rule") is not None:
        # A rule replaces the recurrence: both at once is 422.
        task.pop("recurrence", None)
    needs_due_date = task.get("recurrence_rule") is not None or task.get("recurrence", "none") != "none"
    if task.get("reminder_offset") is not None or (needs_due_date and task.get("due_date") is None):
        # A recurrence or a reminder needs a due date; a reminder, one in the future.
        task["due_date"] = FAR_AHEAD
    if not needs_due_date:
        # A task without recurrence has no series.
        task.pop("recurrence_start", None)
        task.pop("recurrence_exdates", None)
    if "T" not in (task.get("due_date") or ""):
        # A date means all-day; a task without one is neither.
        task.pop("all_day", None)


def repair_ids(parameters):
    """Replaces ids that are not numbers, because the stateful phase guesses links: an event's id is a UUID, not a task's id."""
    for name, value in list(parameters.items()):
        if (name == "after" or name.endswith("_id")) and name != "conversation_id" and not re.fullmatch(r"-?\d+", str(value)):
            parameters[name] = 1


def repair_query(operation, query):
    tags = query.get("tags")
    if operation == "listTasks" and isinstance(tags, str):
        # A list within a string: at most 20 tags of at most 50 characters, and lower case can be longer than upper case.
        query["tags"] = ",".join(tag[:25] for tag in tags.split(",")[:20])
    if operation == "listAudit" and "task_id" not in query:
        # A chain needs a task.
        query.pop("chain", None)


COMMANDS = {"task.create": "createTask", "task.update": "updateTask"}


def repair_event(case):
    if case.media_type == "application/json":
        # The binary mode: a header determines the body, which OpenAPI cannot express.
        case.headers = {"ce-specversion": "1.0", "ce-id": str(uuid.uuid4()), "ce-source": "/fuzz", "ce-type": "task.create"}
        case.body = {"title": "from a binary event"}
        return
    body = copy.deepcopy(case.body)
    for event in body if isinstance(body, list) else [body]:
        if not isinstance(event, dict):
            continue
        # A command is executed once per source and id; short ids occur repeatedly.
        event["id"] = str(uuid.uuid4())
        if event.get("type") in COMMANDS and isinstance(event.get("data"), dict):
            event["data"] = repaired(COMMANDS[event["type"]], event["data"])
    case.body = body


# False positives -------------------------------------------------------------------------------------------------------------------

@schemathesis.hook
def filter_failure(context, failure, case, response):
    kind = type(failure).__name__
    if kind == "AcceptedNegativeData":
        return not is_read_leniently(case)
    return True


def is_read_leniently(case):
    """True if the body only violates the schema before it is normalised like in Taskflow: trimmed, each tag once."""
    if not isinstance(case.body, dict):
        return False
    validator = validator_of(case)
    return validator is not None and not validator.is_valid(case.body) and validator.is_valid(normal(case.body))


def validator_of(case):
    body = case.operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return None if body is None else validator(body.get("$ref"), Components(case.operation.schema.raw_schema["components"]))


class Components(dict):
    """The components of the document, hashable as a key of the cache below."""

    def __hash__(self):
        return 0


@lru_cache(maxsize=None)
def validator(reference, components):
    return jsonschema_rs.Draft202012Validator({"$ref": reference, "components": dict(components)})


def normal(value, name=""):
    if isinstance(value, dict):
        return {key: normal(item, key) for key, item in value.items()}
    if name == "tags" and isinstance(value, list) and all(isinstance(tag, str) for tag in value):
        return list(dict.fromkeys(tag.strip().lower() for tag in value))
    if name == "title" and isinstance(value, str):
        return value.strip()
    if name == "reminder_offset" and isinstance(value, str):
        offset = re.fullmatch(r"0*(\d{1,3})\s*(minute|hour|day|week)s?", value.strip().lower())
        return f"{offset[1]} {offset[2]}s" if offset else value
    return value
