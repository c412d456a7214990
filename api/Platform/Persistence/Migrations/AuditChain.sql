-- The audit chain (docs/adr/017-audit-chain.md). Entries from before it have no MAC; they share this transaction's number and are in the first seal.
alter table audit_entries
    add column writer_id uuid,
    add column writer_number bigint,
    add column mac bytea,
    -- Orders the chain. Not volatile, so that no row is rewritten.
    add column xid xid8 not null default pg_current_xact_id();
create index ix_audit_entries_xid on audit_entries (xid);

-- A seal covers the entries of the transactions that had ended by its snapshot and had not by the former seal's.
create table audit_seals (
    number bigint primary key,
    sealed_at timestamptz not null,
    snapshot pg_snapshot not null,
    entries bigint not null,
    hash bytea not null,
    mac bytea not null);
alter table audit_seals enable row level security;
alter table audit_seals force row level security;
create policy worker_select on audit_seals for select to backend_worker using (true);
create policy worker_insert on audit_seals for insert to backend_worker with check (true);
grant select, insert on audit_seals to backend_worker;
grant select on audit_entries to backend_worker;

-- Moment and transaction are the database's to say, not the writer's.
revoke insert on audit_entries from backend_app, backend_worker;
grant insert (id, account_id, session_id, roles, scope, operation, target_ids, result, address, correlation_id, writer_id, writer_number, mac)
    on audit_entries to backend_app, backend_worker;
