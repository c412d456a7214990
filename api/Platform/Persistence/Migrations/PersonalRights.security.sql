-- Privacy notice, purposes, consents, guardianships and requests (docs/adr/004, 022). Runs in the PersonalRights migration, as backend_owner.
do $$
declare
    t text;
    visible constant text := 'node_path <@ any((select app.reach())::ltree[]) or household_id = any((select app.homes())::uuid[])';
begin
    foreach t in array array['consents', 'guardianships', 'rights_requests'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy definer on %I to backend_definer using (true) with check (true)', t);
    end loop;
    execute 'create policy app_select on guardianships for select to backend_app using (' || visible || ')';
    execute 'create policy app_update on guardianships for update to backend_app using (' || visible || ') with check (' || visible || ')';
    execute 'create policy app_select on rights_requests for select to backend_app using (account_id = (select app.account()) or node_path <@ any((select app.reach())::ltree[]))';
    execute 'create policy app_update on rights_requests for update to backend_app using (node_path <@ any((select app.reach())::ltree[])) with check (node_path <@ any((select app.reach())::ltree[]))';
end $$;
grant select on privacy_notices, purposes to backend_app, backend_worker;
-- The rotation of keys (KeyRotations.sql) goes through what is sealed here like through the others.
create policy rotation_select on guardianships for select to backend_definer using (true);
create policy rotation_update on guardianships for update to backend_definer using (true) with check (true);
create policy rotation_select on rights_requests for select to backend_definer using (true);
create policy rotation_update on rights_requests for update to backend_definer using (true) with check (true);
grant select (id, evidence), update (evidence) on guardianships to backend_definer;
grant select (id, content, answer), update (content, answer) on rights_requests to backend_definer;

-- Where an account's own resident lives, or lived: her rights outlast her membership.
create policy definer on residents to backend_definer using (true) with check (true);
grant select (id, household_id, node_path), update (photo_id, phone, phone_index) on residents to backend_definer;
create policy definer on photos to backend_definer using (true) with check (true);
create policy definer on account_photos to backend_definer using (true) with check (true);
create policy definer on tag_values to backend_definer using (true) with check (true);
grant select (id, resident_id), delete on photos to backend_definer;
grant select (id, account_id), delete on account_photos to backend_definer;
grant select (id, subject_id, tag_code), delete on tag_values to backend_definer;
grant select (id, account_id, resident_id, purpose, withdrawn) on consents to backend_definer;
grant select (id, guardian_id, ward_id, from_day, to_day) on guardianships to backend_definer;
grant create on schema app to backend_definer;
set role backend_definer;
-- Herself, and whom she is the guardian of on that day.
create function app.speaks_for(day date) returns table (resident_id uuid, household_id uuid, node_path public.ltree, is_ward boolean)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select r.id, r.household_id, r.node_path, false from public.accounts a join public.residents r on r.id = a.resident_id where a.id = app.account()
        union all
        select w.id, w.household_id, w.node_path, true from public.accounts a join public.residents r on r.id = a.resident_id
            join public.guardianships g on g.guardian_id = r.id and day between g.from_day and g.to_day
            join public.residents w on w.id = g.ward_id and w.household_id = r.household_id
            where a.id = app.account();
end $$;
-- What rested on a consent that the caller has withdrawn in this transaction goes with it (PD07). Gives the photos whose files must go too.
create function app.forget_withdrawn(consent uuid, kept_tags text[]) returns setof uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare said record;
begin
    select c.resident_id, c.account_id, c.purpose into said from public.consents c where c.id = consent and c.account_id = app.account() and c.withdrawn;
    if said.purpose in ('own_photo', 'child_photo') then
        update public.residents r set photo_id = null where r.id = said.resident_id;
        return query delete from public.photos p where p.resident_id = said.resident_id returning p.id;
    elsif said.purpose = 'leader_photo' then
        return query delete from public.account_photos p where p.account_id = said.account_id returning p.id;
    elsif said.purpose = 'child_contact' then
        update public.residents r set phone = null, phone_index = null where r.id = said.resident_id;
    elsif said.purpose = 'child_care' then
        delete from public.tag_values v where v.subject_id = said.resident_id and v.tag_code <> all (kept_tags);
    end if;
end $$;
-- Rights rest on the notice having been read, on every replica (RightsCache).
create function app.tell_consent() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform app.rights_changed(array[new.account_id]);
    return null;
end $$;
revoke all on function app.speaks_for(date), app.forget_withdrawn(uuid, text[]) from public;
grant execute on function app.speaks_for(date), app.forget_withdrawn(uuid, text[]) to backend_app;
reset role;
revoke create on schema app from backend_definer;
create trigger rights_consent after insert on consents for each row when (new.purpose = 'privacy_notice') execute function app.tell_consent();
set role backend_definer;
revoke all on function app.tell_consent() from public;
reset role;

-- One's own word, for oneself or for a ward; whoever reaches the person may see whether there is one.
create policy app_select on consents for select to backend_app using (
    account_id = (select app.account()) or exists (select from public.residents r where r.id = consents.resident_id));
create policy app_insert on consents for insert to backend_app with check (
    account_id = (select app.account())
    and (resident_id is null or exists (select from app.speaks_for((at at time zone 'Asia/Shanghai')::date) s where s.resident_id = consents.resident_id)));
create policy worker on consents for select to backend_worker using (true);
grant select, insert on consents to backend_app;
grant select on consents to backend_worker;

-- Both live where the recorder reaches, and household and path are theirs.
create policy app_insert on guardianships for insert to backend_app with check (
    recorded_by = (select app.account())
    and exists (select from public.residents w where w.id = ward_id and w.household_id = guardianships.household_id and w.node_path = guardianships.node_path)
    and exists (select from public.residents g where g.id = guardian_id and g.household_id = guardianships.household_id));
grant select, insert, update (to_day) on guardianships to backend_app;

create policy app_insert on rights_requests for insert to backend_app with check (
    account_id = (select app.account()) and state = 'open'
    and exists (select from app.speaks_for((requested_at at time zone 'Asia/Shanghai')::date) s
        where s.resident_id = rights_requests.resident_id and s.household_id = rights_requests.household_id and s.node_path = rights_requests.node_path));
grant select, insert, update (state, agreed_by, decided_by, decided_at, answer) on rights_requests to backend_app;

-- What a person may see and copy of herself (PD08).
create policy app_select on delivery_attempts for select to backend_app using (account_id = (select app.account()));
grant select on delivery_attempts to backend_app;

-- Retention (PD10): what the worker may delete, and no earlier than it is over.
do $$
declare t text;
begin
    foreach t in array array['invites', 'binding_requests', 'guardianships', 'rights_requests', 'staff_invitations', 'reveals'] loop
        execute format('create policy worker on %I to backend_worker using (true) with check (true)', t);
    end loop;
end $$;
create policy worker_over on outbox_messages as restrictive for delete to backend_worker using (done_at is not null);
create policy worker_over on rights_requests as restrictive for delete to backend_worker using (decided_at is not null);
grant select (id, expires_at), delete on invites, staff_invitations to backend_worker;
grant select (id, revealed_at), delete on reveals to backend_worker;
grant select (id, requested_at), delete on binding_requests to backend_worker;
grant select (id, to_day, recorded_at), delete on guardianships to backend_worker;
grant select (id, decided_at), delete on rights_requests to backend_worker;
grant delete on sessions, outbox_messages to backend_worker;

-- Erasure (PD09): by the operator, as the worker, and only what two of the staff have granted.
create policy definer_update on accounts for update to backend_definer using (true) with check (true);
create policy definer_delete on sessions for delete to backend_definer using (true);
do $$
declare t text;
begin
    foreach t in array array['households', 'memberships', 'monthly_evaluations', 'measures', 'visits', 'idempotency_records', 'subscription_credits'] loop
        execute format('create policy definer on %I to backend_definer using (true) with check (true)', t);
    end loop;
end $$;
create policy definer_delete on staff_credentials for delete to backend_definer using (true);
create policy definer_delete on staff_devices for delete to backend_definer using (true);
grant delete on staff_credentials, staff_devices to backend_definer;
grant select (account_id), delete on staff_invitations to backend_definer;
grant select (resident_id), update (name, user_name, resident_id, phone, disabled_at) on accounts to backend_definer;
grant select (id, snapshot), update (snapshot, next_evaluation_on, revision) on households to backend_definer;
grant select (revision) on households to backend_definer;
grant select (household_id, resident_id, to_day), delete on memberships to backend_definer;
grant select (household_id), delete on monthly_evaluations to backend_definer;
grant select (id, household_id, outcome), update (outcome), delete on measures to backend_definer;
grant select (id, household_id, note), update (note) on visits to backend_definer;
grant select (household_id, evidence), update (evidence) on tag_values to backend_definer;
grant select (name), delete on residents to backend_definer;
grant select (household_id) on photos to backend_definer;
grant select (account_id), delete on idempotency_records to backend_definer;
grant select (account_id), delete on subscription_credits to backend_definer;
grant delete on sessions, consents to backend_definer;
grant select (account_id), delete on tickets to backend_definer;
grant select (id, resident_id, kind, state, agreed_by, decided_by) on rights_requests to backend_definer;
grant create on schema app to backend_definer;
set role backend_definer;
-- The person of a granted deletion, once for each household whose snapshot may know her.
create function app.erasure(request uuid) returns table (resident_id uuid, account_id uuid, name text, holds_post boolean, household_id uuid, is_left_empty boolean, snapshot bytea)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select r.id, a.id, r.name::text,
            exists (select from public.appointments p where p.account_id = a.id and coalesce(p.to_day, 'infinity') >= current_date)
                or exists (select from public.stand_ins p where p.account_id = a.id and p.to_day >= current_date),
            h.id, h.id = r.household_id and not exists (select from public.memberships o where o.household_id = h.id and o.to_day is null and o.resident_id <> r.id), h.snapshot
        from public.rights_requests q join public.residents r on r.id = q.resident_id left join public.accounts a on a.resident_id = r.id
        join public.households h on h.id = r.household_id or h.id in (select m.household_id from public.memberships m where m.resident_id = r.id)
        where q.id = request and q.kind = 'delete' and q.state = 'granted' and q.agreed_by <> q.decided_by;
end $$;
-- Free texts of her households, which may name her.
create function app.erasure_texts(request uuid) returns table (field text, id uuid, sealed bytea)
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        with homes as (select e.household_id as home from app.erasure(request) e)
        select 'visits.note', v.id, v.note from public.visits v where v.household_id in (select home from homes) and v.note is not null
        union all select 'measures.outcome', m.id, m.outcome from public.measures m where m.household_id in (select home from homes) and m.outcome is not null
        union all select 'tag_values.evidence', t.id, t.evidence from public.tag_values t where t.household_id in (select home from homes) and t.evidence is not null;
end $$;
-- Takes her out of everything but the audit, which keeps ids alone. Gives the photos whose files must go too.
create function app.erase(request uuid, homes uuid[], snapshots bytea[], naming uuid[], moment timestamptz, today date) returns setof uuid
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
        delete from public.staff_invitations i where i.account_id = account;
        delete from public.idempotency_records i where i.account_id = account;
        delete from public.subscription_credits c where c.account_id = account;
        delete from public.consents c where c.account_id = account and (c.resident_id is null or c.resident_id = gone);
        update public.accounts a set name = '已注销', user_name = null, resident_id = null, phone = null, disabled_at = moment where a.id = account;
    end if;
    delete from public.memberships m where m.resident_id = gone;
    delete from public.residents r where r.id = gone;
end $$;
revoke all on function app.erasure(uuid), app.erasure_texts(uuid), app.erase(uuid, uuid[], bytea[], uuid[], timestamptz, date) from public;
grant execute on function app.erasure(uuid), app.erasure_texts(uuid), app.erase(uuid, uuid[], bytea[], uuid[], timestamptz, date) to backend_worker;
reset role;
revoke create on schema app from backend_definer;

insert into purposes (code, name, basis, sensitive, of_child, content, position) values
('privacy_notice', '阅读隐私告知', 'statutory_duty', false, false, '记录您已阅读哪一版隐私告知。', 1),
('household_care', '走访帮扶与四色监测', 'statutory_duty', true, false, '社区、街道依职责了解家庭的收入、住房、饮水、教育、医疗、就业等情况，按公开规则定级并安排走访和帮扶。', 2),
('own_photo', '本人照片', 'consent', false, false, '保存并向负责您家的工作人员显示您的照片，便于上门时辨认。撤回后照片立即删除。', 3),
('leader_photo', '网格长照片', 'consent', false, false, '向您负责的居民显示您的照片，便于居民认识您。撤回后照片立即删除。', 4),
('child_protection', '未成年人保护', 'statutory_duty', true, true, '为及时发现失学、无人监护、断保等风险，依职责登记定级规则所需的未满十四周岁儿童的情况。', 5),
('child_care', '儿童关爱', 'consent', true, true, '登记定级规则之外的儿童情况，用于关爱服务。撤回后已登记的一并删除。', 6),
('child_photo', '儿童照片', 'consent', true, true, '保存并向负责您家的工作人员显示孩子的照片。撤回后照片立即删除。', 7),
('child_contact', '儿童联系方式', 'consent', true, true, '保存孩子本人的联系方式，并允许孩子绑定自己的微信。撤回后联系方式立即删除。', 8);

insert into privacy_notices (version, from_day, content) values (1, '2026-01-01', '隐私告知

一、我们是谁
本平台由您所在的社区和街道使用，用于照料易地搬迁家庭。处理您个人信息的是所在街道和社区；有疑问请找您的楼层长或社区后台服务人员。

二、我们处理什么、为什么
为履行走访帮扶和风险监测的法定职责，我们处理：姓名、身份证号、手机号、门牌、户内成员、原住址；收入与支出、住房、饮水、医疗、教育、就业等家庭情况；在国家监测名单中的登记状态；走访记录和帮扶措施；户主照片。程序按公开的规则据此给家庭定红、橙、黄、绿四色。降为更轻的颜色须由指名的人员认定；您可以在“定级说明”里看到每一条依据。
您使用小程序时，我们处理：微信标识（openid，不取微信昵称、头像和聊天内容）、登录记录、网络地址、收到和确认的通知、订阅消息的选择。
本平台不采集定位、通讯录、人脸特征，不向您推送广告，不出售信息，也不把信息用于上述以外的目的。

三、谁能看到
只有负责您家的楼层长、楼长、片区长、社区网格长、后台服务人员，以及上级街道、区的管理人员，按其职务和任期看到各自范围内的内容；职务一结束即看不到。同层、同楼的其他居民看不到。大厅的公开屏幕只有数量，没有门牌和姓名。手机号等平时隐去中间部分。工作人员的每次查阅都有记录。
发送微信消息时，消息经由微信；消息里只有“有待处理的通知”一类文字，没有家庭情况。

四、如何保存
身份证号、手机号、家庭情况、走访记录、照片等加密保存，密钥与数据库分开。未满足保存期限的登录票据、邀请等由程序每日清除；各类信息的保存天数列在保存期限表中，可向社区查询。操作记录保存三年。

五、未满十四周岁的儿童
除定级规则依法定职责所需的情况外，孩子的照片、联系方式和其他情况，须由登记在册的监护人逐项同意后才保存，监护人可随时撤回。孩子满十四周岁之日起，由本人行使权利。

六、您的权利
您可以：查看并复制我们保存的关于您的全部信息；要求更正、删除、说明理由；随时撤回同意（撤回不影响此前的处理）。请求自收到次日起十五个工作日内答复，不同意的会说明理由。法律要求保存的内容（例如操作记录）不能删除，其中只留编号，不再有您的姓名。监护人可替未满十四周岁的孩子行使这些权利。

七、本告知的更新
内容有变化时会发布新的版本，并在您下次使用前请您重新阅读。');
