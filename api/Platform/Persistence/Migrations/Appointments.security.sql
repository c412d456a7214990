-- Leaders are appointed and dismissed by hand: everybody may read who holds a post, and a row is written only for a leader's post within the writer's
-- reach, never for herself. Posts of staff and administration are not given through this door (AZ15).
alter table appointments enable row level security;
alter table appointments force row level security;
create policy app_select on appointments for select to backend_app using (true);
create policy app_insert on appointments for insert to backend_app with check (
    account_id <> (select app.account()) and exists (
        select from public.posts p join public.grid_nodes n on n.id = p.node_id
        where p.id = post_id and p.role in ('floor_leader', 'building_leader', 'area_leader') and n.path <@ any((select app.reach())::ltree[])));
create policy app_update on appointments for update to backend_app
    using (account_id <> (select app.account()) and exists (
        select from public.posts p join public.grid_nodes n on n.id = p.node_id
        where p.id = post_id and p.role in ('floor_leader', 'building_leader', 'area_leader') and n.path <@ any((select app.reach())::ltree[])))
    with check (true);
create policy app_delete on appointments for delete to backend_app
    using (account_id <> (select app.account()) and exists (
        select from public.posts p join public.grid_nodes n on n.id = p.node_id
        where p.id = post_id and p.role in ('floor_leader', 'building_leader', 'area_leader') and n.path <@ any((select app.reach())::ltree[])));
create policy worker on appointments for select to backend_worker using (true);
create policy definer on appointments for select to backend_definer using (true);
grant insert, update (to_day), delete on appointments to backend_app;

-- Whether a resident whom the caller sees has joined. The account is no secret to her: its name is the resident's.
grant create on schema app to backend_definer;
set role backend_definer;
create function app.account_of_resident(wanted uuid) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select a.id from public.accounts a where a.resident_id = wanted and a.disabled_at is null
            and exists (select from public.we_chat_identities i where i.account_id = a.id));
end $$;
revoke all on function app.account_of_resident(uuid) from public;
grant execute on function app.account_of_resident(uuid) to backend_app;
reset role;
revoke create on schema app from backend_definer;
