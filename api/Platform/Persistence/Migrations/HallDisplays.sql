-- Registered displays: rows by reach, as everywhere; a ticket and a session know their display.

alter table displays enable row level security;
alter table displays force row level security;
create policy app_select on displays for select to backend_app using (node_path <@ any((select app.reach())::ltree[]));
create policy app_insert on displays for insert to backend_app with check (
    registered_by = (select app.account()) and node_path <@ any((select app.reach())::ltree[]) and exists (select from public.grid_nodes n where n.id = node_id and n.path = node_path));
create policy app_update on displays for update to backend_app using (node_path <@ any((select app.reach())::ltree[])) with check (node_path <@ any((select app.reach())::ltree[]));
create policy worker on displays for select to backend_worker using (true);
grant select, insert, update (revoked_at) on displays to backend_app;
grant select on displays to backend_worker;
grant update (expires_at) on sessions to backend_app;
grant select (display_id) on tickets to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
drop function app.take_ticket(bytea, text, timestamptz);
create function app.take_ticket(wanted bytea, wanted_purpose text, moment timestamptz)
    returns table (account_id uuid, session_id uuid, node_id uuid, display_id uuid)
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query update public.tickets t set used_at = moment
        where t.hash = wanted and t.purpose = wanted_purpose and t.used_at is null and t.expires_at > moment
        returning t.account_id, t.session_id, t.node_id, t.display_id;
end $$;
revoke all on function app.take_ticket(bytea, text, timestamptz) from public;
grant execute on function app.take_ticket(bytea, text, timestamptz) to backend_app;
create function app.tell_display() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.rights_changed(array[old.registered_by]);
    return null;
end $$;
reset role;
revoke create on schema app from backend_definer;
create trigger rights_display after update on displays for each row when (old.revoked_at is distinct from new.revoked_at) execute function app.tell_display();
create trigger rights_display_gone after delete on displays for each row execute function app.tell_display();
set role backend_definer;
revoke all on function app.tell_display() from public;
reset role;
