"""Speaking to a running `bess ui` as its pages do."""

import json
import urllib.request
from typing import Any


def ask_pages(port: int, query: str, variables: dict[str, Any]) -> Any:
    """The answer to a GraphQL query."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = json.load(answer)
    assert "errors" not in content, content["errors"]
    return content["data"]
