"""Runs inside Superset's own environment: imports a bundle, asks its API for every chart's data, prints JSON.

    python superset_probe.py BUNDLE PASSWORDS

PASSWORDS is JSON as Superset's importer takes it: {"databases/vitals.yaml": "secret"}.
"""

import json
import sys


def main() -> None:
    """Import twice (the second must change nothing), then read everything back over the API."""
    bundle, passwords = sys.argv[1], sys.argv[2]
    from superset.app import create_app

    app = create_app()
    app.config["WTF_CSRF_ENABLED"] = False
    found = {"imports": []}
    with app.app_context():
        from superset import security_manager

        security_manager.add_user(
            "admin", "A", "Admin", "admin@example.com", security_manager.find_role("Admin"), password="admin"
        )
    client = app.test_client()  # outside the context: Flask keeps the user of the first request in it
    token = client.post(
        "/api/v1/security/login", json={"username": "admin", "password": "admin", "provider": "db"}
    ).get_json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(2):
        with open(bundle, "rb") as file:
            answer = client.post(
                "/api/v1/dashboard/import/",
                headers=headers,
                data={"formData": (file, "bundle.zip"), "passwords": passwords, "overwrite": "true"},
                content_type="multipart/form-data",
            )
        found["imports"].append({"status": answer.status_code, "body": answer.get_json()})
    page = "?q=(page_size:100)"
    dashboards = client.get(f"/api/v1/dashboard/{page}", headers=headers).get_json()["result"]
    found["dashboards"] = {}
    for dashboard in dashboards:
        charts = client.get(f"/api/v1/dashboard/{dashboard['id']}/charts", headers=headers).get_json()
        found["dashboards"][dashboard["dashboard_title"]] = sorted(
            chart["slice_name"] for chart in charts["result"]
        )
    datasets = client.get(f"/api/v1/dataset/{page}", headers=headers).get_json()["result"]
    found["datasets"] = sorted(dataset["table_name"] for dataset in datasets)
    found["charts"] = {}
    for chart in client.get(f"/api/v1/chart/{page}", headers=headers).get_json()["result"]:
        answer = client.get(f"/api/v1/chart/{chart['id']}/data/", headers=headers)
        body = answer.get_json()
        rows = body["result"][0]["data"] if answer.status_code == 200 else None
        told = body if rows is None else body["result"][0].get("error")
        found["charts"][chart["slice_name"]] = {"status": answer.status_code, "rows": rows, "error": told}
    print("RESULT " + json.dumps(found, default=str))


if __name__ == "__main__":
    main()
