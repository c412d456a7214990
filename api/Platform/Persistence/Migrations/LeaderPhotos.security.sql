-- Row level security and grants of account_photos (docs/adr/004, 014). Runs in the LeaderPhotos migration, as backend_owner.
alter table account_photos enable row level security;
alter table account_photos force row level security;
-- As the name: one's own, and those of people who hold or stand in a post, for anyone who is signed in.
create policy app_select on account_photos for select to backend_app using (
    account_id = (select app.account())
    or (select app.account()) is not null and exists (select from appointments a where a.account_id = account_photos.account_id)
    or (select app.account()) is not null and exists (select from stand_ins s where s.account_id = account_photos.account_id));
grant select on account_photos to backend_app;
