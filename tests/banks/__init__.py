"""Outside banks over HTTP, on a whole bank: catalogue, connections, sync, rail, webhooks in."""
