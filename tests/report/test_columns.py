"""Tables fit into a terminal, and keep addresses whole."""

from finbase.report.columns import columns

ADDRESS = 'module.network.aws_eip.nat["eu-west-1 a"]'


def test_columns_continue_below_if_cramped() -> None:
    rows = [("database.performance_insights_retention_period", "7", "default of database 1.0.1")]
    assert columns(rows, width=60).splitlines() == [
        "database.performance_insights_retention_period  7",
        "    default of database 1.0.1",
    ]


def test_columns_keep_addresses_whole() -> None:
    rows = [("F01", "no address"), ("F02", f"found {ADDRESS} twice")]
    lines = columns(rows, width=48, indent=2).splitlines()
    assert lines == ["  F01  no address", "  F02  found", f"       {ADDRESS}", "       twice"]
    assert max(map(len, lines)) <= 48


def test_columns_wrap_a_long_cell_in_the_middle() -> None:
    rows = [("zones", '["eu-west-1a", "eu-west-1b", "eu-west-1c"]', "a.yaml:3"), ("a", "1", "b")]
    assert columns(rows, width=40, widest=10).splitlines() == [
        'zones ["eu-west-1a", "eu-west-1b",',
        '    "eu-west-1c"]',
        "    a.yaml:3",
        "a      1           b",
    ]
