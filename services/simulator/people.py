"""Who belongs to the made-up tenant and from where they work: after this, an actor is a value with its places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from services.simulator.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Country:
    """Where people work. Addresses are of 198.18.0.0/15 (RFC 2544) and AS numbers of RFC 5398: nobody's."""

    code: str
    utc_offset: timedelta
    network: str
    """The first three octets of the office's addresses; homes and phones are in the next two networks."""
    asn: int


COUNTRIES = (
    Country(code="DE", utc_offset=timedelta(hours=1), network="198.18.0", asn=64496),
    Country(code="GB", utc_offset=timedelta(0), network="198.18.10", asn=64497),
    Country(code="US", utc_offset=timedelta(hours=-5), network="198.18.20", asn=64498),
    Country(code="BR", utc_offset=timedelta(hours=-3), network="198.18.30", asn=64499),
    Country(code="IN", utc_offset=timedelta(hours=5, minutes=30), network="198.18.40", asn=64500),
    Country(code="SG", utc_offset=timedelta(hours=8), network="198.18.50", asn=64501),
)

LAPTOP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A network and a device, as an event's origin reports them."""

    ip: str
    user_agent: str
    country: str
    asn: int
    device_id: str | None = None


VPN = Place(ip="198.19.0.1", user_agent=LAPTOP, country="NL", asn=64505)
"""The company's VPN: many people share its address and country."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One user of the tenant."""

    user_id: str
    country: Country
    office: Place
    home: Place
    phone: Place
    administrative: bool = False
    uses_mfa: bool = True

    @property
    def email(self) -> str:
        """An address under a name that cannot exist (RFC 2606)."""
        return f"{self.user_id}@people.example"

    def is_awake(self, at: datetime, *, dice: Random) -> bool:
        """Whether a possible activity takes place: office hours are busy, evenings and weekends are not empty."""
        local = at + self.country.utc_offset
        in_office = 8 <= local.hour < 18 and local.weekday() < 5  # noqa: PLR2004 - Saturday is 5
        return dice.random() < (1.0 if in_office else 0.15 if 6 <= local.hour < 23 else 0.03)  # noqa: PLR2004 - hours

    def place(self, *, dice: Random) -> Place:
        """Return from where they are working just now."""
        return dice.choices((self.office, self.home, self.phone, VPN), weights=(55, 20, 15, 10))[0]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An agent or a connector with a credential of its own."""

    user_id: str
    credential_id: str
    owner_id: str
    place: Place
    period: timedelta
    """How often it does something, on average."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """The tenant's people by the part they play; nobody plays two."""

    owner: Person
    """Holds `client_owner` since the tenant was made."""
    operators: tuple[Person, ...]
    """Hold `governance_operator` permanently and act in it without an activation."""
    staff: tuple[Person, ...]
    """Are eligible for administrative roles and activate them through PIM."""
    leavers: tuple[Person, ...]
    """Are deactivated on the way and stay away."""
    lookalikes: tuple[Person, ...]
    """Do what comes close to an attack and is none."""
    victims: tuple[Person, ...]
    """One for each attack; otherwise calm, so that all that counts against them is the attack's."""
    others: tuple[Person, ...]
    machines: tuple[Machine, ...]

    @property
    def everyone(self) -> tuple[Person, ...]:
        """All people."""
        named = (*self.operators, *self.staff, *self.leavers, *self.lookalikes)
        return (self.owner, *named, *self.victims, *self.others)


LOOKALIKES = 7
LEAVERS = 2
OPERATORS = 3
STAFF = 5


def cast(scenario: Scenario) -> Cast:
    """Return the tenant of a scenario."""
    dice = scenario.dice("people")
    calm = (number for number in range(scenario.users))
    owner = _person(next(calm), dice=dice, administrative=True)
    operators = tuple(_person(next(calm), dice=dice) for _ in range(OPERATORS))
    staff = tuple(_person(next(calm), dice=dice, administrative=True) for _ in range(STAFF))
    leavers = tuple(_person(next(calm), dice=dice) for _ in range(LEAVERS))
    lookalikes = tuple(_person(next(calm), dice=dice) for _ in range(LOOKALIKES))
    victims = tuple(_person(next(calm), dice=dice) for _ in range(scenario.attacks))
    others = tuple(_person(number, dice=dice) for number in calm)
    machines = _machines(others, dice=dice)
    return Cast(
        owner=owner,
        operators=operators,
        staff=staff,
        leavers=leavers,
        lookalikes=lookalikes,
        victims=victims,
        others=others,
        machines=machines,
    )


def _person(number: int, *, dice: Random, administrative: bool = False) -> Person:
    user_id = f"user-{number:05d}"
    country = dice.choices(COUNTRIES, weights=(30, 15, 25, 10, 15, 5))[0]
    return Person(
        user_id=user_id,
        country=country,
        office=_place(country, 0, dice=dice, device_id=f"{user_id}-laptop"),
        home=_place(country, 1, dice=dice, device_id=f"{user_id}-laptop"),
        phone=_place(country, 2, dice=dice, device_id=f"{user_id}-phone", user_agent=PHONE),
        administrative=administrative,
        uses_mfa=administrative or dice.random() < 0.9,  # noqa: PLR2004 - one in ten has not enrolled
    )


def _place(
    country: Country, network: int, *, dice: Random, device_id: str | None = None, user_agent: str = LAPTOP
) -> Place:
    first, second, third = country.network.split(".")
    ip = f"{first}.{second}.{int(third) + network}.{dice.randint(1, 254)}"
    return Place(ip=ip, user_agent=user_agent, country=country.code, asn=country.asn, device_id=device_id)


def _machines(owners: tuple[Person, ...], *, dice: Random) -> tuple[Machine, ...]:
    return tuple(
        Machine(
            user_id=f"{kind}-{number:03d}",
            credential_id=f"{kind}-{number:03d}-token",
            owner_id=dice.choice(owners).user_id,
            place=_place(dice.choice(COUNTRIES), 3, dice=dice, user_agent=f"nuxari-{kind}/1.4"),
            period=timedelta(seconds=dice.randint(60, 300)),
        )
        for kind, count in (("agent", 6), ("connector", 4))
        for number in range(count)
    )
