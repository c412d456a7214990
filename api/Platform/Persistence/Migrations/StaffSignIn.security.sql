-- Row level security, grants and functions of staff accounts (docs/adr/019, ID06 to ID09, AZ15). Runs in the StaffSignIn migration, as backend_owner.

-- Whether the caller holds a post of this role, by the database's own clock and a day wide on both sides: the second wall, the first one is exact.
create function app.administers(wanted text) returns boolean language sql stable parallel safe as $$
    select exists (select from public.appointments a join public.posts p on p.id = a.post_id
        where a.account_id = app.account() and p.role = wanted and a.from_day <= current_date + 1 and (a.to_day is null or a.to_day >= current_date - 1)) $$;
revoke all on function app.administers(text) from public;
grant execute on function app.administers(text) to backend_app, backend_definer;

-- How often somebody has tried, by a hash of what and of which device. Nobody reads it but the function that counts.
create table sign_in_tries (key bytea primary key, began_at timestamptz not null, tries integer not null);
create index ix_sign_in_tries_began_at on sign_in_tries (began_at);
do $$
declare t text;
begin
    foreach t in array array['sign_in_tries', 'staff_credentials', 'staff_devices', 'staff_invitations', 'staff_proposals'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
    end loop;
    foreach t in array array['staff_credentials', 'staff_devices'] loop
        execute format('create policy app_own on %I to backend_app using (account_id = (select app.account())) with check (account_id = (select app.account()))', t);
    end loop;
end $$;
grant select, insert, delete, update (totp, last_step, recovery_codes, password, changed_at) on staff_credentials to backend_app;
grant select, insert, delete on staff_devices to backend_app;
grant update (stepped_up_at) on sessions to backend_app;

-- What the security administration may: accounts and their names, invitations, proposals; never about herself.
create policy administrator_select on accounts for select to backend_app using ((select app.administers('security_admin')));
create policy administrator_insert on accounts for insert to backend_app with check ((select app.administers('security_admin')) and resident_id is null);
create policy administrator_update on accounts for update to backend_app
    using ((select app.administers('security_admin')) and id <> (select app.account())) with check (true);
grant insert, update (user_name, disabled_at) on accounts to backend_app;
create policy administrator_select on staff_invitations for select to backend_app using ((select app.administers('security_admin')));
create policy administrator_insert on staff_invitations for insert to backend_app with check (
    (select app.administers('security_admin')) and issued_by = (select app.account()) and account_id <> (select app.account()));
create policy administrator_update on staff_invitations for update to backend_app
    using ((select app.administers('security_admin')) and account_id <> (select app.account())) with check (used_at is null);
-- The invitee uses her own up.
create policy own_select on staff_invitations for select to backend_app using (account_id = (select app.account()));
create policy own_update on staff_invitations for update to backend_app using (account_id = (select app.account())) with check (account_id = (select app.account()));
grant select, insert, update (used_at, revoked_at) on staff_invitations to backend_app;

-- Two persons (AZ15): one proposes, another decides, and an appointment to a post of staff comes in only by an approved proposal of the same id.
create policy administrator_select on staff_proposals for select to backend_app using ((select app.administers('security_admin')));
create policy administrator_insert on staff_proposals for insert to backend_app with check (
    (select app.administers('security_admin')) and proposed_by = (select app.account()) and account_id <> (select app.account())
    and decided_at is null and decided_by is null and is_approved is null
    and exists (select from public.posts p where p.id = post_id and p.role not in ('resident', 'floor_leader', 'building_leader', 'area_leader')));
create policy administrator_update on staff_proposals for update to backend_app
    using ((select app.administers('security_admin')) and decided_at is null and proposed_by <> (select app.account()) and account_id <> (select app.account()))
    with check (decided_by = (select app.account()));
grant select, insert, update (decided_at, decided_by, is_approved) on staff_proposals to backend_app;
create policy staff_insert on appointments for insert to backend_app with check (
    (select app.administers('security_admin')) and exists (
        select from public.staff_proposals s where s.id = appointments.id and s.post_id = appointments.post_id and s.account_id = appointments.account_id
            and appointments.from_day >= s.from_day and appointments.to_day is not distinct from s.to_day and s.is_approved and s.decided_by = (select app.account()))
    -- Nobody holds two of the three administrations.
    and not exists (
        select from public.posts p join public.posts other on other.role in ('system_admin', 'security_admin', 'audit_admin') and other.role <> p.role
        join public.appointments held on held.post_id = other.id
        where p.id = appointments.post_id and p.role in ('system_admin', 'security_admin', 'audit_admin') and held.account_id = appointments.account_id
            and held.from_day <= coalesce(appointments.to_day, 'infinity') and coalesce(held.to_day, 'infinity') >= appointments.from_day));
create policy staff_update on appointments for update to backend_app
    using ((select app.administers('security_admin')) and account_id <> (select app.account()) and exists (
        select from public.posts p where p.id = post_id and p.role not in ('resident', 'floor_leader', 'building_leader', 'area_leader')))
    with check (true);
create policy staff_delete on appointments for delete to backend_app
    using ((select app.administers('security_admin')) and account_id <> (select app.account()) and exists (
        select from public.posts p where p.id = post_id and p.role not in ('resident', 'floor_leader', 'building_leader', 'area_leader')));

-- The operator's commands sign what they do.
create policy owner_insert on audit_entries for insert to backend_owner with check (true);

create policy definer on sign_in_tries to backend_definer using (true) with check (true);
create policy definer on staff_credentials for select to backend_definer using (true);
create policy definer on staff_devices for select to backend_definer using (true);
create policy definer on staff_invitations to backend_definer using (true) with check (true);
create policy definer_insert on appointments for insert to backend_definer with check (true);
grant select, insert, update, delete on sign_in_tries to backend_definer;
grant select (account_id, password) on staff_credentials to backend_definer;
grant select (id, account_id, hash) on staff_devices to backend_definer;
grant select, insert, update (revoked_at) on staff_invitations to backend_definer;
grant select (user_name), insert (user_name) on accounts to backend_definer;
grant insert on posts, appointments to backend_definer;
grant select (created_at) on sessions to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
-- One answer for a name that nobody has and for one who is disabled.
create function app.staff_sign_in(wanted text, device bytea) returns table (account_id uuid, password text, device_id uuid)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query select a.id, c.password, (select d.id from public.staff_devices d where d.account_id = a.id and d.hash = device)
        from public.accounts a join public.staff_credentials c on c.account_id = a.id where a.user_name = wanted and a.disabled_at is null;
end $$;
create function app.count_try(wanted bytea, moment timestamptz) returns table (tries integer, began_at timestamptz)
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    return query insert into public.sign_in_tries as t (key, began_at, tries) values (wanted, moment, 1)
        on conflict (key) do update set
            tries = case when t.began_at <= moment - interval '15 minutes' then 1 else least(t.tries + 1, 1000) end,
            began_at = case when t.began_at <= moment - interval '15 minutes' then moment else t.began_at end
        returning t.tries, t.began_at;
    delete from public.sign_in_tries t where t.key in (
        select o.key from public.sign_in_tries o where o.began_at <= moment - interval '15 minutes' limit 100 for update skip locked);
end $$;
create function app.invited_staff(wanted bytea, moment timestamptz) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select i.account_id from public.staff_invitations i join public.accounts a on a.id = i.account_id
        where i.hash = wanted and i.used_at is null and i.revoked_at is null and i.expires_at > moment and a.disabled_at is null);
