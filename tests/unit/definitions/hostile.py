"""Texts that try to say more than an expression: the corpus of the allow-list's tests."""

from __future__ import annotations

HOSTILE = [
    "1 = 1; drop table support.tickets",
    "(select count(*) from secrets) > 0",
    "cost in (select 1)",
    "exists (select 1)",
    "read_csv('/etc/passwd') is not null",
    "read_text('x') = 'y'",
    "pg_sleep(10) is null",
    "pg_read_file('x') = ''",
    "getenv('HOME') = ''",
    "nextval('s') > 0",
    "random() > 0.5",
    "now() > opened_at",
    "current_user = 'x'",
    "current_date > due_on",
    "team = 'a' -- comment",
    "team /* hidden */ = 'a'",
    "team = 'a' union select 1",
    "team = $1",
    "team = ?",
    "team = :name",
    "team = '{{ var }}' || chr(39)",
    '"team""; drop table x" = \'a\'',
    "team = e'\\x41'",
    "team = 'a\\' or 1=1'",
    "тeam = 'a'",
    "team＝'a'",
    "team\u200b = 'a'",
    "team = 'a'\u202e",
    "team[1] = 'a'",
    "{'a': 1} is null",
    "team collate nocase = 'a'",
    "list_filter([1], x -> x > 0) is null",
    "count(*) > 1",
    "sum(cost) > 1",
    "row_number() over () > 1",
    "sum(cost) over (partition by team) > 1",
    "cast(team as blob) is null",
    "cast(team as integer) > 1",
    "team::regclass is null",
    "team ~ 'a'",
    "support.tickets.team = 'a'",
    "crm.accounts.region = 'na'",
    "password = 'x'",
    "columns('*') is null",
    "* is null",
    "interval 3 day is null",
    "team = 1",
    "cost",
    "cost + team > 1",
    "not cost",
    "priority = 'urgent'",
    "",
    "   ",
    "(" * 300 + "1" + ")" * 300 + " = 1",
    " and ".join(["cost > 1"] * 5000),
]


_FUNCTIONS = """
read_csv read_csv_auto read_parquet read_json read_json_auto read_ndjson read_text read_blob read_xlsx
parquet_scan parquet_metadata glob sniff_csv csv_scan sqlite_scan postgres_scan mysql_scan iceberg_scan
delta_scan arrow_scan pandas_scan query query_table getenv getvariable current_setting set_config current_user
session_user current_role current_database current_schema current_query version inet_server_addr
inet_client_addr pg_sleep pg_sleep_for pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file
pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_switch_wal pg_advisory_lock
lo_import lo_export lo_get lo_put lo_unlink dblink dblink_exec dblink_connect xp_cmdshell sp_executesql
openrowset opendatasource load_file benchmark sleep utl_http dbms_pipe extractvalue updatexml query_to_xml
table_to_xml database_to_xml xmlparse xpath nextval setval currval lastval txid_current random setseed
gen_random_uuid uuid now today get_current_time current_date current_timestamp current_time localtime
localtimestamp clock_timestamp statement_timestamp transaction_timestamp sysdate getdate generate_series range
unnest repeat rpad lpad regexp_replace regexp_matches string_agg array_agg list_aggregate list_transform
list_filter reduce map struct_pack row_to_json json_extract to_json http_get http_post net_http
load_aws_credentials write_csv copy_database checkpoint force_checkpoint pragma_version duckdb_settings
duckdb_secrets which_secret has_table_privilege pg_get_userbyid obj_description col_description format printf
chr ascii hash md5 sha256 system shell exec eval execute sys_exec sys_eval error add_parquet_key
enable_logging getdatabaseencoding to_regclass
"""
DIALECT_FUNCTIONS = tuple(_FUNCTIONS.split())
"""Functions of engines that read files, wait, reach the network, have side effects, or depend on the session."""

STATEMENTS = tuple(
    line.strip()
    for line in """
    select 1
    select * from secrets
    with x as (select 1) select * from x
    values (1)
    table t
    from support.tickets
    drop table support.tickets
    delete from support.tickets
    insert into t values (1)
    update t set a = 1
    merge into t using s on true when matched then delete
    truncate t
    create table t (a int)
    create macro f(a) as a
    create secret (type s3)
    alter table t add a int
    copy support.tickets to '/tmp/x.csv'
    copy (select 1) to program 'sh'
    attach 'x.db'
    attach 'https://example.com/x.db' as y
    detach y
    pragma database_list
    install httpfs
    load httpfs
    call pragma_version()
    set memory_limit = '1'
    reset all
    use other
    export database '/tmp/x'
    import database '/tmp/x'
    explain select 1
    describe t
    show tables
    summarize t
    pivot t on a
    vacuum
    analyze
    checkpoint
    begin
    commit
    rollback
    grant all on t to public
    listen x
    notify x
    lock table t
    do $$ begin end $$
    execute x
    prepare p as select 1
    declare x cursor for select 1
    """.strip().splitlines()
)
