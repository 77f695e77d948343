-- What everybody may hear is found without reading what is others' (events_audit.md §3.3).

SET LOCAL ROLE ledgerbank_read;

CREATE INDEX stream_feed_public ON read.stream_feed (position)
    WHERE kind = 'MaintenanceAnnounced';

RESET ROLE;
