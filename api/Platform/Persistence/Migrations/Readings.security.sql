-- Reveals, and the read log of a household (docs/adr/021-readings.md). Runs in the Readings migration, as backend_owner.
alter table reveals enable row level security;
alter table reveals force row level security;
create policy app_select on reveals for select to backend_app using (account_id = (select app.account()));
-- Foreign keys ignore row level security: whoever is shown a number must see that the resident lives there.
create policy app_insert on reveals for insert to backend_app with check (
    account_id = (select app.account())
    and exists (select from public.memberships m where m.household_id = reveals.household_id and m.resident_id = reveals.resident_id and m.to_day is null));
create policy definer_reads on reveals for select to backend_definer using (true);
grant select, insert on reveals to backend_app;
grant select (id, purpose) on reveals to backend_definer;
-- Its justification is sealed: the rotation of keys (KeyRotations.sql) goes through it like through the others.
create policy rotation_select on reveals for select to backend_definer using (true);
create policy rotation_update on reveals for update to backend_definer using (true) with check (true);
grant select (justification), update (justification) on reveals to backend_definer;

-- Who has read what, by the ids. A read appends to its list of pending entries and whoever fills that sorts it in: the smaller it is, the shorter she waits.
create index ix_audit_entries_target_ids on audit_entries using gin (target_ids) with (gin_pending_list_limit = 1024);

create policy definer_reads on audit_entries for select to backend_definer using (true);
create policy definer_reads on memberships for select to backend_definer using (true);
create policy definer_reads on photos for select to backend_definer using (true);
grant select (id, at, account_id, roles, scope, operation, target_ids, result, address, correlation_id, xid) on audit_entries to backend_definer;
grant select (household_id, resident_id, from_day, to_day) on memberships to backend_definer;
grant select (id, household_id) on photos to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
-- The app sees of the audit what its own account did. This shows what others read of the household in which that account's resident lives, since she does;
-- which household is not the caller's to say.
create function app.readings(operations text[], before timestamptz, before_id uuid, most integer)
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
    return query select e.id, e.at, home.id, e.account_id, e.roles, e.operation, (select r.purpose from public.reveals r where r.id = any(e.target_ids))
        from public.audit_entries e
        where e.target_ids && subjects and e.operation = any(operations) and e.result = 'done' and e.account_id <> app.account() and e.at >= home.since
            and (before is null or (e.at, e.id) < (before, before_id))
        order by e.at desc, e.id desc limit most;
end $$;
-- The whole of it for whoever holds a post of audit administration on that day, and for nobody else (AU04), in the order of the chain (adr/017).
create function app.audit_entries(today date, who uuid, target uuid, what text, earliest timestamptz, until timestamptz, before_xid xid8, before_id uuid, most integer)
    returns table (id uuid, at timestamptz, account_id uuid, roles text, scope text, operation text, target_ids uuid[], result text, address text, correlation_id text, xid xid8)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (
        select from (select a.account_id, a.post_id, a.from_day, a.to_day from public.appointments a
            union all select s.account_id, s.post_id, s.from_day, s.to_day from public.stand_ins s) h join public.posts p on p.id = h.post_id
        where h.account_id = app.account() and p.role = 'audit_admin' and today between h.from_day and coalesce(h.to_day, 'infinity')) then return;
    end if;
    return query select e.id, e.at, e.account_id, e.roles, e.scope, e.operation, e.target_ids, e.result, e.address, e.correlation_id, e.xid
        from public.audit_entries e
        where (who is null or e.account_id = who) and (target is null or e.target_ids @> array[target]) and (what is null or e.operation = what)
            and (earliest is null or e.at >= earliest) and (until is null or e.at < until) and (before_id is null or (e.xid, e.id) < (before_xid, before_id))
        order by e.xid desc, e.id desc limit most;
end $$;
revoke all on function app.readings(text[], timestamptz, uuid, integer), app.audit_entries(date, uuid, uuid, text, timestamptz, timestamptz, xid8, uuid, integer) from public;
grant execute on function app.readings(text[], timestamptz, uuid, integer), app.audit_entries(date, uuid, uuid, text, timestamptz, timestamptz, xid8, uuid, integer) to backend_app;
reset role;
revoke create on schema app from backend_definer;
