-- What anybody's rights rest on (sessions, accounts, posts held, what the posts reach, the own household, the grid) tells here when it changes,
-- in the same transaction, whoever changes it. The epoch is raised under its row lock, so numbers commit in order and a poll misses none (AZ11).

create table rights_epoch (id boolean primary key default true check (id), epoch bigint not null);
insert into rights_epoch (epoch) values (0);
-- account_id null: everybody.
create table rights_changes (id bigint generated always as identity primary key, epoch bigint not null, account_id uuid);
create index ix_rights_changes_epoch on rights_changes (epoch);
alter table rights_epoch enable row level security;
alter table rights_epoch force row level security;
alter table rights_changes enable row level security;
alter table rights_changes force row level security;
create policy worker on rights_epoch for select to backend_worker using (true);
create policy worker on rights_changes for select to backend_worker using (true);
create policy definer on rights_epoch to backend_definer using (true) with check (true);
create policy definer on rights_changes to backend_definer using (true) with check (true);
grant select on rights_epoch, rights_changes to backend_worker;
grant select, update on rights_epoch to backend_definer;
grant select, insert, delete on rights_changes to backend_definer;
grant select on appointments, stand_ins, posts to backend_definer;
grant select (resident_id) on accounts to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
create function app.rights_changed(accounts uuid[]) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare raised bigint;
begin
    if cardinality(accounts) = 0 then return; end if;
    update public.rights_epoch set epoch = epoch + 1 returning epoch into raised;
    insert into public.rights_changes (epoch, account_id) select raised, a from unnest(accounts) a;
    -- A replica that has slept longer than this forgets everything it knows (RightsCache).
    delete from public.rights_changes where epoch <= raised - 10000;
end $$;

-- One statement trigger for each kind of statement; the changed rows are "changed", before or after.
create function app.tell_rights() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare who uuid[];
begin
    case tg_table_name
        when 'appointments', 'stand_ins' then
            select array_agg(distinct account_id) into who from changed;
        when 'accounts' then
            select array_agg(distinct id) into who from changed;
        when 'assignments' then
            select array_agg(distinct h.account_id) into who from changed c join (
                select post_id, account_id from public.appointments union select post_id, account_id from public.stand_ins) h on h.post_id = c.post_id;
        when 'memberships' then
            select array_agg(distinct a.id) into who from changed c join public.accounts a on a.resident_id = c.resident_id;
        else
            -- A post's role or a node's place: whom it concerns is not worth finding out.
            select array[null::uuid] into who where exists (select from changed);
    end case;
    perform app.rights_changed(coalesce(who, '{}'));
    return null;
end $$;

-- Sessions are rotated all day; only their end matters.
create function app.tell_session() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.rights_changed(array[old.account_id]);
    return null;
end $$;
reset role;
revoke create on schema app from backend_definer;

do $$
declare t text;
begin
    foreach t in array array['appointments', 'stand_ins', 'accounts', 'assignments', 'memberships', 'posts', 'grid_nodes'] loop
        -- A new account or post gives nobody anything yet.
        if t not in ('accounts', 'posts') then
            execute format('create trigger rights_insert after insert on %I referencing new table as changed for each statement execute function app.tell_rights()', t);
        end if;
        execute format('create trigger rights_before after update on %I referencing old table as changed for each statement execute function app.tell_rights()', t);
        execute format('create trigger rights_after after update on %I referencing new table as changed for each statement execute function app.tell_rights()', t);
        execute format('create trigger rights_delete after delete on %I referencing old table as changed for each statement execute function app.tell_rights()', t);
    end loop;
end $$;
create trigger rights_session after update on sessions for each row
    when (old.ended_at is distinct from new.ended_at or old.expires_at is distinct from new.expires_at or old.node_id is distinct from new.node_id)
    execute function app.tell_session();
create trigger rights_session_gone after delete on sessions for each row execute function app.tell_session();

set role backend_definer;
revoke all on function app.rights_changed(uuid[]), app.tell_rights(), app.tell_session() from public;
reset role;
