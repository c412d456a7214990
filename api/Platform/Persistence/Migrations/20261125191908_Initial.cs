using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Backend.Platform.Persistence.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterDatabase()
                .Annotation("Npgsql:PostgresExtension:ltree", ",,");

            migrationBuilder.CreateTable(
                name: "audit_entries",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false, defaultValueSql: "clock_timestamp()"),
                    account_id = table.Column<Guid>(type: "uuid", nullable: true),
                    session_id = table.Column<Guid>(type: "uuid", nullable: true),
                    roles = table.Column<string>(type: "text", nullable: true),
                    scope = table.Column<string>(type: "text", nullable: true),
                    operation = table.Column<string>(type: "text", nullable: false),
                    target_ids = table.Column<Guid[]>(type: "uuid[]", nullable: false),
                    result = table.Column<string>(type: "text", nullable: false),
                    address = table.Column<string>(type: "text", nullable: true),
                    correlation_id = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_audit_entries", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "batches",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    started_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    finished_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_batches", x => x.id);
                    table.CheckConstraint("ck_batches_kind", "\"kind\" in ('night', 'import')");
                });

            migrationBuilder.CreateTable(
                name: "binding_tickets",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    open_id_index = table.Column<byte[]>(type: "bytea", nullable: false),
                    open_id = table.Column<byte[]>(type: "bytea", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_binding_tickets", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "cadences",
                columns: table => new
                {
                    tier = table.Column<string>(type: "text", nullable: false),
                    days = table.Column<int>(type: "integer", nullable: false),
                    months = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_cadences", x => x.tier);
                    table.CheckConstraint("ck_cadences_length", "days >= 0 and months >= 0 and days + months > 0");
                    table.CheckConstraint("ck_cadences_tier", "\"tier\" in ('green', 'yellow', 'orange', 'red')");
                });

            migrationBuilder.CreateTable(
                name: "grid_levels",
                columns: table => new
                {
                    code = table.Column<string>(type: "text", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    position = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_grid_levels", x => x.code);
                });

            migrationBuilder.CreateTable(
                name: "idempotency_records",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    route = table.Column<string>(type: "text", nullable: false),
                    key = table.Column<string>(type: "text", nullable: false),
                    body_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    status = table.Column<int>(type: "integer", nullable: false),
                    answer = table.Column<byte[]>(type: "bytea", nullable: false),
                    e_tag = table.Column<string>(type: "text", nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_idempotency_records", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "outbox_messages",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    handler = table.Column<string>(type: "text", nullable: false),
                    payload = table.Column<string>(type: "jsonb", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    done_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    parked_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    last_error = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_outbox_messages", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "party_bodies",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    parent_id = table.Column<Guid>(type: "uuid", nullable: true),
                    kind = table.Column<string>(type: "text", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    node_ids = table.Column<Guid[]>(type: "uuid[]", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_party_bodies", x => x.id);
                    table.CheckConstraint("ck_party_bodies_kind", "\"kind\" in ('district_committee', 'street_committee', 'community_organisation', 'general_branch', 'branch', 'group')");
                    table.ForeignKey(
                        name: "fk_party_bodies_party_bodies_parent_id",
                        column: x => x.parent_id,
                        principalTable: "party_bodies",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "rule_sets",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    from_day = table.Column<DateOnly>(type: "date", nullable: false),
                    content = table.Column<string>(type: "jsonb", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_rule_sets", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "settings",
                columns: table => new
                {
                    key = table.Column<string>(type: "text", nullable: false),
                    value = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_settings", x => x.key);
                });

            migrationBuilder.CreateTable(
                name: "tags",
                columns: table => new
                {
                    code = table.Column<string>(type: "text", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    category_code = table.Column<string>(type: "text", nullable: false),
                    category_name = table.Column<string>(type: "text", nullable: false),
                    subcategory_code = table.Column<string>(type: "text", nullable: false),
                    subcategory_name = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    value_type = table.Column<string>(type: "text", nullable: false),
                    enum_values = table.Column<string>(type: "text", nullable: true),
                    sensitive = table.Column<bool>(type: "boolean", nullable: false),
                    tier_signal = table.Column<string>(type: "text", nullable: false),
                    note = table.Column<string>(type: "text", nullable: true),
                    position = table.Column<int>(type: "integer", nullable: false),
                    retired_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tags", x => x.code);
                    table.CheckConstraint("ck_tags_subject", "\"subject\" in ('household', 'person')");
                    table.CheckConstraint("ck_tags_value_type", "\"value_type\" in ('bool', 'enum', 'money', 'number', 'text', 'date')");
                });

            migrationBuilder.CreateTable(
                name: "tile_changes",
                columns: table => new
                {
                    root_id = table.Column<Guid>(type: "uuid", nullable: false),
                    version = table.Column<long>(type: "bigint", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    removed = table.Column<bool>(type: "boolean", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    door = table.Column<string>(type: "text", nullable: false),
                    tier = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: true),
                    due_day = table.Column<DateOnly>(type: "date", nullable: true),
                    last_visit_day = table.Column<DateOnly>(type: "date", nullable: true),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tile_changes", x => new { x.root_id, x.version, x.household_id, x.removed });
                    table.CheckConstraint("ck_tile_changes_state", "\"state\" in ('provisional', 'confirmed', 'unassessed')");
                    table.CheckConstraint("ck_tile_changes_tier", "\"tier\" in ('green', 'yellow', 'orange', 'red')");
                });

            migrationBuilder.CreateTable(
                name: "we_chat_tokens",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    app_id = table.Column<string>(type: "text", nullable: false),
                    token = table.Column<byte[]>(type: "bytea", nullable: true),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    version = table.Column<long>(type: "bigint", nullable: false),
                    lease_holder = table.Column<Guid>(type: "uuid", nullable: true),
                    leased_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_we_chat_tokens", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "working_days",
                columns: table => new
                {
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    working = table.Column<bool>(type: "boolean", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_working_days", x => x.day);
                });

            migrationBuilder.CreateTable(
                name: "grid_nodes",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    parent_id = table.Column<Guid>(type: "uuid", nullable: true),
                    level_code = table.Column<string>(type: "text", nullable: false),
                    code = table.Column<string>(type: "text", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    path = table.Column<string>(type: "ltree", nullable: false),
                    root_id = table.Column<Guid>(type: "uuid", nullable: true),
                    floor_number = table.Column<int>(type: "integer", nullable: true),
                    position = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_grid_nodes", x => x.id);
                    table.ForeignKey(
                        name: "fk_grid_nodes_grid_levels_level_code",
                        column: x => x.level_code,
                        principalTable: "grid_levels",
                        principalColumn: "code",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_grid_nodes_grid_nodes_parent_id",
                        column: x => x.parent_id,
                        principalTable: "grid_nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "households",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    root_id = table.Column<Guid>(type: "uuid", nullable: false),
                    door = table.Column<string>(type: "character varying(30)", maxLength: 30, nullable: false),
                    recorded_on = table.Column<DateOnly>(type: "date", nullable: false),
                    tier = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: true),
                    engine_tier = table.Column<string>(type: "text", nullable: false),
                    register_status = table.Column<string>(type: "text", nullable: false),
                    occupancy = table.Column<string>(type: "text", nullable: false),
                    due_day = table.Column<DateOnly>(type: "date", nullable: true),
                    last_visit_day = table.Column<DateOnly>(type: "date", nullable: true),
                    next_evaluation_on = table.Column<DateOnly>(type: "date", nullable: true),
                    revision = table.Column<int>(type: "integer", nullable: false),
                    snapshot = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_households", x => x.id);
                    table.CheckConstraint("ck_households_engine_tier", "\"engine_tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.CheckConstraint("ck_households_occupancy", "\"occupancy\" in ('all_home', 'part_away', 'all_away', 'vacant')");
                    table.CheckConstraint("ck_households_register_status", "\"register_status\" in ('none', 'general', 'lifted', 'monitored', 'eliminated')");
                    table.CheckConstraint("ck_households_state", "\"state\" in ('provisional', 'confirmed', 'unassessed')");
                    table.CheckConstraint("ck_households_tier", "\"tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.CheckConstraint("ck_households_tier_state", "(tier = 'red') = (coalesce(state, '') in ('provisional', 'confirmed')) and (coalesce(state, '') <> 'unassessed' or tier = 'yellow')");
                    table.ForeignKey(
                        name: "fk_households_grid_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "grid_nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "posts",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    role = table.Column<string>(type: "text", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: true),
                    party_body_id = table.Column<Guid>(type: "uuid", nullable: true),
                    leads_node = table.Column<bool>(type: "boolean", nullable: false),
                    title = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_posts", x => x.id);
                    table.CheckConstraint("ck_posts_place", "(node_id is null) <> (party_body_id is null)");
                    table.CheckConstraint("ck_posts_role", "\"role\" in ('resident', 'floor_leader', 'building_leader', 'area_leader', 'community_leader', 'staff', 'labour_officer', 'street_manager', 'district_manager', 'department_liaison', 'system_admin', 'security_admin', 'audit_admin')");
                    table.ForeignKey(
                        name: "fk_posts_grid_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "grid_nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_posts_party_bodies_party_body_id",
                        column: x => x.party_body_id,
                        principalTable: "party_bodies",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "wall_roots",
                columns: table => new
                {
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    version = table.Column<long>(type: "bigint", nullable: false),
                    history_from = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_wall_roots", x => x.node_id);
                    table.ForeignKey(
                        name: "fk_wall_roots_grid_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "grid_nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "measures",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    responsible_account_id = table.Column<Guid>(type: "uuid", nullable: true),
                    opened_on = table.Column<DateOnly>(type: "date", nullable: false),
                    finished_on = table.Column<DateOnly>(type: "date", nullable: true),
                    outcome = table.Column<byte[]>(type: "bytea", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_measures", x => x.id);
                    table.CheckConstraint("ck_measures_days", "finished_on is null or finished_on >= opened_on");
                    table.ForeignKey(
                        name: "fk_measures_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "monthly_evaluations",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    month = table.Column<DateOnly>(type: "date", nullable: false),
                    content = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_monthly_evaluations", x => x.id);
                    table.ForeignKey(
                        name: "fk_monthly_evaluations_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "photos",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    resident_id = table.Column<Guid>(type: "uuid", nullable: true),
                    content_type = table.Column<string>(type: "text", nullable: false),
                    width = table.Column<int>(type: "integer", nullable: false),
                    height = table.Column<int>(type: "integer", nullable: false),
                    taken_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_photos", x => x.id);
                    table.ForeignKey(
                        name: "fk_photos_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "register_marks",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    status = table.Column<string>(type: "text", nullable: false),
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    monitored_kind = table.Column<string>(type: "text", nullable: true),
                    discovery_channel = table.Column<string>(type: "text", nullable: true),
                    elimination_kind = table.Column<string>(type: "text", nullable: true),
                    recorded_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    recorded_by = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_register_marks", x => x.id);
                    table.CheckConstraint("ck_register_marks_status", "\"status\" in ('none', 'general', 'lifted', 'monitored', 'eliminated')");
                    table.ForeignKey(
                        name: "fk_register_marks_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "residents",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    name = table.Column<string>(type: "character varying(50)", maxLength: 50, nullable: false),
                    id_number = table.Column<byte[]>(type: "bytea", nullable: true),
                    id_number_index = table.Column<byte[]>(type: "bytea", nullable: true),
                    phone = table.Column<byte[]>(type: "bytea", nullable: true),
                    phone_index = table.Column<byte[]>(type: "bytea", nullable: true),
                    former_address = table.Column<byte[]>(type: "bytea", nullable: true),
                    photo_id = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_residents", x => x.id);
                    table.ForeignKey(
                        name: "fk_residents_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tag_values",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    subject_id = table.Column<Guid>(type: "uuid", nullable: false),
                    tag_code = table.Column<string>(type: "text", nullable: false),
                    value = table.Column<byte[]>(type: "bytea", nullable: false),
                    source = table.Column<string>(type: "text", nullable: false),
                    observed_at = table.Column<DateOnly>(type: "date", nullable: false),
                    valid_from = table.Column<DateOnly>(type: "date", nullable: true),
                    valid_to = table.Column<DateOnly>(type: "date", nullable: true),
                    recorded_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    recorded_by = table.Column<Guid>(type: "uuid", nullable: true),
                    evidence = table.Column<byte[]>(type: "bytea", nullable: true),
                    voided_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tag_values", x => x.id);
                    table.CheckConstraint("ck_tag_values_source", "\"source\" in ('visit', 'resident', 'staff', 'department', 'import', 'derived')");
                    table.CheckConstraint("ck_tag_values_subject", "\"subject\" in ('household', 'person')");
                    table.ForeignKey(
                        name: "fk_tag_values_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_tag_values_tags_tag_code",
                        column: x => x.tag_code,
                        principalTable: "tags",
                        principalColumn: "code",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tier_changes",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    from_tier = table.Column<string>(type: "text", nullable: false),
                    from_state = table.Column<string>(type: "text", nullable: true),
                    to_tier = table.Column<string>(type: "text", nullable: false),
                    to_state = table.Column<string>(type: "text", nullable: true),
                    engine_tier = table.Column<string>(type: "text", nullable: false),
                    rule_set = table.Column<string>(type: "text", nullable: false),
                    rule_set_hash = table.Column<string>(type: "text", nullable: false),
                    day = table.Column<DateOnly>(type: "date", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    actor_account_id = table.Column<Guid>(type: "uuid", nullable: true),
                    batch_id = table.Column<Guid>(type: "uuid", nullable: true),
                    evidence = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tier_changes", x => x.id);
                    table.CheckConstraint("ck_tier_changes_engine_tier", "\"engine_tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.CheckConstraint("ck_tier_changes_from_state", "\"from_state\" in ('provisional', 'confirmed', 'unassessed')");
                    table.CheckConstraint("ck_tier_changes_from_tier", "\"from_tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.CheckConstraint("ck_tier_changes_to_state", "\"to_state\" in ('provisional', 'confirmed', 'unassessed')");
                    table.CheckConstraint("ck_tier_changes_to_tier", "\"to_tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.ForeignKey(
                        name: "fk_tier_changes_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tiles",
                columns: table => new
                {
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    root_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    door = table.Column<string>(type: "text", nullable: false),
                    tier = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: true),
                    due_day = table.Column<DateOnly>(type: "date", nullable: true),
                    last_visit_day = table.Column<DateOnly>(type: "date", nullable: true),
                    version = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tiles", x => x.household_id);
                    table.CheckConstraint("ck_tiles_state", "\"state\" in ('provisional', 'confirmed', 'unassessed')");
                    table.CheckConstraint("ck_tiles_tier", "\"tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.ForeignKey(
                        name: "fk_tiles_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "visits",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    visited_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    recorded_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    visitor_account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    counted = table.Column<bool>(type: "boolean", nullable: false),
                    note = table.Column<byte[]>(type: "bytea", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_visits", x => x.id);
                    table.CheckConstraint("ck_visits_kind", "\"kind\" in ('home', 'phone', 'video', 'check_in')");
                    table.ForeignKey(
                        name: "fk_visits_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "assignments",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    post_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: true),
                    floor_from = table.Column<int>(type: "integer", nullable: true),
                    floor_to = table.Column<int>(type: "integer", nullable: true),
                    household_id = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_assignments", x => x.id);
                    table.CheckConstraint("ck_assignments_floors", "(floor_from is null) = (floor_to is null) and (floor_from is null or node_id is not null and floor_to >= floor_from)");
                    table.CheckConstraint("ck_assignments_what", "(node_id is null) <> (household_id is null)");
                    table.ForeignKey(
                        name: "fk_assignments_grid_nodes_node_id",
                        column: x => x.node_id,
                        principalTable: "grid_nodes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_assignments_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_assignments_posts_post_id",
                        column: x => x.post_id,
                        principalTable: "posts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "accounts",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    name = table.Column<string>(type: "character varying(50)", maxLength: 50, nullable: false),
                    resident_id = table.Column<Guid>(type: "uuid", nullable: true),
                    phone = table.Column<byte[]>(type: "bytea", nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    disabled_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_accounts", x => x.id);
                    table.ForeignKey(
                        name: "fk_accounts_residents_resident_id",
                        column: x => x.resident_id,
                        principalTable: "residents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "memberships",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    resident_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    from_day = table.Column<DateOnly>(type: "date", nullable: false),
                    to_day = table.Column<DateOnly>(type: "date", nullable: true),
                    is_head = table.Column<bool>(type: "boolean", nullable: false),
                    shares_income = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_memberships", x => x.id);
                    table.CheckConstraint("ck_memberships_days", "to_day is null or to_day >= from_day");
                    table.ForeignKey(
                        name: "fk_memberships_households_household_id",
                        column: x => x.household_id,
                        principalTable: "households",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_memberships_residents_resident_id",
                        column: x => x.resident_id,
                        principalTable: "residents",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "alarms",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    tier_change_id = table.Column<Guid>(type: "uuid", nullable: false),
                    household_id = table.Column<Guid>(type: "uuid", nullable: false),
                    node_path = table.Column<string>(type: "ltree", nullable: false),
                    tier = table.Column<string>(type: "text", nullable: false),
                    opened_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    acknowledged_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    acknowledged_by = table.Column<Guid>(type: "uuid", nullable: true),
                    visit_by = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_alarms", x => x.id);
                    table.CheckConstraint("ck_alarms_tier", "\"tier\" in ('green', 'yellow', 'orange', 'red')");
                    table.ForeignKey(
                        name: "fk_alarms_tier_changes_tier_change_id",
                        column: x => x.tier_change_id,
                        principalTable: "tier_changes",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "appointments",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    post_id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    from_day = table.Column<DateOnly>(type: "date", nullable: false),
                    to_day = table.Column<DateOnly>(type: "date", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_appointments", x => x.id);
                    table.CheckConstraint("ck_appointments_days", "to_day is null or to_day >= from_day");
                    table.ForeignKey(
                        name: "fk_appointments_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_appointments_posts_post_id",
                        column: x => x.post_id,
                        principalTable: "posts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "notices",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    cause_kind = table.Column<string>(type: "text", nullable: false),
                    cause_id = table.Column<Guid>(type: "uuid", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    read_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_notices", x => x.id);
                    table.CheckConstraint("ck_notices_cause_kind", "\"cause_kind\" in ('tier_change', 'batch')");
                    table.ForeignKey(
                        name: "fk_notices_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "sessions",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    kind = table.Column<string>(type: "text", nullable: false),
                    token_hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    previous_token_hash = table.Column<byte[]>(type: "bytea", nullable: true),
                    rotated_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    last_used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    ended_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    node_id = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_sessions", x => x.id);
                    table.CheckConstraint("ck_sessions_kind", "\"kind\" in ('wechat', 'display')");
                    table.ForeignKey(
                        name: "fk_sessions_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "stand_ins",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    post_id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    from_day = table.Column<DateOnly>(type: "date", nullable: false),
                    to_day = table.Column<DateOnly>(type: "date", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_stand_ins", x => x.id);
                    table.CheckConstraint("ck_stand_ins_days", "to_day >= from_day");
                    table.ForeignKey(
                        name: "fk_stand_ins_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_stand_ins_posts_post_id",
                        column: x => x.post_id,
                        principalTable: "posts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "we_chat_identities",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    open_id_index = table.Column<byte[]>(type: "bytea", nullable: false),
                    open_id = table.Column<byte[]>(type: "bytea", nullable: false),
                    bound_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    employment_bound = table.Column<bool>(type: "boolean", nullable: false),
                    leased_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_we_chat_identities", x => x.id);
                    table.ForeignKey(
                        name: "fk_we_chat_identities_accounts_account_id",
                        column: x => x.account_id,
                        principalTable: "accounts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "deliveries",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    notice_id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    cause_id = table.Column<Guid>(type: "uuid", nullable: false),
                    step = table.Column<int>(type: "integer", nullable: false),
                    channel = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    due_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    attempts = table.Column<int>(type: "integer", nullable: false),
                    repeats = table.Column<int>(type: "integer", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    last_outcome = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_deliveries", x => x.id);
                    table.CheckConstraint("ck_deliveries_channel", "\"channel\" in ('live', 'employment_message', 'subscribe_message', 'sms', 'call_list')");
                    table.CheckConstraint("ck_deliveries_state", "\"state\" in ('waiting', 'sending', 'sent', 'uncertain', 'failed', 'stopped', 'parked')");
                    table.ForeignKey(
                        name: "fk_deliveries_notices_notice_id",
                        column: x => x.notice_id,
                        principalTable: "notices",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "notice_alarms",
                columns: table => new
                {
                    notice_id = table.Column<Guid>(type: "uuid", nullable: false),
                    alarm_id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_notice_alarms", x => new { x.notice_id, x.alarm_id });
                    table.ForeignKey(
                        name: "fk_notice_alarms_alarms_alarm_id",
                        column: x => x.alarm_id,
                        principalTable: "alarms",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "fk_notice_alarms_notices_notice_id",
                        column: x => x.notice_id,
                        principalTable: "notices",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateTable(
                name: "tickets",
                columns: table => new
                {
                    hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    session_id = table.Column<Guid>(type: "uuid", nullable: false),
                    purpose = table.Column<string>(type: "text", nullable: false),
                    node_id = table.Column<Guid>(type: "uuid", nullable: true),
                    expires_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    used_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tickets", x => x.hash);
                    table.CheckConstraint("ck_tickets_purpose", "\"purpose\" in ('hub', 'display')");
                    table.ForeignKey(
                        name: "fk_tickets_sessions_session_id",
                        column: x => x.session_id,
                        principalTable: "sessions",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "delivery_attempts",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    delivery_id = table.Column<Guid>(type: "uuid", nullable: false),
                    account_id = table.Column<Guid>(type: "uuid", nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    outcome = table.Column<string>(type: "text", nullable: true),
                    error_code = table.Column<int>(type: "integer", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_delivery_attempts", x => x.id);
                    table.ForeignKey(
                        name: "fk_delivery_attempts_deliveries_delivery_id",
                        column: x => x.delivery_id,
                        principalTable: "deliveries",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "ix_accounts_resident_id",
                table: "accounts",
                column: "resident_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_alarms_household_id",
                table: "alarms",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_alarms_tier_change_id",
                table: "alarms",
                column: "tier_change_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_appointments_account_id",
                table: "appointments",
                column: "account_id");

            migrationBuilder.CreateIndex(
                name: "ix_appointments_post_id",
                table: "appointments",
                column: "post_id");

            migrationBuilder.CreateIndex(
                name: "ix_assignments_household_id",
                table: "assignments",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_assignments_node_id",
                table: "assignments",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_assignments_post_id",
                table: "assignments",
                column: "post_id");

            migrationBuilder.CreateIndex(
                name: "ix_audit_entries_account_id_at",
                table: "audit_entries",
                columns: new[] { "account_id", "at" });

            migrationBuilder.CreateIndex(
                name: "ix_batches_day",
                table: "batches",
                column: "day",
                unique: true,
                filter: "kind = 'night'");

            migrationBuilder.CreateIndex(
                name: "ix_binding_tickets_hash",
                table: "binding_tickets",
                column: "hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_cause_id_step_account_id_channel",
                table: "deliveries",
                columns: new[] { "cause_id", "step", "account_id", "channel" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_due_at",
                table: "deliveries",
                column: "due_at",
                filter: "state in ('waiting', 'sending', 'uncertain')");

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_notice_id",
                table: "deliveries",
                column: "notice_id");

            migrationBuilder.CreateIndex(
                name: "ix_delivery_attempts_delivery_id_number",
                table: "delivery_attempts",
                columns: new[] { "delivery_id", "number" });

            migrationBuilder.CreateIndex(
                name: "ix_grid_levels_position",
                table: "grid_levels",
                column: "position",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_grid_nodes_level_code",
                table: "grid_nodes",
                column: "level_code");

            migrationBuilder.CreateIndex(
                name: "ix_grid_nodes_parent_id",
                table: "grid_nodes",
                column: "parent_id");

            migrationBuilder.CreateIndex(
                name: "ix_grid_nodes_path",
                table: "grid_nodes",
                column: "path",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_grid_nodes_path1",
                table: "grid_nodes",
                column: "path")
                .Annotation("Npgsql:IndexMethod", "gist");

            migrationBuilder.CreateIndex(
                name: "ix_grid_nodes_root_id",
                table: "grid_nodes",
                column: "root_id");

            migrationBuilder.CreateIndex(
                name: "ix_households_next_evaluation_on",
                table: "households",
                column: "next_evaluation_on");

            migrationBuilder.CreateIndex(
                name: "ix_households_node_id_door",
                table: "households",
                columns: new[] { "node_id", "door" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_households_node_path",
                table: "households",
                column: "node_path")
                .Annotation("Npgsql:IndexMethod", "gist");

            migrationBuilder.CreateIndex(
                name: "ix_households_root_id_due_day",
                table: "households",
                columns: new[] { "root_id", "due_day" });

            migrationBuilder.CreateIndex(
                name: "ix_idempotency_records_account_id_route_key",
                table: "idempotency_records",
                columns: new[] { "account_id", "route", "key" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_idempotency_records_created_at",
                table: "idempotency_records",
                column: "created_at");

            migrationBuilder.CreateIndex(
                name: "ix_measures_household_id",
                table: "measures",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_memberships_household_id",
                table: "memberships",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_memberships_resident_id",
                table: "memberships",
                column: "resident_id",
                unique: true,
                filter: "to_day is null");

            migrationBuilder.CreateIndex(
                name: "ix_monthly_evaluations_household_id_month",
                table: "monthly_evaluations",
                columns: new[] { "household_id", "month" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_notice_alarms_alarm_id",
                table: "notice_alarms",
                column: "alarm_id");

            migrationBuilder.CreateIndex(
                name: "ix_notices_account_id_created_at",
                table: "notices",
                columns: new[] { "account_id", "created_at" });

            migrationBuilder.CreateIndex(
                name: "ix_notices_cause_id_account_id",
                table: "notices",
                columns: new[] { "cause_id", "account_id" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_outbox_messages_due_at",
                table: "outbox_messages",
                column: "due_at",
                filter: "done_at is null and parked_at is null");

            migrationBuilder.CreateIndex(
                name: "ix_party_bodies_parent_id",
                table: "party_bodies",
                column: "parent_id");

            migrationBuilder.CreateIndex(
                name: "ix_photos_household_id",
                table: "photos",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_posts_node_id",
                table: "posts",
                column: "node_id");

            migrationBuilder.CreateIndex(
                name: "ix_posts_party_body_id",
                table: "posts",
                column: "party_body_id");

            migrationBuilder.CreateIndex(
                name: "ix_register_marks_household_id_day",
                table: "register_marks",
                columns: new[] { "household_id", "day" });

            migrationBuilder.CreateIndex(
                name: "ix_residents_household_id",
                table: "residents",
                column: "household_id");

            migrationBuilder.CreateIndex(
                name: "ix_residents_id_number_index",
                table: "residents",
                column: "id_number_index",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_residents_phone_index",
                table: "residents",
                column: "phone_index");

            migrationBuilder.CreateIndex(
                name: "ix_rule_sets_name_from_day",
                table: "rule_sets",
                columns: new[] { "name", "from_day" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_sessions_account_id",
                table: "sessions",
                column: "account_id");

            migrationBuilder.CreateIndex(
                name: "ix_sessions_previous_token_hash",
                table: "sessions",
                column: "previous_token_hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_sessions_token_hash",
                table: "sessions",
                column: "token_hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_stand_ins_account_id",
                table: "stand_ins",
                column: "account_id");

            migrationBuilder.CreateIndex(
                name: "ix_stand_ins_post_id",
                table: "stand_ins",
                column: "post_id");

            migrationBuilder.CreateIndex(
                name: "ix_tag_values_household_id_tag_code",
                table: "tag_values",
                columns: new[] { "household_id", "tag_code" });

            migrationBuilder.CreateIndex(
                name: "ix_tag_values_tag_code",
                table: "tag_values",
                column: "tag_code");

            migrationBuilder.CreateIndex(
                name: "ix_tags_name",
                table: "tags",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_tickets_session_id",
                table: "tickets",
                column: "session_id");

            migrationBuilder.CreateIndex(
                name: "ix_tier_changes_batch_id",
                table: "tier_changes",
                column: "batch_id",
                filter: "batch_id is not null");

            migrationBuilder.CreateIndex(
                name: "ix_tier_changes_household_id_at",
                table: "tier_changes",
                columns: new[] { "household_id", "at" });

            migrationBuilder.CreateIndex(
                name: "ix_tiles_root_id",
                table: "tiles",
                column: "root_id");

            migrationBuilder.CreateIndex(
                name: "ix_visits_household_id_visited_at",
                table: "visits",
                columns: new[] { "household_id", "visited_at" });

            migrationBuilder.CreateIndex(
                name: "ix_we_chat_identities_account_id",
                table: "we_chat_identities",
                column: "account_id",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_we_chat_identities_open_id_index",
                table: "we_chat_identities",
                column: "open_id_index",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_we_chat_tokens_app_id",
                table: "we_chat_tokens",
                column: "app_id",
                unique: true);

            migrationBuilder.Sql(SqlFile.Read("Initial.security.sql"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "appointments");

            migrationBuilder.DropTable(
                name: "assignments");

            migrationBuilder.DropTable(
                name: "audit_entries");

            migrationBuilder.DropTable(
                name: "batches");

            migrationBuilder.DropTable(
                name: "binding_tickets");

            migrationBuilder.DropTable(
                name: "cadences");

            migrationBuilder.DropTable(
                name: "delivery_attempts");

            migrationBuilder.DropTable(
                name: "idempotency_records");

            migrationBuilder.DropTable(
                name: "measures");

            migrationBuilder.DropTable(
                name: "memberships");

            migrationBuilder.DropTable(
                name: "monthly_evaluations");

            migrationBuilder.DropTable(
                name: "notice_alarms");

            migrationBuilder.DropTable(
                name: "outbox_messages");

            migrationBuilder.DropTable(
                name: "photos");

            migrationBuilder.DropTable(
                name: "register_marks");

            migrationBuilder.DropTable(
                name: "rule_sets");

            migrationBuilder.DropTable(
                name: "settings");

            migrationBuilder.DropTable(
                name: "stand_ins");

            migrationBuilder.DropTable(
                name: "tag_values");

            migrationBuilder.DropTable(
                name: "tickets");

            migrationBuilder.DropTable(
                name: "tile_changes");

            migrationBuilder.DropTable(
                name: "tiles");

            migrationBuilder.DropTable(
                name: "visits");

            migrationBuilder.DropTable(
                name: "wall_roots");

            migrationBuilder.DropTable(
                name: "we_chat_identities");

            migrationBuilder.DropTable(
                name: "we_chat_tokens");

            migrationBuilder.DropTable(
                name: "working_days");

            migrationBuilder.DropTable(
                name: "deliveries");

            migrationBuilder.DropTable(
                name: "alarms");

            migrationBuilder.DropTable(
                name: "posts");

            migrationBuilder.DropTable(
                name: "tags");

            migrationBuilder.DropTable(
                name: "sessions");

            migrationBuilder.DropTable(
                name: "notices");

            migrationBuilder.DropTable(
                name: "tier_changes");

            migrationBuilder.DropTable(
                name: "party_bodies");

            migrationBuilder.DropTable(
                name: "accounts");

            migrationBuilder.DropTable(
                name: "residents");

            migrationBuilder.DropTable(
                name: "households");

            migrationBuilder.DropTable(
                name: "grid_nodes");

            migrationBuilder.DropTable(
                name: "grid_levels");
        }
    }
}
