"""The table of traps in docs/connectors/traps.md, made from the tests themselves.

python -m tests.integration.connectors.trap_table > docs/connectors/traps.md
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
UNIT = HERE.parents[1] / "unit" / "connectors"
VENDORS = ("salesforce", "hubspot", "jira", "jira_dc", "github", "linear", "intercom", "zendesk")
SHORT = ("SF", "HS", "Jira", "Jira DC", "GH", "Linear", "IC", "ZD")
CORE = ("salesforce", "jira", "intercom")
"""The vendors of the fixture `core_vendor`: one for each way of paging."""


@dataclass(frozen=True)
class Trap:
    """A trap: its words in the rules, what we do about it, and the tests that set it."""

    words: str
    answer: str
    tests: tuple[str, ...]


TRAPS = (
    Trap(
        "equal-timestamp ties",
        "windows begin at or before the watermark; upsert by key",
        (
            "test_equal_stamps_at_the_watermark_are_all_read",
            "test_rows_that_share_the_watermark_are_all_read",
            "test_events_of_a_second_that_fills_pages_do_not_hide_what_follows",
        ),
    ),
    Trap(
        "late index visibility",
        "an overlap before the watermark; lateness is measured and warned of",
        (
            "test_a_late_index_loses_nothing_within_the_overlap",
            "test_lateness_is_measured_and_warned_of",
            "test_the_raw_assets_metadata_says_what_the_load_found",
        ),
    ),
    Trap(
        "rows updated during paging",
        "keyset or anchored pages in an order that does not move; overlap",
        (
            "test_edits_and_deletes_between_pages_lose_nothing",
            "test_after_two_quiet_polls_the_warehouse_equals_the_source",
            "test_issues_that_leave_their_second_take_no_other_along",
        ),
    ),
    Trap(
        "cap per query", "a fixed window walked by id", ("test_a_search_beyond_its_cap_is_walked_to_the_end",)
    ),
    Trap(
        "empty page with token",
        "loop guards: each is an error after few pages, and nothing is kept",
        (
            "test_a_listing_that_does_not_end_is_an_error_and_not_a_loop",
            "test_a_last_page_that_does_not_say_so_ends_and_one_that_promises_more_is_an_error",
        ),
    ),
    Trap(
        "token expiry on resume",
        "the window is read again, not the stream",
        (
            "test_an_expired_page_token_does_not_stop_the_stream_for_good",
            "test_a_bulk_load_goes_on_at_its_locator",
        ),
    ),
    Trap(
        "time zone and precision",
        "epoch or an explicit offset, rounded down to the filter's step",
        (
            "test_a_window_never_begins_too_late",
            "test_nor_does_it_when_clocks_are_turned",
            "test_a_session_in_another_zone_loses_no_row_of_a_column_with_a_zone",
            "test_an_hour_that_clocks_show_twice_loses_nothing",
        ),
    ),
    Trap(
        "boundaries inclusive",
        "the begin is included; no upper bound below now",
        (
            "test_after_two_quiet_polls_the_warehouse_equals_the_source",
            "test_rows_that_share_the_watermark_are_all_read",
        ),
    ),
    Trap(
        "write_date",
        "a cursor has a fallback field; of a database, rows without any stamp are read each time",
        (
            "test_a_fallback_counts_while_the_first_field_is_null",
            "test_rows_without_a_stamp_are_read_whenever_they_come",
        ),
    ),
    Trap(
        "epoch 1970",
        "`nulls:` of a column names the vendor's word for nothing; a first load sends no date",
        ("test_a_vendors_word_for_nothing_is_null", "test_a_first_load_does_not_ask_since_1970"),
    ),
    Trap(
        "silently clamped",
        "positions move by what came, not by what was asked for",
        ("test_a_load_goes_on_after_its_last_page", "test_edits_and_deletes_between_pages_lose_nothing"),
    ),
    Trap(
        "deletes:",
        "flag, archived list, tombstones or comparison of keys, as declared",
        (
            "test_deleted_records_are_gone_and_what_was_known_of_them_stays",
            "test_after_two_quiet_polls_a_declared_source_is_equal",
            "test_a_row_that_was_deleted_for_good_is_gone_within_a_day",
        ),
    ),
    Trap(
        "merged records",
        "what a search shows no more is found by comparing keys",
        ("test_a_merged_contact_is_gone_and_nothing_else",),
    ),
    Trap(
        "strings as numbers",
        "read on purpose, or quarantined with the reason",
        (
            "test_a_record_is_read_as_its_contract_says",
            "test_a_row_that_breaks_its_contract_is_quarantined_with_the_reason",
        ),
    ),
    Trap(
        "different currency", "the currency lands beside the amount", ("test_an_amount_keeps_its_currency",)
    ),
    Trap(
        "association-only",
        "read whole every day; no cursor moves",
        ("test_a_change_of_associations_alone_is_seen",),
    ),
    Trap(
        "200 with an error body",
        "an error, tried again where that may help; nothing is kept",
        (
            "test_an_error_body_at_200_is_an_error_of_every_vendor",
            "test_an_error_behind_a_long_part_of_the_data_is_heard",
            "test_an_answer_of_another_shape_is_a_typed_error",
            "test_a_lasting_failure_is_a_typed_error_and_the_state_stays",
            "test_a_passing_failure_is_tried_again_and_nothing_comes_twice",
        ),
    ),
    Trap(
        "429 with/without",
        "Retry-After in seconds or as a date, the vendor's reset, else back-off",
        (
            "test_every_vendor_may_throttle_in_any_of_its_ways",
            "test_a_throttled_request_waits_as_long_as_it_is_told",
            "test_every_way_to_say_how_long_to_wait_is_understood",
            "test_a_vendor_that_asks_for_too_long_a_wait_is_left_alone",
            "test_a_failure_does_not_wait_for_the_reset_of_a_budget_that_is_not_used_up",
        ),
    ),
    Trap(
        "403 as rate limit",
        "told from a missing permission by headers and words",
        ("test_a_403_that_is_a_rate_limit_is_waited_for_and_another_is_not",),
    ),
    Trap(
        "auth refresh mid-run",
        "one renewal per request; a rotated token is kept before it is used",
        (
            "test_an_access_token_that_ends_in_the_middle_is_renewed",
            "test_a_rotated_refresh_token_is_kept_in_its_file",
        ),
    ),
    Trap(
        "schema version bump",
        "state is keyed by the query; another version is read from the beginning",
        (
            "test_another_version_of_the_api_is_read_from_the_beginning",
            "test_a_wider_query_reads_from_the_beginning",
        ),
    ),
    Trap(
        "truncated, cut off and non-UTF-8 bodies",
        "a typed error that names source and page; nothing lands",
        (
            "test_a_lasting_failure_is_a_typed_error_and_the_state_stays",
            "test_a_results_page_that_is_broken_off_is_noticed_by_the_vendors_count",
            "test_a_file_that_is_cut_off_is_refused_by_name_and_nothing_lands",
            "test_a_second_piece_that_is_broken_off_is_an_error",
        ),
    ),
    Trap(
        "fields that are new, gone, renamed or retyped",
        "drift warning, failed check, quarantine: by name",
        (
            "test_every_edit_of_a_schema_is_named",
            "test_an_edit_in_the_schema_is_seen",
            "test_a_field_that_went_away_is_named",
            "test_a_field_of_another_type_is_quarantined_with_its_name",
        ),
    ),
    Trap(
        "permissions that are lost",
        "fewer rows are a failed check and no deletion",
        (
            "test_rows_that_the_account_may_no_longer_see_are_not_taken_for_deleted",
            "test_a_file_that_lost_most_of_its_rows_is_a_failed_check_until_it_is_whole_again",
            "test_a_folder_that_is_suddenly_empty_is_a_failed_check",
            "test_a_permission_that_is_lost_is_an_error_and_no_deletion",
        ),
    ),
    Trap(
        "clocks that are wrong",
        "stamps from the future are clamped to the vendor's own clock",
        (
            "test_a_stamp_from_the_future_does_not_move_the_watermark",
            "test_a_vendor_whose_clock_is_ahead_is_read_all_the_same",
        ),
    ),
    Trap(
        "rate limits of an account",
        "one budget for all threads and sources of an account; quiet polls by tag; queries of known cost",
        (
            "test_a_poll_that_finds_nothing_new_costs_nothing",
            "test_queries_stay_far_below_the_complexity_that_is_refused",
            "test_parts_are_fetched_in_parallel_within_the_accounts_rate",
            "test_accounts_side_by_side_keep_each_its_own_budget",
            "test_no_window_at_the_vendor_holds_more_than_the_budget",
        ),
    ),
    Trap(
        "children that the vendor keeps back",
        "compared with its own count: what was known is kept, and they are asked for once more",
        ("test_a_conversation_that_came_short_is_asked_for_once_more_and_not_for_ever",),
    ),
    Trap(
        "death in the middle of a load",
        "parts, manifest, state: in that order, each whole or absent",
        (
            "test_a_load_that_dies_at_any_step_is_finished_by_the_next_one",
            "test_a_lost_state_file_is_made_up_from_the_manifests",
        ),
    ),
)


@cache
def known_tests() -> dict[str, tuple[Path, frozenset[str]]]:
    """Every test about connectors: its file, and the vendors that it runs against."""
    found = {}
    files = [
        *HERE.glob("test_*.py"),
        *UNIT.glob("test_*.py"),
        HERE.parent / "chain" / "test_stream_health.py",
    ]
    for path in sorted(files):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = (path, _vendors(node, path))
    return found


def _vendors(test: ast.FunctionDef, path: Path) -> frozenset[str]:
    """By its fixtures, its parameters and the vendors that it names."""
    arguments = {argument.arg for argument in test.args.args}
    if "vendor" in arguments or path.name == "test_vendor_state_machine.py":
        return frozenset(VENDORS)
    if "core_vendor" in arguments or "core" in arguments:
        return frozenset(CORE)
    words = {node.value for node in ast.walk(test) if isinstance(node, ast.Constant)}
    named = {name for name in VENDORS if name in words or name in arguments}
    return frozenset(named | ({"salesforce"} if path.name == "test_salesforce_connector.py" else set()))


def table() -> str:
    """The whole document."""
    lines = [
        "# Traps, and the tests that set them",
        "",
        "What vendors really do to a connector, from the trap list of the connector rules and from the faults that",
        "a pipeline has to survive. A dot: the trap is set on that vendor's fake. Where a row has few dots, the answer",
        "is in code that all vendors share (HTTP client, landing, state), and one of them is enough to try it.",
        "No live vendor was reached: the fakes behave as vendors are reported to, and every limit is configuration.",
        "",
        f"| trap | what is done about it | {' | '.join(SHORT)} | tests |",
        f"|---|---|{'---|' * len(VENDORS)}---|",
    ]
    for trap in TRAPS:
        met = frozenset[str]().union(*(known_tests()[name][1] for name in trap.tests))
        dots = " | ".join("●" if vendor in met else " " for vendor in VENDORS)
        names = "<br>".join(f"`{name}`" for name in trap.tests)
        lines.append(f"| {trap.words.rstrip(':')} | {trap.answer} | {dots} | {names} |")
    lines += [
        "",
        "The sources that are declared in YAML (SQL, files, HTTP, process) meet theirs in `test_sql_source.py`,",
        "`test_files_source.py`, `test_http_source.py`, `test_process_source.py`, and each has a state machine in",
        "`test_declared_state_machine.py`, as every vendor has one in `test_vendor_state_machine.py`.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
