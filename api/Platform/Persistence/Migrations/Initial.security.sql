-- Scope, policies, grants and sign-in functions (docs/adr/004-database-roles-and-scope.md, kernel of AZ05 and AZ06).
-- Runs at the end of the Initial migration, as backend_owner.

set role pg_database_owner;
revoke all on schema public from public;
grant usage on schema public to backend_owner, backend_app, backend_worker, backend_definer;
reset role;
create schema app;
grant usage on schema app to backend_app, backend_worker, backend_definer;

-- The scope functions. Inlinable (SQL, stable, no FROM, no SET), and strict about the whole string: the empty ltree is everybody's ancestor,
-- so unset, empty, a trailing comma or garbage must give NULL, which no row matches.
create function app.reach() returns text[] language sql stable parallel safe as $$
    select case when current_setting('app.reach', true) ~ '^[a-z0-9_]+(\.[a-z0-9_]+)*(,[a-z0-9_]+(\.[a-z0-9_]+)*)*$'
        then string_to_array(current_setting('app.reach', true), ',') end $$;
create function app.homes() returns text[] language sql stable parallel safe as $$
    select case when current_setting('app.homes', true)
            ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(,[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})*$'
        then string_to_array(current_setting('app.homes', true), ',') end $$;
create function app.account() returns uuid language sql stable parallel safe as $$
    select case when current_setting('app.account', true) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then current_setting('app.account', true)::uuid end $$;

-- Row level security, enabled and forced, on every table but the grid's own words and plain reference data.
do $$
declare
    t text;
    reference constant text[] := array['grid_levels', 'grid_nodes', 'party_bodies', 'posts', 'appointments', 'assignments', 'stand_ins', 'tags',
        'cadences', 'working_days', 'settings', 'rule_sets', 'wall_roots', 'batches', '__EFMigrationsHistory'];
    of_household constant text[] := array['residents', 'memberships', 'tag_values', 'register_marks', 'measures', 'photos',
        'monthly_evaluations', 'visits', 'tier_changes', 'tiles', 'tile_changes', 'alarms'];
    inserted constant text[] := array['tag_values', 'tier_changes', 'tile_changes'];
    updated constant text[] := array['tiles', 'alarms'];
    own constant text[] := array['notices', 'notice_alarms', 'deliveries', 'sessions', 'tickets', 'idempotency_records', 'we_chat_identities'];
    visible constant text := 'node_path <@ any((select app.reach())::ltree[]) or %s = any((select app.homes())::uuid[])';
begin
    for t in select tablename from pg_tables where schemaname = 'public' and tablename <> all (reference) loop
        execute format('alter table public.%I enable row level security', t);
        execute format('alter table public.%I force row level security', t);
    end loop;

    execute format('create policy app_select on households for select to backend_app using (' || visible || ')', 'id');
    execute format('create policy app_update on households for update to backend_app using (' || visible || ') with check (' || visible || ')', 'id', 'id');

    foreach t in array of_household loop
        execute format('create policy app_select on %I for select to backend_app using (' || visible || ')', t, 'household_id');
    end loop;
    foreach t in array updated loop
        execute format('create policy app_update on %I for update to backend_app using (' || visible || ') with check (' || visible || ')', t, 'household_id', 'household_id');
    end loop;
    -- Foreign keys ignore row level security: the parent must be in reach, and the path must be its path.
    foreach t in array inserted loop
        execute format('create policy app_insert on %1$I for insert to backend_app with check (exists
            (select from public.households h where h.id = %1$I.household_id and h.node_path = %1$I.node_path))', t);
    end loop;
    foreach t in array own loop
        execute format('create policy app_own on %I to backend_app using (account_id = (select app.account())) with check (account_id = (select app.account()))', t);
    end loop;
end $$;

-- One's own account, and the names of those who hold or stand in a post, for anyone who is signed in.
create policy app_select on accounts for select to backend_app using (
    id = (select app.account())
    or (select app.account()) is not null and exists (select from appointments a where a.account_id = accounts.id)
    or (select app.account()) is not null and exists (select from stand_ins s where s.account_id = accounts.id));
create policy app_insert on binding_tickets for insert to backend_app with check (true);
create policy app_insert on audit_entries for insert to backend_app with check (true);
create policy app_select on audit_entries for select to backend_app using (account_id = (select app.account()));
create policy app_insert on outbox_messages for insert to backend_app with check (true);

grant select on grid_levels, grid_nodes, party_bodies, posts, appointments, assignments, stand_ins, tags, cadences, working_days,
    settings, rule_sets, wall_roots, batches to backend_app, backend_worker;
grant update (version) on wall_roots to backend_app, backend_worker;
grant select on households, residents, memberships, tag_values, register_marks, measures, photos, monthly_evaluations, visits, tier_changes,
    tiles, tile_changes, alarms, notices, notice_alarms, deliveries, sessions, tickets, idempotency_records, we_chat_identities, accounts,
    audit_entries to backend_app;
