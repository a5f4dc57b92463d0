"""Asks a Supabase project with Supabase's own client of PostgREST.

    python postgrest_client.py < {"url": …, "key": …, "questions": [{"table", "select", "filters", "or", "order", "limit"}]}

Prints the rows of each question: one line of JSON.
"""

import json
import sys
from typing import Any

from postgrest import SyncPostgrestClient


def main() -> None:
    task = json.load(sys.stdin)
    headers = {"apikey": task["key"], "Authorization": f"Bearer {task['key']}"}
    with SyncPostgrestClient(f"{task['url']}/rest/v1", headers=headers) as client:
        print(json.dumps([ask(client, question) for question in task["questions"]]))


def ask(client: SyncPostgrestClient, question: dict[str, Any]) -> list[dict[str, Any]]:
    query = client.from_(question["table"]).select(question["select"])
    for name, column, value in question["filters"]:
        if name == "is_null":
            query = query.is_(column, "null") if value else query.not_.is_(column, "null")
        elif name == "in":
            query = query.in_(column, value)
        else:
            query = getattr(query, name)(column, value)
    if question["or"]:
        query = query.or_(question["or"])
    for column, descending in question["order"]:
        query = query.order(column, desc=descending, nullsfirst=False)
    return query.limit(question["limit"]).execute().data


if __name__ == "__main__":
    main()
