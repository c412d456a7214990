-- Who may edit the grid. It holds nothing personal, and everybody reads all of it on the hottest paths, so it is not under row level security; what the app
-- writes is checked row by row instead: the node, and what it hangs on, must lie within the writer's reach.
create function app.guard_grid() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    written jsonb;
begin
    if current_user = 'backend_app' then
        written := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
        if not exists (
            select from public.grid_nodes n, unnest(app.reach()) r
            where n.id = (written ->> case when tg_table_name = 'wall_roots' then 'node_id' when tg_op = 'INSERT' then 'parent_id' else 'id' end)::uuid
                and (n.path::text = r or starts_with(n.path::text, r || '.'))) then
            raise exception 'outside the reach' using errcode = 'insufficient_privilege';
        end if;
    end if;
    if tg_op = 'DELETE' then return old; end if;
    return new;
end $$;
revoke all on function app.guard_grid() from public;
create trigger guard_grid before insert or update or delete on grid_nodes for each row execute function app.guard_grid();
create trigger guard_grid before insert or delete on wall_roots for each row execute function app.guard_grid();
grant insert, update (name, revision), delete on grid_nodes to backend_app;
grant insert, delete on wall_roots to backend_app;

-- A move changes the path of the node and of everything below it, wherever a copy of that path stands. The app may not write those copies, so it is done by a
-- function that sees paths and ids of these tables and nothing else of them.
do $$
declare
    t text;
begin
    foreach t in array array['households', 'residents', 'memberships', 'tag_values', 'register_marks', 'measures', 'photos', 'monthly_evaluations', 'visits',
        'tier_changes', 'tiles', 'alarms', 'displays'] loop
        execute format('create policy definer_moves on %I to backend_definer using (true) with check (true)', t);
        if t not in ('households', 'tiles', 'displays') then execute format('grant select (household_id, node_path), update (node_path) on %I to backend_definer', t); end if;
    end loop;
end $$;
create policy definer_moves on tile_changes for insert to backend_definer with check (true);
grant select, update (parent_id, path, root_id, position, revision) on grid_nodes to backend_definer;
grant select (id, node_id, node_path, root_id, revision), update (node_path, root_id, revision) on households to backend_definer;
grant select (node_id, node_path), update (node_path) on displays to backend_definer;
grant update (node_path) on invites, binding_requests, guardianships, rights_requests to backend_definer;
grant select (household_id, node_path) on guardianships, rights_requests to backend_definer;
grant select, update (node_path, root_id, version) on tiles to backend_definer;
grant insert on tile_changes to backend_definer;
grant select, update (version) on wall_roots to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
create function app.move_grid_node(moved uuid, below uuid, place integer, moment timestamptz) returns table (root uuid, raised bigint)
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    node record;
    parent record;
    becomes text;
    nodes uuid[];
    homes uuid[];
    roots uuid[];
    t text;
begin
    select n.id, n.path::text as path, n.code, n.root_id into node from public.grid_nodes n where n.id = moved for update;
    select n.id, n.path::text as path, n.root_id into parent from public.grid_nodes n where n.id = below for share;
    becomes := parent.path || '.' || node.code;
    if not exists (select from unnest(app.reach()) r where node.path = r or starts_with(node.path, r || '.'))
        or not exists (select from unnest(app.reach()) r where parent.path = r or starts_with(parent.path, r || '.')) then
        raise exception 'outside the reach' using errcode = 'insufficient_privilege';
    end if;
    if becomes is null or parent.path = node.path or starts_with(parent.path, node.path || '.')
        or (node.root_id is null or node.root_id = moved) <> (parent.root_id is null) then
        raise exception 'no place for this node' using errcode = 'check_violation';
    end if;

    if becomes = node.path then
        update public.grid_nodes n set position = place, revision = n.revision + 1 where n.id = moved;
        return;
    end if;
    select array_agg(n.id) into nodes from public.grid_nodes n where n.path::text = node.path or starts_with(n.path::text, node.path || '.');
    update public.grid_nodes n set
        parent_id = case when n.id = moved then below else n.parent_id end,
        position = case when n.id = moved then place else n.position end,
        revision = case when n.id = moved then n.revision + 1 else n.revision end,
        path = (becomes || substr(n.path::text, length(node.path) + 1))::public.ltree,
        root_id = case when node.root_id <> moved then parent.root_id else n.root_id end
        where n.id = any(nodes);

    -- Raising the revision makes whoever has read a household before fail at her own write (RL04).
    perform from public.households h where h.node_id = any(nodes) order by h.id for update;
    with changed as (
        update public.households h set node_path = n.path, root_id = n.root_id, revision = h.revision + 1
        from public.grid_nodes n where n.id = h.node_id and h.node_id = any(nodes) returning h.id)
    select coalesce(array_agg(c.id), '{}') into homes from changed c;
    foreach t in array array['residents', 'memberships', 'tag_values', 'register_marks', 'measures', 'photos', 'monthly_evaluations', 'visits', 'tier_changes',
        'alarms', 'invites', 'binding_requests', 'guardianships', 'rights_requests'] loop
        execute format('update public.%I c set node_path = h.node_path from public.households h where h.id = c.household_id and h.id = any($1)', t) using homes;
    end loop;
    update public.displays d set node_path = n.path from public.grid_nodes n where n.id = d.node_id and d.node_id = any(nodes);

    -- The walls last: versions in id order, and nothing follows their lock but the commit. A tile goes where it was and comes where it is, in both roots if
    -- they are two; the history before keeps the path that was true then.
    select array_agg(distinct r) into roots from unnest(
        case when node.root_id <> moved then array[node.root_id, parent.root_id] else array(select n.id from public.grid_nodes n where n.id = any(nodes) and n.root_id = n.id) end) r;
    perform from public.wall_roots w where w.node_id = any(roots) order by w.node_id for update;
    update public.wall_roots w set version = w.version + 1 where w.node_id = any(roots);
    insert into public.tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
        select s.root_id, w.version, s.household_id, s.node_id, s.node_path, s.door, s.tier, s.state, s.due_day, s.last_visit_day, true, moment
        from public.tiles s join public.wall_roots w on w.node_id = s.root_id where s.household_id = any(homes);
    update public.tiles s set node_path = h.node_path, root_id = h.root_id, version = w.version
        from public.households h join public.wall_roots w on w.node_id = h.root_id where h.id = s.household_id and h.id = any(homes);
    insert into public.tile_changes (root_id, version, household_id, node_id, node_path, door, tier, state, due_day, last_visit_day, removed, at)
        select s.root_id, s.version, s.household_id, s.node_id, s.node_path, s.door, s.tier, s.state, s.due_day, s.last_visit_day, false, moment
        from public.tiles s where s.household_id = any(homes);
    return query select w.node_id, w.version from public.wall_roots w where w.node_id = any(roots);
end $$;
revoke all on function app.move_grid_node(uuid, uuid, integer, timestamptz) from public;
grant execute on function app.move_grid_node(uuid, uuid, integer, timestamptz) to backend_app;
reset role;
revoke create on schema app from backend_definer;
