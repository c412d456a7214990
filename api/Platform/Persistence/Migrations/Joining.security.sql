-- Row level security, grants and functions of invites and binding requests (docs/adr/004, ID06). Runs in the Joining migration, as backend_owner.
do $$
declare
    t text;
    visible constant text := 'node_path <@ any((select app.reach())::ltree[]) or household_id = any((select app.homes())::uuid[])';
begin
    foreach t in array array['invites', 'binding_requests'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy app_select on %I for select to backend_app using (' || visible || ')', t);
        execute format('create policy app_update on %I for update to backend_app using (' || visible || ') with check (' || visible || ')', t);
        execute format('create policy definer on %I to backend_definer using (true) with check (true)', t);
    end loop;
end $$;
-- Foreign keys ignore row level security: the resident must be in sight, and household and path must be hers.
create policy app_insert on invites for insert to backend_app with check (
    issued_by = (select app.account())
    and exists (select from public.residents r where r.id = invites.resident_id and r.household_id = invites.household_id and r.node_path = invites.node_path));
grant select, insert, update (revoked_at) on invites to backend_app;
grant select, update (decided_at, decided_by, is_approved, open_id, open_id_index) on binding_requests to backend_app;

create policy definer on binding_tickets for select to backend_definer using (true);
create policy definer_insert on accounts for insert to backend_definer with check (true);
create policy definer_insert on we_chat_identities for insert to backend_definer with check (true);
create policy definer_delete on we_chat_identities for delete to backend_definer using (true);
create policy definer_update on sessions for update to backend_definer using (true) with check (true);
grant select (id, hash, open_id_index, open_id, expires_at) on binding_tickets to backend_definer;
grant select (id, hash, resident_id, household_id, node_path, expires_at, used_at, revoked_at), update (used_at) on invites to backend_definer;
grant select, insert, update (open_id, open_id_index) on binding_requests to backend_definer;
grant insert (id, name, resident_id, created_at) on accounts to backend_definer;
grant insert (id, account_id, open_id_index, open_id, bound_at, employment_bound), delete on we_chat_identities to backend_definer;
grant select (display_id), update (ended_at) on sessions to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
create function app.binding_ticket(wanted bytea, moment timestamptz) returns table (id uuid, open_id bytea)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query select t.id, t.open_id from public.binding_tickets t where t.hash = wanted and t.expires_at > moment;
end $$;
-- Both secrets must be shown. Single use is the row lock of the update; the same ticket may say the same again.
create function app.request_binding(ticket bytea, invite bytea, sealed bytea, moment timestamptz) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    shown public.invites.id%type;
    held record;
begin
    select t.id, t.open_id_index into held from public.binding_tickets t where t.hash = ticket and t.expires_at > moment;
    if held.id is null then return false; end if;
    if exists (select from public.binding_requests r where r.id = held.id) then
        return exists (select from public.binding_requests r join public.invites i on i.id = r.invite_id where r.id = held.id and i.hash = invite);
    end if;
    update public.invites i set used_at = moment
        where i.hash = invite and i.used_at is null and i.revoked_at is null and i.expires_at > moment returning i.id into shown;
    if shown is null then return false; end if;
    insert into public.binding_requests (id, invite_id, resident_id, household_id, node_path, open_id, open_id_index, requested_at)
        select held.id, i.id, i.resident_id, i.household_id, i.node_path, sealed, held.open_id_index, moment from public.invites i where i.id = shown;
    return true;
end $$;
create function app.binding_waits(wanted bytea, since timestamptz) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return exists (select from public.binding_requests r where r.open_id_index = wanted and r.decided_at is null and r.requested_at > since);
end $$;
-- What the caller has approved, within her reach, under row level security; here it takes effect.
create function app.bind_resident(request uuid, account uuid, name text, identity uuid, sealed bytea, moment timestamptz) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    asked record;
    bound record;
begin
    update public.binding_requests r set open_id = null, open_id_index = null from public.binding_requests o
        where r.id = request and o.id = r.id and r.is_approved and r.decided_by = app.account() and r.open_id_index is not null
        returning r.resident_id, o.open_id_index into asked;
    if asked.resident_id is null then return null; end if;
    perform pg_advisory_xact_lock(hashtextextended('binding ' || asked.resident_id, 0));
    if exists (select from public.we_chat_identities i where i.open_id_index = asked.open_id_index) then return null; end if;
    select a.id, a.disabled_at into bound from public.accounts a where a.resident_id = asked.resident_id;
    if bound.disabled_at is not null then return null; end if;
    if bound.id is null then
        insert into public.accounts (id, name, resident_id, created_at) values (account, name, asked.resident_id, moment);
    else
        account := bound.id;
        delete from public.we_chat_identities i where i.account_id = account;
        update public.sessions s set ended_at = moment where s.account_id = account and s.display_id is null and s.ended_at is null;
    end if;
    insert into public.we_chat_identities (id, account_id, open_id_index, open_id, bound_at, employment_bound)
        values (identity, account, asked.open_id_index, sealed, moment, false);
    return account;
end $$;
revoke all on function app.binding_ticket(bytea, timestamptz), app.request_binding(bytea, bytea, bytea, timestamptz),
    app.binding_waits(bytea, timestamptz), app.bind_resident(uuid, uuid, text, uuid, bytea, timestamptz) from public;
grant execute on function app.binding_ticket(bytea, timestamptz), app.request_binding(bytea, bytea, bytea, timestamptz),
    app.binding_waits(bytea, timestamptz), app.bind_resident(uuid, uuid, text, uuid, bytea, timestamptz) to backend_app;
reset role;
revoke create on schema app from backend_definer;
