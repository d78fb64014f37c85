-- +goose Up
-- A snapshot is authenticated with a key that Postgres does not know. '' is the plain SHA-256 of an installation without keys.
alter table orchestrix.snapshots rename column sha256 to mac;
alter table orchestrix.snapshots add column key_id text not null default '';

-- Actions can't be written in a form that a terminal obeys, or that hides the others. Old rows are not checked.
alter table orchestrix.actions add constraint actions_are_readable check (
    octet_length(who) between 1 and 1000 and octet_length(reason) <= 1000 and octet_length(object) <= 4000
    and who || did || view || object || reason !~ '[\u0001-\u001f\u007f-\u009f]'
) not valid;

-- The tables of the documents are in a schema of their own, in which no other role creates tables.
create schema orchestrix_views;

-- +goose StatementBegin
do $$
declare
    found record;
begin
    drop table if exists orchestrix."view_process-runner_v1"; -- it never had documents
    for found in
        select c.oid::regclass as name from orchestrix.view_builds b
        join pg_class c on c.relnamespace = 'orchestrix'::regnamespace and c.relkind = 'r'
            and c.relname = 'view_' || b.view || '_v' || b.version || case when b.rebuild > 0 then '_r' || b.rebuild else '' end
    loop
        if exists (select from pg_trigger where tgrelid = found.name and not tgisinternal)
            or exists (select from pg_rewrite where ev_class = found.name) then
            raise exception '% has a trigger or a rule, which Orchestrix did not create: find out who did, and drop it', found.name;
        end if;
        execute format('alter table %s set schema orchestrix_views', found.name);
    end loop;
end $$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare
    found record;
begin
    for found in select oid::regclass as name from pg_class where relnamespace = 'orchestrix_views'::regnamespace and relkind = 'r' loop
        execute format('alter table %s set schema orchestrix', found.name);
    end loop;
end $$;
-- +goose StatementEnd
drop schema orchestrix_views;
alter table orchestrix.actions drop constraint actions_are_readable;
delete from orchestrix.snapshots;
alter table orchestrix.snapshots drop column key_id;
alter table orchestrix.snapshots rename column mac to sha256;
