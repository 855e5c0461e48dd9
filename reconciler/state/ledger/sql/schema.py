"""The tables of a ledger, in the dialect of SQLite, and the steps from each version to the next."""

from __future__ import annotations

_ATTEMPTS = """
create table tasks (
    task_id text primary key,
    attempt_id text not null,
    first_seen_at real not null,
    last_seen_at real not null,
    status text not null,
    answer text not null default '{}',
    stray_of text,
    open_question integer not null default 0
) strict;

create table attempts (
    id text primary key,
    key text not null,
    lane text not null,
    edit text not null,
    state text not null,
    endpoint text not null,
    created_at real not null,
    server_time real,
    request_sha256 text not null,
    prompt text,
    job text not null,
    billable_s real not null,
    task_id text references tasks (task_id),
    submitted_at real,
    ended_at real,
    code text not null default '',
    message text not null default '',
    request_id text not null default '',
    adopted integer not null default 0,
    look_at real
) strict;
create unique index one_attempt_per_key on attempts (key)
    where state in ('INTENT', 'SUBMITTED', 'UNDECIDED', 'SUCCEEDED');
create unique index one_intent_per_lane on attempts (lane) where state = 'INTENT';
create index attempts_by_edit on attempts (edit, created_at);

create table uploads (
    sha256 text not null,
    model text not null,
    account text not null,
    endpoint text not null,
    url text not null,
    expires_at real not null,
    primary key (sha256, model, account, endpoint)
) strict;
"""
_BOOKS = """
create table bookings (
    attempt_id text primary key references attempts (id),
    environment text not null,
    labels text not null,
    model text not null,
    price_per_s real,
    currency text not null,
    commit_id text not null,
    author text not null,
    approved_by text not null
) strict;

create table holdings (
    edit text not null,
    environment text not null,
    key text not null,
    at real not null,
    reused integer not null,
    billable_s real not null,
    labels text not null,
    model text not null,
    price_per_s real,
    currency text not null,
    commit_id text not null,
    author text not null,
    approved_by text not null
) strict;
create index holdings_by_edit on holdings (edit, environment);
create index attempts_by_key on attempts (key);
"""
_BASELINES = """
create table baselines (
    id integer primary key,
    read_at real not null,
    server_time real,
    is_whole integer not null,
    task_ids text not null
) strict;
alter table attempts add column baseline integer;
alter table attempts add column named_id text not null default '';
alter table attempts add column vouched integer not null default 1;
alter table attempts add column sender text not null default '';
"""
# when an attempt was last written to; a question by it finds the index only in these very words
NEWEST_MOMENT = "max(created_at, coalesce(submitted_at, 0), coalesce(ended_at, 0))"
# attempts that are not over; who asks for some of these says this as well, in these very words, or
# SQLite looks at every attempt that ever was
IS_OPEN = "state in ('INTENT', 'SUBMITTED', 'UNDECIDED')"
IS_INTENT = f"{IS_OPEN} and state = 'INTENT'"
# what every plan asks, however much was ever sent
_INDEXES = f"""
create index attempts_by_moment on attempts
    ({NEWEST_MOMENT});
create index open_attempts on attempts (state) where {IS_OPEN};
create index open_questions on tasks (first_seen_at, task_id) where open_question;
"""
# whose each line is, and who works on it, in a ledger that several share; in a file all of it is
# ours
_SHARING = """
alter table attempts add column project text not null default '';
alter table attempts add column holder text not null default '';
alter table attempts add column intended_at real not null default 0;
alter table holdings add column project text not null default '';
create table holders (
    id text primary key,
    command text not null,
    host text not null,
    alive_until real not null
) strict;
create table lanes (lane text primary key, next_at real not null) strict;
create table duties (name text primary key, holder text not null) strict;
"""
# what the controller that leads leaves for the next one
_HANDOVERS = """
create table handovers (
    sync text not null,
    part text not null,
    content text not null,
    primary key (sync, part)
) strict;
"""
# what a day may cost is asked before each request, by the clock of the ledger
_BEGINNINGS = """
create index attempts_by_intent on attempts (intended_at) where intended_at > 0;
"""
# what one process has read of the account's list for all, by the clock of the ledger
_WATCHES = """
alter table tasks add column listed_at real not null default 0;
alter table tasks add column listed_as text not null default '';
create table watches (
    endpoint text primary key,
    holder text not null,
    renewed_at real not null,
    begun_at real not null,
    whole_at real not null,
    pages integer not null
) strict;
"""
# what one process has read of the account's list before a request, for all who send
_READINGS = """
create table readings (
    reader text primary key,
    holder text not null,
    begun_at real not null,
    is_open integer not null,
    whole_at real not null,
    baseline integer
) strict;
"""
# each takes a file to the version of its number, from 1; what was written stays
STEPS = (
    *(_ATTEMPTS, _BOOKS, _BASELINES, _INDEXES, _SHARING, _HANDOVERS, _BEGINNINGS, _WATCHES),
    _READINGS,
)
VERSION = len(STEPS)
RETIRED = 1_000_000  # the version of a ledger whose rows were moved elsewhere
