-- Reading outside one's own reach (docs/adr/021-readings.md). Runs in the EmergencyAccesses migration, as backend_owner.
alter table emergency_accesses enable row level security;
alter table emergency_accesses force row level security;
-- Her own, and those on a household that the caller sees.
create policy app_select on emergency_accesses for select to backend_app using (
    account_id = (select app.account()) or exists (select from public.households h where h.id = emergency_accesses.household_id));
create policy app_update on emergency_accesses for update to backend_app using (account_id = (select app.account())) with check (account_id = (select app.account()));
create policy definer_insert on emergency_accesses for insert to backend_definer with check (true);
create policy rotation_select on emergency_accesses for select to backend_definer using (true);
create policy rotation_update on emergency_accesses for update to backend_definer using (true) with check (true);
create policy worker on emergency_accesses to backend_worker using (true) with check (true);
grant select, update (ended_at) on emergency_accesses to backend_app;
grant select (id, account_id, role, household_id, opened_at, ends_at, ended_at), delete on emergency_accesses to backend_worker;
-- The rotation of keys (KeyRotations.sql) goes through what is sealed here like through the others.
grant select (id, household_id, justification), insert, update (justification) on emergency_accesses to backend_definer;
grant select (door) on households to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
-- The caller does not see the household: it is found here, by what she wrote down, and only together with the row that says so.
create function app.open_emergency_access(access uuid, held text, community uuid, named text, why bytea, moment timestamptz, until timestamptz) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare home uuid;
begin
    select h.id into home from public.households h where h.root_id = community and h.door = named order by h.id limit 1;
    insert into public.emergency_accesses (id, account_id, role, node_id, door, household_id, justification, opened_at, ends_at)
        values (access, app.account(), held, community, named, home, why, moment, until);
    return home;
end $$;
-- As before, and what was read under an emergency access says so: such an entry names the access.
create or replace function app.readings(operations text[], before timestamptz, before_id uuid, most integer)
    returns table (id uuid, at timestamptz, household_id uuid, account_id uuid, roles text, operation text, purpose text)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    home record;
    subjects uuid[];
begin
    select m.household_id as id, m.from_day::timestamp at time zone 'Asia/Shanghai' as since into home
        from public.accounts a join public.memberships m on m.resident_id = a.resident_id and m.to_day is null where a.id = app.account();
    if home.id is null then return; end if;
    subjects := home.id
        || array(select m.resident_id from public.memberships m where m.household_id = home.id and m.to_day is null)
        || array(select p.id from public.photos p where p.household_id = home.id);
    return query select e.id, e.at, home.id, e.account_id, e.roles, e.operation, coalesce(
            (select r.purpose from public.reveals r where r.id = any(e.target_ids)),
            (select 'emergency' from public.emergency_accesses x where x.id = any(e.target_ids) and x.household_id = home.id limit 1))
        from public.audit_entries e
        where e.target_ids && subjects and e.operation = any(operations) and e.result = 'done' and e.account_id <> app.account() and e.at >= home.since
            and (before is null or (e.at, e.id) < (before, before_id))
        order by e.at desc, e.id desc limit most;
end $$;
revoke all on function app.open_emergency_access(uuid, text, uuid, text, bytea, timestamptz, timestamptz) from public;
grant execute on function app.open_emergency_access(uuid, text, uuid, text, bytea, timestamptz, timestamptz) to backend_app;
grant execute on function app.tell_consent() to public;
reset role;
revoke create on schema app from backend_definer;
-- Rights rest on it, on every replica (RightsCache); what tells of a consent tells of any row with an account.
create trigger rights_emergency after insert on emergency_accesses for each row execute function app.tell_consent();
create trigger rights_emergency_end after update on emergency_accesses for each row
    when (old.ended_at is distinct from new.ended_at) execute function app.tell_consent();
set role backend_definer;
revoke execute on function app.tell_consent() from public;
reset role;
