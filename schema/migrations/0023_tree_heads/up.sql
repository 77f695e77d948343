-- The Merkle tree over the log (RFC 6962) and its signed heads.

-- Roots of complete subtrees over 256, 65,536, … leaves, made when the log is sealed; the leaves are
-- `log.events.content_hash`. `place` counts the subtrees of a height from the left, from 0.
CREATE TABLE log.tree (
    height smallint NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT tree_height_place PRIMARY KEY (height, place)
);

-- Public halves (32 bytes) of the Ed25519 keys that heads were signed with.
CREATE TABLE log.audit_keys (
    key_id text COLLATE "C" PRIMARY KEY,
    public_key bytea NOT NULL
);

CREATE TABLE log.checkpoints (
    tree_size bigint PRIMARY KEY CHECK (tree_size > 0),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    root_hash bytea NOT NULL,
    sealed_at text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    signature bytea NOT NULL
);

CREATE FUNCTION log.refuse_other_proof() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$refuse$;

CREATE TRIGGER tree_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.tree
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_other_proof();
CREATE TRIGGER audit_keys_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.audit_keys
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_other_proof();
CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_other_proof();

GRANT SELECT, INSERT ON log.tree, log.audit_keys, log.checkpoints TO ledgerbank_app;
GRANT SELECT ON log.tree, log.audit_keys, log.checkpoints TO ledgerbank_read;
