-- +goose Up
-- The event log, for deployments without NATS. One row per partition: a transaction that appends locks it, so commits
-- become visible in the order of their sequences.
create table orchestrix.log_partitions (
    partition integer     primary key,
    head      bigint      not null default 0, -- sequence of the newest commit
    head_at   timestamptz,
    created   timestamptz not null
);

create table orchestrix.log_commits (
    partition      integer not null,
    sequence       bigint  not null,
    tenant         text    not null collate "C",
    category       text    not null collate "C",
    stream         text    not null collate "C",
    first_version  bigint  not null, -- of the stream with the commit's first event
    version        bigint  not null, -- of the stream after the commit
    command_id     text    not null,
    command_hash   text    not null,
    traceparent    text    not null,
    tracestate     text    not null,
    previous       bigint[],         -- sequences of earlier commits of the stream, newest first
    body           json    not null, -- a CloudEvents batch
    primary key (partition, sequence),
    unique (tenant, category, stream, first_version)
);

-- +goose Down
drop table orchestrix.log_commits;
drop table orchestrix.log_partitions;
