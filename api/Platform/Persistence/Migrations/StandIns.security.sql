-- Stand-ins are named and ended by hand: everybody may read who acts, and a row is written only for a post within the writer's reach, never for herself.
alter table stand_ins enable row level security;
alter table stand_ins force row level security;
create policy app_select on stand_ins for select to backend_app using (true);
create policy app_insert on stand_ins for insert to backend_app with check (
    account_id <> (select app.account()) and exists (
        select from public.posts p join public.grid_nodes n on n.id = p.node_id where p.id = post_id and n.path <@ any((select app.reach())::ltree[])));
create policy app_update on stand_ins for update to backend_app
    using (exists (select from public.posts p join public.grid_nodes n on n.id = p.node_id where p.id = post_id and n.path <@ any((select app.reach())::ltree[])))
    with check (true);
create policy app_delete on stand_ins for delete to backend_app
    using (exists (select from public.posts p join public.grid_nodes n on n.id = p.node_id where p.id = post_id and n.path <@ any((select app.reach())::ltree[])));
create policy worker on stand_ins for select to backend_worker using (true);
create policy definer on stand_ins for select to backend_definer using (true);
grant insert, update (to_day), delete on stand_ins to backend_app;
