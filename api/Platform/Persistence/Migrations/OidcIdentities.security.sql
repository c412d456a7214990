-- Row level security, grants and functions of staff's identities at the district's provider (docs/adr/024, ID07). Runs in the OidcIdentities migration, as backend_owner.

alter table oidc_identities enable row level security;
alter table oidc_identities force row level security;
-- She binds, is found by and copies her own; the security administration sees who is bound, and changes nothing.
create policy app_own on oidc_identities to backend_app using (account_id = (select app.account())) with check (account_id = (select app.account()));
create policy administrator_select on oidc_identities for select to backend_app using ((select app.administers('security_admin')));
grant select, insert, delete on oidc_identities to backend_app;

-- Change of keys, as in KeyRotations.sql.
create policy rotation_select on oidc_identities for select to backend_definer using (true);
create policy rotation_update on oidc_identities for update to backend_definer using (true) with check (true);
create policy definer_delete on oidc_identities for delete to backend_definer using (true);
grant select (id, account_id, subject, subject_index), update (subject, subject_index), delete on oidc_identities to backend_definer;
grant create on schema app to backend_definer;

set role backend_definer;
-- Before an account is known. One who is disabled is found, so that her identity is bound to nobody else.
create function app.account_of_oidc_subject(wanted bytea[]) returns table (account_id uuid, is_disabled boolean)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query select a.id, a.disabled_at is not null from public.oidc_identities i join public.accounts a on a.id = i.account_id where i.subject_index = any(wanted);
end $$;
-- As before (PersonalRights.security.sql), and her identity at the provider with the rest.
create or replace function app.erase(request uuid, homes uuid[], snapshots bytea[], naming uuid[], moment timestamptz, today date) returns setof uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone uuid;
    account uuid;
    emptied uuid[];
begin
    select e.resident_id, e.account_id, array_agg(e.household_id) filter (where e.is_left_empty) into gone, account, emptied
        from app.erasure(request) e where not e.holds_post group by 1, 2;
    if gone is null then raise exception 'no granted deletion'; end if;
    update public.visits v set note = null where v.id = any (naming) or v.household_id = any (emptied);
    update public.measures m set outcome = null where m.id = any (naming);
    update public.tag_values t set evidence = null where t.id = any (naming);
    delete from public.measures m where m.household_id = any (emptied);
    delete from public.monthly_evaluations e where e.household_id = any (emptied);
    delete from public.tag_values t where t.subject_id = gone or t.household_id = any (emptied);
    update public.households h set snapshot = k.snapshot, next_evaluation_on = today, revision = h.revision + 1
        from unnest(homes, snapshots) k (home, snapshot) where h.id = k.home;
    return query delete from public.photos p where p.resident_id = gone or p.household_id = any (emptied) returning p.id;
    if account is not null then
        return query delete from public.account_photos p where p.account_id = account returning p.id;
        delete from public.we_chat_identities i where i.account_id = account;
        delete from public.tickets t where t.account_id = account;
        delete from public.sessions s where s.account_id = account;
        delete from public.staff_credentials c where c.account_id = account;
        delete from public.staff_devices d where d.account_id = account;
        delete from public.oidc_identities o where o.account_id = account;
        delete from public.staff_invitations i where i.account_id = account;
        delete from public.idempotency_records i where i.account_id = account;
        delete from public.subscription_credits c where c.account_id = account;
        delete from public.consents c where c.account_id = account and (c.resident_id is null or c.resident_id = gone);
        update public.accounts a set name = '已注销', user_name = null, resident_id = null, phone = null, disabled_at = moment where a.id = account;
    end if;
    delete from public.memberships m where m.resident_id = gone;
    delete from public.residents r where r.id = gone;
end $$;
revoke all on function app.account_of_oidc_subject(bytea[]) from public;
grant execute on function app.account_of_oidc_subject(bytea[]) to backend_app;
reset role;
revoke create on schema app from backend_definer;
