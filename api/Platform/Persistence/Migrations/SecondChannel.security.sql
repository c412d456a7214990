-- Row level security and grants of subscription_credits (docs/adr/004, 013). Runs in the SecondChannel migration, as backend_owner.
alter table subscription_credits enable row level security;
alter table subscription_credits force row level security;
create policy app_own on subscription_credits to backend_app using (account_id = (select app.account())) with check (account_id = (select app.account()));
create policy worker on subscription_credits to backend_worker using (true) with check (true);
grant select, insert on subscription_credits to backend_app;
grant update (remaining, last_result, last_result_at) on subscription_credits to backend_app, backend_worker;
grant select on subscription_credits to backend_worker;
