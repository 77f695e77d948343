"""Shapes of checkpoints and proofs (http.md §3 and §4.21)."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from api.lists import ListMetadata
from api.shapes import Shape, Time

Hash: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Checkpoint(Shape, frozen=True):
    """A signed statement: the first `tree_size` events lead to this root; `signature` is base64."""

    tree_size: int
    root_hash: Hash
    sealed_at: Time
    key_id: str
    algorithm: Literal["Ed25519"]
    signature: str


class PublicKey(Shape, frozen=True):
    """What verifies the signatures that name its `key_id`: 32 bytes in base64."""

    key_id: str
    algorithm: Literal["Ed25519"]
    public_key: str


class CheckpointMetadata(ListMetadata, frozen=True):
    """What is told beside checkpoints."""

    public_keys: list[PublicKey]


class InclusionProof(Shape, frozen=True):
    """The way from one event to the root of a signed tree, the lowest hash first (RFC 6962)."""

    position: int
    leaf_index: int
    leaf_hash: Hash
    tree_size: int
    root_hash: Hash
    audit_path: list[Hash]


class SignedTree(Shape, frozen=True):
    """A signed tree, as far as a proof needs it."""

    tree_size: int
    root_hash: Hash


class ConsistencyProof(Shape, frozen=True, rename={"earlier": "from", "later": "to"}):
    """What shows that the later tree is the earlier one, grown (RFC 6962)."""

    earlier: SignedTree
    later: SignedTree
    consistency_path: list[Hash]