grant insert on tag_values, tier_changes, tile_changes, sessions, tickets, binding_tickets, idempotency_records, audit_entries, outbox_messages to backend_app;
grant update on households, tiles to backend_app;
grant update (acknowledged_at, acknowledged_by, visit_by) on alarms to backend_app;
grant update (read_at) on notices to backend_app;
grant update (token_hash, previous_token_hash, rotated_at, last_used_at, ended_at) on sessions to backend_app;

-- The worker: own policies on the tables that background work needs, and nothing of residents, tag values, visits or photos.
do $$
declare t text;
begin
    foreach t in array array['households', 'memberships', 'tier_changes', 'tiles', 'tile_changes', 'alarms', 'notices', 'notice_alarms',
        'deliveries', 'delivery_attempts', 'outbox_messages', 'we_chat_identities', 'we_chat_tokens', 'accounts', 'sessions', 'tickets',
        'binding_tickets', 'idempotency_records', 'audit_entries'] loop
        execute format('create policy worker on %I to backend_worker using (true) with check (true)', t);
    end loop;
end $$;
grant select, update on households, tiles, outbox_messages, deliveries, alarms to backend_worker;
grant select on memberships, accounts, sessions, notices, notice_alarms, delivery_attempts, tier_changes, tile_changes, we_chat_identities to backend_worker;
grant insert on tier_changes, tile_changes, alarms, notices, notice_alarms, deliveries, delivery_attempts, outbox_messages, audit_entries to backend_worker;
grant update (employment_bound, leased_until) on we_chat_identities to backend_worker;
grant select, insert, update on we_chat_tokens, batches to backend_worker;
grant select (hash, expires_at), delete on tickets to backend_worker;
grant select (id, expires_at), delete on binding_tickets to backend_worker;
grant select (id, created_at), delete on idempotency_records to backend_worker;

-- Sign-in: what must be found before an account is known. Owned by a role that cannot log in and sees only these columns.
create policy definer on accounts for select to backend_definer using (true);
create policy definer on we_chat_identities for select to backend_definer using (true);
create policy definer on sessions for select to backend_definer using (true);
create policy definer on tickets to backend_definer using (true) with check (true);
grant select (id, disabled_at) on accounts to backend_definer;
grant select (account_id, open_id_index) on we_chat_identities to backend_definer;
grant select (id, account_id, kind, token_hash, previous_token_hash, rotated_at, last_used_at, expires_at, ended_at, node_id) on sessions to backend_definer;
grant select (hash, account_id, session_id, purpose, node_id, expires_at, used_at), update (used_at) on tickets to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
create function app.account_of_open_id(wanted bytea) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select a.id from public.we_chat_identities i join public.accounts a on a.id = i.account_id
            where i.open_id_index = wanted and a.disabled_at is null);
end $$;
-- Several hashes: a spent refresh token is recognised by the hashes of its successors (RefreshSession).
create function app.session_of_token(wanted bytea[])
    returns table (id uuid, account_id uuid, kind text, current boolean, rotated_at timestamptz, last_used_at timestamptz,
                   expires_at timestamptz, ended_at timestamptz, node_id uuid)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query select s.id, s.account_id, s.kind, s.token_hash = wanted[1], s.rotated_at, s.last_used_at, s.expires_at, s.ended_at, s.node_id
        from public.sessions s where s.token_hash = any(wanted) or s.previous_token_hash = any(wanted);
end $$;
-- Single use is the row lock of this update: of two at once one gets the row.
create function app.take_ticket(wanted bytea, wanted_purpose text, moment timestamptz)
    returns table (account_id uuid, session_id uuid, node_id uuid)
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query update public.tickets t set used_at = moment
        where t.hash = wanted and t.purpose = wanted_purpose and t.used_at is null and t.expires_at > moment
        returning t.account_id, t.session_id, t.node_id;
end $$;
reset role;
revoke create on schema app from backend_definer;
revoke all on function app.reach(), app.homes(), app.account() from public;
grant execute on function app.reach(), app.homes(), app.account() to backend_app, backend_worker, backend_definer;
set role backend_definer;
revoke all on function app.account_of_open_id(bytea), app.session_of_token(bytea[]), app.take_ticket(bytea, text, timestamptz) from public;
grant execute on function app.account_of_open_id(bytea), app.session_of_token(bytea[]), app.take_ticket(bytea, text, timestamptz) to backend_app;
reset role;

-- The epoch of wall versions: new with every database, so that no version of an earlier life is taken for one of this.
insert into settings (key, value) values ('wall.epoch', substr(md5(gen_random_uuid()::text), 1, 8));

-- Two tables whose rows are few while open and many when done: a claim must not wade through the dead (kernel of the outbox: without
-- vacuum it fell to a third).
alter table outbox_messages set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
alter table deliveries set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
-- What NoticeFeed asks after each wake-up: the newest live deliveries of the accounts that are connected.
create index ix_deliveries_live on deliveries (account_id, created_at) where channel = 'live';
