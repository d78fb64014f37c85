-- +goose Up
create table orchestrix.snapshots (
    tenant   text        not null,
    category text        not null,
    id       text        not null,
    version  bigint      not null,
    schema   text        not null,
    state    bytea       not null,
    sha256   bytea       not null,
    taken_at timestamptz not null,
    primary key (tenant, category, id)
);

-- One row per view: the build that readers see.
create table orchestrix.views (
    name           text        primary key,
    active_version integer     not null,
    active_rebuild integer     not null,
    activated_at   timestamptz not null default now(),
    paused         boolean     not null default false
);

-- One row per build of a view. Its documents are in the table "view_<view>_v<version>", or
-- "view_<view>_v<version>_r<rebuild>" where the version was rebuilt.
create table orchestrix.view_builds (
    view        text        not null,
    version     integer     not null,
    rebuild     integer     not null,
    state       text        not null default 'building' check (state in ('building', 'active', 'retired', 'cancelled')),
    since       timestamptz not null default now(), -- start of the current state
    drop_old    boolean     not null default false, -- drop the previous build as soon as this one is active
    fields      json        not null,
    shared      boolean     not null,
    started_at  timestamptz not null default now(),
    prepared_at timestamptz not null default now(), -- changes with the declared fields; -infinity: the build was dropped, the row is a tombstone
    primary key (view, version, rebuild)
);

-- The position of each build in each partition, and the lease of the worker that may write it.
create table orchestrix.checkpoints (
    view          text        not null,
    version       integer     not null,
    rebuild       integer     not null,
    partition     integer     not null,
    position      bigint      not null default 0,
    log_created   timestamptz, -- creation time of the log's partition: it identifies the log
    commit_sha256 bytea,       -- of the commit at this position
    epoch         bigint      not null default 0,
    owner         text        not null default '',
    lease_until   timestamptz not null default '-infinity',
    caught_up_at  timestamptz,
    updated_at    timestamptz not null default now(),
    primary key (view, version, rebuild, partition)
);

-- The live workers, which share the work evenly.
create table orchestrix.workers (
    name        text        primary key,
    lives_until timestamptz not null
);

-- Events that a build could not apply, and the later events of their lanes, in the order of id within each lane.
create table orchestrix.parked (
    id            bigint      generated always as identity primary key,
    view          text        not null,
    version       integer     not null,
    rebuild       integer     not null,
    tenant        text        not null collate "C",
    lane          text        not null collate "C", -- "document/<key>" or "stream/<category>/<id>"
    category      text        not null,
    stream        text        not null,
    partition     integer     not null,
    sequence      bigint      not null,
    event         integer     not null, -- its index in the commit; -1 is the whole commit
    type          text        not null,
    message       text,       -- the error; null: the event waits for an earlier one of its lane
    causes        text[],
    failure_group text,
    attempts      integer     not null default 0,
    parked_at     timestamptz not null default clock_timestamp(),
    attempted_at  timestamptz
);
create index parked_lane on orchestrix.parked (view, version, rebuild, tenant, lane, id);
create index parked_failed on orchestrix.parked (id) where message is not null;

-- Actions of operators.
create table orchestrix.actions (
    id     bigint      generated always as identity primary key,
    at     timestamptz not null default clock_timestamp(),
    who    text        not null,
    did    text        not null,
    view   text        not null,
    object text        not null,
    reason text        not null
);
create index actions_view on orchestrix.actions (view, id);

-- +goose Down
drop table orchestrix.actions;
drop table orchestrix.parked;
drop table orchestrix.workers;
drop table orchestrix.checkpoints;
drop table orchestrix.view_builds;
drop table orchestrix.views;
drop table orchestrix.snapshots;
