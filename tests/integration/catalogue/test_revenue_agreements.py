"""What people agreed about KPIs 1 to 40: direction, cadence, category, perspective, level, leading or lagging.

Source: KPI catalogue, rows 1 to 40.
"""

from __future__ import annotations

from tests.integration.catalogue.published import CATALOGUE

# name: direction (increase, decrease, band), calculated/reviewed, category, perspective, level, leading or lagging
AGREED = """
mrr: i day/week revenue F N G
new_mrr: i month/month revenue F S G
expansion_mrr: i month/month revenue F S G
contraction_mrr: d month/month revenue F S G
churned_mrr: d month/month revenue F S G
reactivation_mrr: i month/month revenue F S G
revenue: i day/month revenue F S G
revenue_growth: i month/month revenue F S G
net_revenue_retention: i month/month retention F S G
customers: i day/month growth F S G
new_customers: i day/week growth F S G
customer_churn_rate: d month/month retention C S G
client_retention: i quarter/quarter retention C S G
arpc: i month/month revenue F S G
average_contract_value: b month/month sales F O G
ltv: i month/month unit_economics F S G
cac_marketing: d month/month unit_economics F S G
ltv_cac: b month/month unit_economics F S G
cac_payback_months: d month/month unit_economics F S G
gross_margin: i month/month finance F S G
ebitda_margin: i month/month finance F S G
burn_rate: d month/month finance F S G
runway_months: i month/month finance F S G
rule_of_40: i quarter/quarter finance F S G
revenue_per_employee: b quarter/quarter finance L S G
website_visitors: i day/week marketing C O L
lead_capture_rate: i week/week marketing P O L
leads_created: i day/week marketing C O L
mqls: i day/week marketing C O L
sales_cycle_days: d month/month sales P O G
lead_to_demo_rate: i week/week sales P O L
demo_to_won_rate: i month/month sales P O G
meetings_booked: i day/week sales P O L
pipeline_value: i day/week sales F O L
win_rate: i month/month sales P O G
bookings: i day/week sales F S G
upsell_opportunities: i week/week sales F O L
cross_sell_conversion: i month/month sales F O G
competitive_wins: i week/week sales C O L
roas: i week/month marketing F O G
"""
DIRECTIONS = {"i": "increase", "d": "decrease", "b": "within"}
CADENCES = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly"}
PERSPECTIVES = {"F": "financial", "C": "customer", "P": "internal_process", "L": "learning_growth"}
LEVELS = {"N": "north_star", "S": "supporting", "O": "operational"}
INDICATORS = {"L": "leading", "G": "lagging"}


def test_agreements_are_those_of_the_catalogue() -> None:
    agreed, found = {}, {}
    for line in AGREED.strip().splitlines():
        name, text = line.split(": ")
        direction, cadence, category, perspective, level, indicator = text.split()
        calculated, reviewed = cadence.split("/")
        agreed[name] = (
            DIRECTIONS[direction], CADENCES[calculated], CADENCES[reviewed], category.replace("_", " "),
            PERSPECTIVES[perspective], LEVELS[level], INDICATORS[indicator],
        )  # fmt: skip
        metric = CATALOGUE.metrics[name]
        found[name] = (
            str(metric.direction), metric.frequency.calculate, metric.frequency.review, metric.category,
            metric.perspective, metric.level, metric.indicator,
        )  # fmt: skip
    assert len(agreed) == 40
    assert found == agreed


def test_a_band_has_two_ends_and_what_is_no_band_has_none() -> None:
    for metric in CATALOGUE.metrics.values():
        assert (metric.band is not None) == (str(metric.direction) == "within"), metric.name
