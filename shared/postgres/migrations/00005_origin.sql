-- +goose Up
-- Who caused a commit. Empty is unknown.
alter table orchestrix.log_commits
    add column sender    text not null default '',
    add column principal text not null default '',
    add column actor     text not null default '',
    add column via       text not null default '', -- process instance that sent the command
    add column key_id    text not null default '';

-- +goose Down
alter table orchestrix.log_commits drop column sender, drop column principal, drop column actor, drop column via, drop column key_id;
