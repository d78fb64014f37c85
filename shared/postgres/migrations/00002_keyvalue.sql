-- +goose Up
-- Tables of a key-value store. No program uses them at present: a deployment with the log in Postgres has no command bus
-- and so no stored results. They are kept because applied migrations are not undone.
-- One row per bucket. A transaction that changes an entry locks that row, so changes become visible in the order of their
-- revisions.
create table orchestrix.buckets (
    name     text   primary key,
    revision bigint not null default 0
);

create table orchestrix.entries (
    bucket     text   not null references orchestrix.buckets (name),
    key        text   not null collate "C",
    value      bytea,
    revision   bigint not null,
    deleted    boolean not null,
    expires_at timestamptz,
    primary key (bucket, key)
);
create index entries_revision on orchestrix.entries (bucket, revision);
create index entries_expiry on orchestrix.entries (bucket, expires_at) where not deleted and expires_at is not null;

-- +goose Down
drop table orchestrix.entries;
drop table orchestrix.buckets;
