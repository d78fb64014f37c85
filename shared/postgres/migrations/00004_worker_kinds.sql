-- +goose Up
-- Workers share the work with workers of the same kind: projection services the views, process services the partitions.
alter table orchestrix.workers add column kind text not null default 'projection';

-- +goose Down
alter table orchestrix.workers drop column kind;
