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

-- One row a view: which of its versions readers see.
create table orchestrix.views (
    name           text        primary key,
    active_version integer     not null,
    activated_at   timestamptz not null default now()
);

-- One row a version of a view, whose documents are in the table "view_<view>_v<version>".
create table orchestrix.view_versions (
    view        text        not null,
    version     integer     not null,
    fields      json        not null,
    shared      boolean     not null,
    prepared_at timestamptz not null default now(),
    primary key (view, version)
);

-- How far each version of a view has followed each partition, and who may write it.
create table orchestrix.checkpoints (
    view         text        not null,
    version      integer     not null,
    partition    integer     not null,
    position     bigint      not null default 0,
    epoch        bigint      not null default 0,
    owner        text        not null default '',
    lease_until  timestamptz not null default '-infinity',
    caught_up_at timestamptz,
    updated_at   timestamptz not null default now(),
    primary key (view, version, partition)
);

-- +goose Down
drop table orchestrix.checkpoints;
drop table orchestrix.view_versions;
drop table orchestrix.views;
drop table orchestrix.snapshots;
