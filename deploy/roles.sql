-- Database roles and the database itself, run once by a superuser before the first `admin migrate`:
--   psql -v owner_password=… -v app_password=… -v worker_password=… -v backup_password=… -v database=backend -f deploy/roles.sql postgres
-- The launcher in local/ runs the same file. See docs/adr/004-database-roles-and-scope.md.
--
-- backend_owner   owns all tables; migrations only. Row level security is forced, so it sees and changes 0 rows.
-- backend_app     owns nothing; requests. Policies by reach.
-- backend_worker  owns nothing; background work, own data source, reachable from Platform only.
-- backend_definer owns the sign-in functions; cannot log in. The owner may become it (SET ROLE) in a migration,
--                 but inherits nothing of it, so its policies never hold for the owner.
-- backend_backup  dumps only.
create role backend_owner   login noinherit nosuperuser nobypassrls nocreaterole nocreatedb password :'owner_password';
create role backend_app     login nosuperuser nobypassrls nocreaterole nocreatedb password :'app_password';
create role backend_worker  login nosuperuser nobypassrls nocreaterole nocreatedb password :'worker_password';
create role backend_definer nologin nosuperuser nobypassrls;
create role backend_backup  login bypassrls password :'backup_password';
-- Requests are many and small: a plan with parallel workers or compiled code costs them a hundred times what it saves.
alter role backend_app set max_parallel_workers_per_gather = 0;
alter role backend_app set jit = off;
grant backend_definer to backend_owner;
grant pg_read_all_data to backend_backup;
create database :"database" owner backend_owner encoding 'UTF8' lc_collate 'C' lc_ctype 'C' template template0;
