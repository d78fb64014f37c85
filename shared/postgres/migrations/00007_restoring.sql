-- +goose Up
-- The backup that is being restored into the log; empty for none. Only the restore appends meanwhile.
alter table orchestrix.log_partitions add column restoring text not null default '';

-- +goose Down
alter table orchestrix.log_partitions drop column restoring;