end $$;
create function app.sessions_of(account uuid, moment timestamptz)
    returns table (id uuid, kind text, created_at timestamptz, last_used_at timestamptz, expires_at timestamptz)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not app.administers('security_admin') then raise insufficient_privilege; end if;
    return query select s.id, s.kind, s.created_at, s.last_used_at, s.expires_at from public.sessions s
        where s.account_id = account and s.display_id is null and s.ended_at is null and s.expires_at > moment order by s.last_used_at desc, s.id limit 200;
end $$;
create function app.end_sessions_of(account uuid, moment timestamptz) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not app.administers('security_admin') then raise insufficient_privilege; end if;
    update public.sessions s set ended_at = moment where s.account_id = account and s.display_id is null and s.ended_at is null;
end $$;
-- The operator's door: the first administrators, before anybody could propose anybody.
create function app.create_administrator(account uuid, wanted_name text, wanted_user_name text, wanted_role text, wanted_title text, post uuid, node uuid, appointment uuid, day date,
    invitation uuid, secret bytea, moment timestamptz, until timestamptz) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if wanted_role not in ('system_admin', 'security_admin', 'audit_admin') then raise insufficient_privilege; end if;
    if exists (select from public.accounts a where a.user_name = wanted_user_name) then return false; end if;
    insert into public.accounts (id, name, user_name, created_at) values (account, wanted_name, wanted_user_name, moment);
    insert into public.posts (id, role, node_id, leads_node, title) values (post, wanted_role, node, false, wanted_title);
    insert into public.appointments (id, post_id, account_id, from_day) values (appointment, post, account, day);
    insert into public.staff_invitations (id, hash, account_id, issued_at, expires_at) values (invitation, secret, account, moment, until);
    return true;
end $$;
create function app.invite_user(wanted_user_name text, invitation uuid, secret bytea, moment timestamptz, until timestamptz) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare who uuid;
begin
    select a.id into who from public.accounts a where a.user_name = wanted_user_name and a.disabled_at is null;
    if who is null then return null; end if;
    update public.staff_invitations i set revoked_at = moment where i.account_id = who and i.used_at is null and i.revoked_at is null;
    insert into public.staff_invitations (id, hash, account_id, issued_at, expires_at) values (invitation, secret, who, moment, until);
    return who;
end $$;
revoke all on function app.staff_sign_in(text, bytea), app.count_try(bytea, timestamptz), app.invited_staff(bytea, timestamptz), app.sessions_of(uuid, timestamptz),
    app.end_sessions_of(uuid, timestamptz), app.create_administrator(uuid, text, text, text, text, uuid, uuid, uuid, date, uuid, bytea, timestamptz, timestamptz),
    app.invite_user(text, uuid, bytea, timestamptz, timestamptz) from public;
grant execute on function app.staff_sign_in(text, bytea), app.count_try(bytea, timestamptz), app.invited_staff(bytea, timestamptz), app.sessions_of(uuid, timestamptz),
    app.end_sessions_of(uuid, timestamptz) to backend_app;
grant execute on function app.create_administrator(uuid, text, text, text, text, uuid, uuid, uuid, date, uuid, bytea, timestamptz, timestamptz),
    app.invite_user(text, uuid, bytea, timestamptz, timestamptz) to backend_owner;
reset role;
revoke create on schema app from backend_definer;
