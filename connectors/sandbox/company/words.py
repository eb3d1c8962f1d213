"""The words behind the codes: arrays hold small integers, these tuples say what they mean.

Values are the neutral ones; how a vendor spells them is the business of its fake.
"""

from __future__ import annotations

from typing import Final

TIERS: Final = ("free", "pro", "enterprise")
FREE, PRO, ENTERPRISE = range(3)
REGIONS: Final = ("na", "emea", "apac", "latam")
INDUSTRIES: Final = (
    "software",
    "retail",
    "finance",
    "healthcare",
    "manufacturing",
    "logistics",
    "education",
    "media",
)

LEAD_SOURCES: Final = (
    "Web",
    "Webinar",
    "Partner Referral",
    "Trade Show",
    "Paid Search",
    "Content",
    "Cold Call",
)
LEAD_STATUS: Final = ("New", "MQL", "SQL", "Converted", "Disqualified")
LEAD_NEW, LEAD_MQL, LEAD_SQL, LEAD_CONVERTED, LEAD_DISQUALIFIED = range(5)

DEAL_TYPES: Final = ("new", "upsell", "cross_sell", "renewal")
NEW, UPSELL, CROSS_SELL, RENEWAL = range(4)
STAGES: Final = (
    "Prospecting",
    "Qualification",
    "Demo",
    "Proposal",
    "Negotiation",
    "Closed Won",
    "Closed Lost",
)
PROSPECTING, QUALIFICATION, DEMO, PROPOSAL, NEGOTIATION, WON, LOST = range(7)
STAGE_PROBABILITY: Final = (10, 25, 40, 60, 80, 100, 0)
COMPETITORS: Final = ("Northwind Metrics", "Pulseboard", "OKR Central", "Chartwell", "In-house build")

ACTIVITY_TYPES: Final = ("meeting", "demo", "call")
MEETING, DEMONSTRATION, CALL = range(3)
ACTIVITY_STATUS: Final = ("planned", "held", "cancelled")
PLANNED, HELD, CANCELLED = range(3)

ACCOUNT_EVENTS: Final = ("flagged_at_risk", "risk_cleared", "onboarded", "first_value")
FLAGGED, CLEARED, ONBOARDED, FIRST_VALUE = range(4)

LINE_TYPES: Final = ("base", "upsell", "cross_sell", "one_time")
BASE_LINE, UPSELL_LINE, CROSS_SELL_LINE, ONE_TIME_LINE = range(4)
PLANS: Final = ("pro", "enterprise", "addon_analytics", "onboarding_package")
PRO_PLAN, ENTERPRISE_PLAN, ADDON_PLAN, SERVICES_PLAN = range(4)

TEAMS: Final = ("Core", "Web", "Data", "Mobile", "Platform")
TEAM_KEYS: Final = ("CORE", "WEB", "DATA", "MOB", "PLAT")
ISSUE_TYPES: Final = ("bug", "story", "task", "incident")
BUG, STORY, TASK, INCIDENT = range(4)
PRIORITIES: Final = ("critical", "high", "medium", "low", "p0", "p1", "p2", "p3")
CRITICAL, HIGH, MEDIUM, LOW, P0, P1, P2, P3 = range(8)
STATUSES: Final = ("To Do", "In Progress", "In Review", "Done", "Won't Do")
TO_DO, IN_PROGRESS, IN_REVIEW, DONE, WONT_DO = range(5)
STATUS_CATEGORY: Final = ("to_do", "in_progress", "in_progress", "done", "done")
SERVICES: Final = ("api", "web", "ingest", "mobile", "scheduler")
ENVIRONMENTS: Final = ("production", "staging")
DEPLOYMENT_STATUS: Final = ("success", "failed", "rolled_back")

SUPPORT_TEAMS: Final = ("Tier 1", "Tier 2", "Billing")
CHANNELS: Final = ("conversation", "email", "phone_call", "whatsapp")
TICKET_STATUS: Final = ("open", "pending", "solved")
OPEN, PENDING, SOLVED = range(3)

PRODUCT_EVENTS: Final = ("login", "view", "create", "share", "export", "invite", "api_call")
LOGIN, VIEW, CREATE, SHARE, EXPORT, INVITE, API_CALL = range(7)
FEATURES: Final = ("dashboards", "reports", "alerts", "integrations", "api")
API_FEATURE = 4

LEDGER: Final = (
    "cogs",
    "marketing",
    "sales",
    "research_and_development",
    "general_and_administrative",
    "depreciation_and_amortisation",
    "cash_inflow",
    "cash_outflow",
)
SURVEYS: Final = ("employee_engagement", "engineering_satisfaction")

NAME_HEADS: Final = (
    "Acorn", "Alder", "Amber", "Anchor", "Aspen", "Atlas", "Beacon", "Birch", "Blue", "Bright", "Cedar",
    "Cobalt", "Copper", "Coral", "Crest", "Delta", "Echo", "Ember", "Falcon", "Fern", "Granite",
    "Harbor", "Hazel", "Indigo", "Iron", "Juniper", "Lark", "Lumen", "Maple", "Meadow", "Nimbus",
    "Nova", "Oak", "Onyx", "Orchid", "Otter", "Pine", "Quartz", "Raven", "Ridge", "River", "Sable",
    "Sierra", "Silver", "Slate", "Solar", "Summit", "Tidal", "Umber", "Vega", "Willow", "Zephyr",
)  # fmt: skip
NAME_TAILS: Final = (
    "Analytics", "Bank", "Books", "Clinics", "Cloud", "Foods", "Foundry", "Freight", "Games", "Health",
    "Hotels", "Insurance", "Labs", "Learning", "Logistics", "Media", "Motors", "Networks", "Optics",
    "Partners", "Pharma", "Power", "Retail", "Robotics", "Schools", "Security", "Software", "Studios",
    "Systems", "Telecom", "Textiles", "Travel", "Works",
)  # fmt: skip
LEGAL_FORMS: Final = ("Inc.", "GmbH", "Ltd", "S.A.", "LLC", "Pty Ltd", "BV", "AB")
FIRST_NAMES: Final = (
    "Ada", "Aiko", "Amara", "Anouk", "Björn", "Carlos", "Chloé", "Dara", "Elif", "Emeka", "Farid",
    "Grace", "Hana", "Ines", "Ivan", "Jonas", "Kaito", "Lena", "Luca", "Maya", "Mei", "Nadia", "Noah",
    "Olga", "Priya", "Ravi", "Sofía", "Tariq", "Uma", "Viktor", "Yara", "Zoë",
)  # fmt: skip
LAST_NAMES: Final = (
    "Abara", "Almeida", "Andersson", "Bauer", "Bianchi", "Chen", "Costa", "Dubois", "Fischer", "García",
    "Haddad", "Ivanova", "Jensen", "Kaya", "Kim", "Kowalski", "Lopez", "Müller", "Nakamura", "Novak",
    "O'Brien", "Okafor", "Patel", "Petrov", "Rossi", "Sato", "Silva", "Singh", "Smith", "Tanaka",
    "Virtanen", "Weber",
)  # fmt: skip
