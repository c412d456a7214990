-- Keys are changed under sealed values and blind indexes while the service runs (docs/adr/020-keys.md).

-- How far the change has come, a row a sealed column: the last row that was looked at, and how many values were changed towards these keys ("target").
create table key_rotations (
    field text primary key,
    target text not null,
    after uuid not null,
    changed bigint not null,
    moved_at timestamptz not null,
    finished_at timestamptz);
alter table key_rotations enable row level security;
alter table key_rotations force row level security;
create policy definer on key_rotations to backend_definer using (true) with check (true);
grant select, insert, update on key_rotations to backend_definer;

-- Of the rows that carry them the ids, the sealed bytes and the blind indexes: nothing that can be read without the keys, which the database has not. Neither
-- role of the service gets anything: the operator's command comes as the owner and becomes backend_definer. Histories stay insert-only for the service.
do $$
declare carrier text[];
begin
    foreach carrier slice 1 in array array[
        ['accounts', 'phone'], ['we_chat_identities', 'open_id, open_id_index'], ['binding_tickets', 'open_id, open_id_index'],
        ['binding_requests', 'open_id, open_id_index'], ['residents', 'id_number, id_number_index, phone, phone_index, former_address'],
        ['tag_values', 'value, evidence'], ['households', 'snapshot'], ['measures', 'outcome'], ['monthly_evaluations', 'content'],
        ['staff_credentials', 'totp'], ['tier_changes', 'evidence'], ['visits', 'note'], ['we_chat_tokens', 'token'], ['idempotency_records', 'answer']] loop
        execute format('create policy rotation_select on %I for select to backend_definer using (true)', carrier[1]);
        execute format('create policy rotation_update on %I for update to backend_definer using (true) with check (true)', carrier[1]);
        execute format('grant select (id, %2$s), update (%2$s) on %1$I to backend_definer', carrier[1], carrier[2]);
    end loop;
end $$;

-- A new seal on a phone number is no change of anybody's rights.
grant create on schema app to backend_definer;
set role backend_definer;
create function app.tell_accounts() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare who uuid[];
begin
    select array_agg(c.id) into who from changed c join former f on f.id = c.id where to_jsonb(c) - 'phone' is distinct from to_jsonb(f) - 'phone';
    perform app.rights_changed(coalesce(who, '{}'));
    return null;
end $$;

-- While the key of the blind indexes is changed a row stands under the former or the present one: whoever looks up asks for both, the present one first.
create function app.account_of_open_id(wanted bytea[]) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select a.id from public.we_chat_identities i join public.accounts a on a.id = i.account_id
            where i.open_id_index = any(wanted) and a.disabled_at is null);
end $$;
create function app.binding_waits(wanted bytea[], since timestamptz) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return exists (select from public.binding_requests r where r.open_id_index = any(wanted) and r.decided_at is null and r.requested_at > since);
end $$;
-- The same binding, after the request has got the index under which the identity stands already, or else the present one.
create function app.bind_resident(request uuid, account uuid, name text, identity uuid, sealed bytea, indexes bytea[], moment timestamptz) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update public.binding_requests r
        set open_id_index = coalesce((select i.open_id_index from public.we_chat_identities i where i.open_id_index = any(indexes) limit 1), indexes[1])
        where r.id = request and r.open_id_index = any(indexes);
    return app.bind_resident(request, account, name, identity, sealed, moment);
end $$;
reset role;

drop trigger rights_before on accounts;
drop trigger rights_after on accounts;
create trigger rights_update after update on accounts referencing old table as former new table as changed for each statement execute function app.tell_accounts();

set role backend_definer;
revoke all on function app.tell_accounts(), app.account_of_open_id(bytea[]), app.binding_waits(bytea[], timestamptz),
    app.bind_resident(uuid, uuid, text, uuid, bytea, bytea[], timestamptz) from public;
grant execute on function app.account_of_open_id(bytea[]), app.binding_waits(bytea[], timestamptz),
    app.bind_resident(uuid, uuid, text, uuid, bytea, bytea[], timestamptz) to backend_app;
reset role;
revoke create on schema app from backend_definer;
