-- Grants and functions of binding by a verified phone, and of telling the phone that an account has left (docs/adr/018, ID06). Runs in the PhoneBindings
-- migration, as backend_owner.

-- The WeChat identity that an account had before: by a keyed hash alone, and gone with the account's identity. The worker deletes what is over. Checked at the
-- commit: of two moves the first phone is still told while the second one is made.
create table moved_bindings (
    open_id_index bytea primary key,
    identity_id uuid not null references we_chat_identities on delete cascade deferrable initially deferred,
    moved_at timestamptz not null);
create index ix_moved_bindings_identity_id on moved_bindings (identity_id);
create index ix_moved_bindings_moved_at on moved_bindings (moved_at);
alter table moved_bindings enable row level security;
alter table moved_bindings force row level security;
create policy definer on moved_bindings to backend_definer using (true) with check (true);
create policy worker on moved_bindings to backend_worker using (true) with check (true);
grant select, insert, update, delete on moved_bindings to backend_definer;
grant select (open_id_index, moved_at), delete on moved_bindings to backend_worker;

grant select (phone_code), update (phone_code) on binding_tickets to backend_definer;
grant select (observed_at, recorded_at, voided_at) on tag_values to backend_definer;
grant select (at) on consents to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
-- The ticket, and whether this code of a phone button was taken with it already.
create function app.binding_ticket(wanted bytea, code bytea, moment timestamptz) returns table (id uuid, open_id bytea, is_taken boolean)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query select t.id, t.open_id, coalesce(t.phone_code = code, false) from public.binding_tickets t where t.hash = wanted and t.expires_at > moment;
end $$;
-- Whose alone a number is in the register, for whoever holds a ticket; with what says whether she is a child, and whether a guardian has consented (PD06).
create function app.resident_of_phone(ticket bytea, wanted bytea[], moment timestamptz) returns table (id uuid, birth_id uuid, birth bytea, is_consented boolean)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        with found as (select r.id as resident from public.residents r where r.phone_index = any(wanted) limit 2)
        select f.resident, b.id, b.value,
            coalesce((select not c.withdrawn from public.consents c where c.resident_id = f.resident and c.purpose = 'child_contact' order by c.at desc, c.id desc limit 1), false)
        from found f
            left join lateral (select v.id, v.value from public.tag_values v where v.subject_id = f.resident and v.tag_code = 'birth_date' and v.voided_at is null
                order by v.observed_at desc, v.recorded_at desc, v.id desc limit 1) b on true
        where (select count(*) from found) = 1 and exists (select from public.binding_tickets t where t.hash = ticket and t.expires_at > moment);
end $$;
-- Takes the code, whoever the number belongs to. Where it is one resident's, her request waits; who asks again while it does has asked once.
create function app.request_binding_by_phone(ticket bytea, code bytea, resident uuid, wanted bytea[], request uuid, sealed bytea, moment timestamptz, since timestamptz)
    returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare held bytea;
begin
    update public.binding_tickets t set phone_code = code where t.hash = ticket and t.expires_at > moment returning t.open_id_index into held;
    if held is null then return false; end if;
    perform pg_advisory_xact_lock(hashtextextended('binding ' || encode(held, 'hex'), 0));
    insert into public.binding_requests (id, resident_id, household_id, node_path, open_id, open_id_index, requested_at)
        select request, r.id, r.household_id, r.node_path, sealed, held, moment from public.residents r
        where r.id = resident and r.phone_index = any(wanted) and not exists (select from public.binding_requests b
            where b.resident_id = r.id and b.open_id_index = held and b.decided_at is null and b.requested_at > since);
    return true;
end $$;
-- What somebody hears at sign-in whose identity no account has. That it has moved is known for as long as the row is kept (retention.csv).
create function app.binding_state(wanted bytea[], since timestamptz) returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return case
        when exists (select from public.binding_requests r where r.open_id_index = any(wanted) and r.decided_at is null and r.requested_at > since) then 'waiting'
        when exists (select from public.moved_bindings m where m.open_id_index = any(wanted)) then 'moved'
        else 'none' end;
end $$;
-- As before; the identity that gives way is remembered, and so are those that gave way to it.
create or replace function app.bind_resident(request uuid, account uuid, name text, identity uuid, sealed bytea, moment timestamptz) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    asked record;
    bound record;
    former bytea;
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
        update public.moved_bindings m set identity_id = identity from public.we_chat_identities i where i.account_id = account and m.identity_id = i.id;
        delete from public.we_chat_identities i where i.account_id = account returning i.open_id_index into former;
        update public.sessions s set ended_at = moment where s.account_id = account and s.display_id is null and s.ended_at is null;
    end if;
    insert into public.we_chat_identities (id, account_id, open_id_index, open_id, bound_at, employment_bound)
        values (identity, account, asked.open_id_index, sealed, moment, false);
    delete from public.moved_bindings m where m.open_id_index = asked.open_id_index;
    if former is not null then
        insert into public.moved_bindings as m (open_id_index, identity_id, moved_at) values (former, identity, moment)
            on conflict (open_id_index) do update set identity_id = excluded.identity_id, moved_at = excluded.moved_at;
    end if;
    return account;
end $$;
revoke all on function app.binding_ticket(bytea, bytea, timestamptz), app.resident_of_phone(bytea, bytea[], timestamptz),
    app.request_binding_by_phone(bytea, bytea, uuid, bytea[], uuid, bytea, timestamptz, timestamptz), app.binding_state(bytea[], timestamptz) from public;
grant execute on function app.binding_ticket(bytea, bytea, timestamptz), app.resident_of_phone(bytea, bytea[], timestamptz),
    app.request_binding_by_phone(bytea, bytea, uuid, bytea[], uuid, bytea, timestamptz, timestamptz), app.binding_state(bytea[], timestamptz) to backend_app;
reset role;
revoke create on schema app from backend_definer;
