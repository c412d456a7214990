-- How often somebody has called, counted for all replicas (RL17, ID07). Runs in the SharedLimits migration, as backend_owner.

-- By a hash of what and of whom; nobody reads it but the function that counts. The worker deletes what is over.
create table call_counts (key bytea primary key, ends_at timestamptz not null, calls integer not null);
create index ix_call_counts_ends_at on call_counts (ends_at);
alter table call_counts enable row level security;
alter table call_counts force row level security;
create policy definer on call_counts to backend_definer using (true) with check (true);
create policy worker on call_counts to backend_worker using (true) with check (true);
grant select, insert, update on call_counts to backend_definer;
grant select (key, ends_at), delete on call_counts to backend_worker;
grant create on schema app to backend_definer;

set role backend_definer;
-- One statement counts all keys of a call, in one order: two calls never wait for each other. A count that a crash of the server loses is none to wait for.
create function app.count_calls(wanted bytea[], lasting interval, moment timestamptz) returns table (key bytea, calls integer, ends_at timestamptz)
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    perform set_config('synchronous_commit', 'off', true);
    return query insert into public.call_counts as c (key, ends_at, calls) select k, moment + lasting, 1 from unnest(wanted) k order by k
        on conflict (key) do update set
            calls = case when c.ends_at <= moment then 1 else least(c.calls + 1, 1000000000) end,
            ends_at = case when c.ends_at <= moment then excluded.ends_at else c.ends_at end
        returning c.key, c.calls, c.ends_at;
end $$;
-- For replicas of the version before, while they still run.
create or replace function app.count_try(wanted bytea, moment timestamptz) returns table (tries integer, began_at timestamptz)
    language sql security definer set search_path = pg_catalog, pg_temp as $$
    select c.calls, c.ends_at - interval '15 minutes' from app.count_calls(array[wanted], interval '15 minutes', moment) c $$;
revoke all on function app.count_calls(bytea[], interval, timestamptz) from public;
grant execute on function app.count_calls(bytea[], interval, timestamptz) to backend_app;
reset role;
revoke create on schema app from backend_definer;
drop table sign_in_tries;
