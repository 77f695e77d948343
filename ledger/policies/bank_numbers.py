"""Check digits of the numbers that banks are found by: ISO 13616 (IBAN), ABA (routing number)."""

IBAN_COUNTRY_AND_CHECK = 4
ROUTING_WEIGHTS = (3, 7, 1, 3, 7, 1, 3, 7, 1)


def is_checked_iban(iban: str) -> bool:
    """Say whether the check digits of an IBAN in electronic form are right (ISO 7064 mod 97-10)."""
    turned = iban[IBAN_COUNTRY_AND_CHECK:] + iban[:IBAN_COUNTRY_AND_CHECK]
    return int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


def is_checked_routing_number(number: str) -> bool:
    """Say whether the check digit of a nine-digit routing number is right."""
    weighed = zip(ROUTING_WEIGHTS, number, strict=True)
    return sum(weight * int(digit) for weight, digit in weighed) % 10 == 0
