"""Where webhooks may be sent: the internet, and nothing behind it (jobs.md §7, AC-86)."""

import pytest

from ledger.errors import Reason, Refused
from ledger.policies.outside import is_public, permit_addresses, target_of

INSIDE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.51.100.7", "203.0.113.9",
    "198.18.0.1", "192.0.0.8", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1",
    "2002:7f00:1::", "2001:0:4136:e378::1", "2001:db8::1", "fc00::1", "fd12::1", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "fd00:ec2::254", "nonsense", "",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


def test_every_address_of_a_host_has_to_be_public() -> None:
    assert permit_addresses(["1.1.1.1", "8.8.8.8"], private=False) == "1.1.1.1"
    for addresses in (["1.1.1.1", "10.0.0.1"], []):
        with pytest.raises(Refused) as refused:
            permit_addresses(addresses, private=False)
        assert refused.value.reason is Reason.URL_NOT_ALLOWED
    assert permit_addresses(["127.0.0.1"], private=True) == "127.0.0.1"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com:80/", "https://example.com:1023/", "https://user@example.com/",
        "https://user:secret@example.com/", "http://example.com/", "https://:x@example.com/",
    ],
)  # fmt: skip
def test_a_url_may_be_forbidden(url: str) -> None:
    with pytest.raises(Refused) as refused:
        target_of(url, private=False)
    assert refused.value.reason is Reason.URL_NOT_ALLOWED


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com/", "https://", "https://exa mple.com/", "//a.b/",
        "https://example.com\\@10.0.0.1/", "https://example.com:port/", "https://a\x00b/",
        "https://[::1/", "https://é.example/", "https://example.com/" + "a" * 2_048,
    ],
)  # fmt: skip
def test_a_url_may_be_none(url: str) -> None:
    with pytest.raises(Refused) as refused:
        target_of(url, private=False)
    assert refused.value.reason is Reason.INVALID_URL_FORMAT


def test_a_url_is_taken_apart() -> None:
    target = target_of("https://Hooks.Example.com:8443/a/b?c=d#e", private=False)
    assert (target.host, target.port, target.path) == ("hooks.example.com", 8443, "/a/b?c=d")
    assert target.authority == "hooks.example.com:8443"
    assert target_of("https://[2606:4700::1]", private=False).authority == "[2606:4700::1]"
    assert target_of("http://localhost:99/", private=True).secure is False
