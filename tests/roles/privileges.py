"""Everything that a role may do in a database, asked of PostgreSQL object by object.

These questions are other ones than those of the function: ``has_…_privilege`` counts what comes by
membership, by ownership and by PUBLIC, as a statement of that role would.
"""

from __future__ import annotations

from tests.roles.stage import Stage

Privilege = tuple[str, str, str]

# Kind, catalogue, condition, function, arguments of it before the privilege, privileges.
_TABLE = "relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT pg_is_other_temp_schema(relnamespace)"
_QUESTIONS = (
    ("table", "pg_class", _TABLE, "has_table_privilege", "oid::regclass",
     "SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER"),
    ("sequence", "pg_class", "relkind = 'S'", "has_sequence_privilege", "oid::regclass",
     "SELECT UPDATE USAGE"),
    ("function", "pg_proc", "true", "has_function_privilege", "oid::regprocedure", "EXECUTE"),
    ("schema", "pg_namespace", "true", "has_schema_privilege", "nspname", "USAGE CREATE"),
    ("database", "pg_database", "true", "has_database_privilege", "datname",
     "CREATE CONNECT TEMPORARY"),
    ("language", "pg_language", "true", "has_language_privilege", "lanname", "USAGE"),
    ("type", "pg_type", "typtype <> 'p'", "has_type_privilege", "oid::regtype", "USAGE"),
    ("tablespace", "pg_tablespace", "true", "has_tablespace_privilege", "spcname", "CREATE"),
    ("wrapper", "pg_foreign_data_wrapper", "true", "has_foreign_data_wrapper_privilege",
     "fdwname", "USAGE"),
    ("foreign server", "pg_foreign_server", "true", "has_server_privilege", "srvname", "USAGE"),
    ("role", "pg_roles", "true", "pg_has_role", "rolname", "USAGE MEMBER"),
    ("parameter", "(SELECT name FROM pg_settings UNION SELECT 'pgaudit.log') s", "true",
     "has_parameter_privilege", "name", "SET"),
)  # fmt: skip
_COLUMNS = """
SELECT 'column', format('%s.%I', attrelid::regclass, attname), p FROM pg_attribute
JOIN pg_class c ON c.oid = attrelid, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND attnum > 0 AND NOT attisdropped
AND has_column_privilege('{role}', attrelid, attnum, p)
AND NOT has_table_privilege('{role}', attrelid, p)
"""


def privileges(stage: Stage, role: str) -> set[Privilege]:
    """Return kind, object and privilege of everything that a role may."""
    version = int(stage.query("SHOW server_version_num"))
    parts = [_COLUMNS.format(role=role)]
    for kind, catalogue, where, function, argument, names in _QUESTIONS:
        if kind == "parameter" and version < 150000:
            continue
        argument_of = argument.split("::")[0]
        parts.append(
            f"SELECT '{kind}', {argument}::text, p FROM {catalogue}, "
            f"unnest(string_to_array('{names}', ' ')) p "
            f"WHERE {where} AND {function}('{role}', {argument_of}, p)"
        )
    rows = stage.query(" UNION ALL ".join(parts))
    found: set[Privilege] = set()
    for row in rows.split("\n"):
        kind, name, privilege = row.split("|")
        found.add((kind, name, privilege))
    return found


def of_public(stage: Stage) -> set[Privilege]:
    """Return what a role may to which nobody has granted anything."""
    stage.query("CREATE ROLE nobody")
    try:
        return privileges(stage, "nobody")
    finally:
        stage.query("DROP ROLE nobody")


def beyond_public(stage: Stage, *roles: str) -> list[set[Privilege]]:
    """Return what each role may that PUBLIC may not, but being itself."""
    everybody = of_public(stage)
    return [
        privileges(stage, role) - everybody - {("role", role, "USAGE"), ("role", role, "MEMBER")}
        for role in roles
    ]
