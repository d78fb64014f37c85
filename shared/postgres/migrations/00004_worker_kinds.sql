-- +goose Up
-- Projection services share the views among each other, and process services the partitions.
alter table orchestrix.workers add column kind text not null default 'projection';

-- +goose Down
alter table orchestrix.workers drop column kind;
