#!/usr/bin/env python3
"""The rule of access, told a second time, in another language and from the requirements alone.

Reads worlds from stdin, one JSON object a line, and writes one JSON object for each:
  "listed":  {wallet: [[vault or null, way, tier], ...]}, everything that entitles the wallet;
  "named":   {wallet: {vault: [...]}}, the same from own cards and this one vault;
  "wallets": {wallet: [tier, way]}, the best of what entitles it;
  "free_by": {"wallet vault": way}, the best way to THIS card of this vault.
Knows nothing of the gate.
"""

import json
import sys

TIERS = ["denied", "paid", "free"]
WAYS = ["own", "6529-consolidation", "6529-delegation", "delegate.xyz"]  # the first one wins
CONSOLIDATION = 999


class World:
    def __init__(self, told):
        self.memes = told["memes"]
        self.all = told["all"]
        self.now = told["now"]
        self.this_card = told["this_card"]
        self.use_cases = set(told["use_cases"])
        self.rights = set(told["rights"])
        self.people = told["people"]
        self.cards = {person: set() for person in self.people}
        self.rows = []  # of 6529: (from, to, collection, use case, expiry, token or None)
        self.grants = {}  # of delegate.xyz: what was granted -> whether it still is
        for step in told["steps"]:
            getattr(self, step["do"])(step)

    def give(self, step):
        self.cards[step["to"]].add(step["card"])

    def register(self, step):
        names = ("from", "to", "collection", "use_case", "expiry", "token")
        self.rows.append(tuple(step[name] for name in names))

    def revoke(self, step):
        gone = (step["from"], step["to"], step["collection"], step["use_case"])
        self.rows = [row for row in self.rows if row[:4] != gone]

    def grant(self, step):
        names = ("from", "to", "contract", "card", "right")
        self.grants[tuple(step[name] for name in names)] = step["enable"]

    def registered(self, giver, taker, use_cases):
        """Tokens that rows in force name; None stands for all of them."""
        return [
            token
            for (sender, to, collection, use_case, expiry, token) in self.rows
            if (sender, to) == (giver, taker)
            and collection in (self.memes, self.all)
            and use_case in use_cases
            and expiry > self.now
        ]

    def granted(self, vault, wallet, card):
        return any(
            enabled
            and (sender, to) == (vault, wallet)
            and contract in (None, self.memes)
            and named in (None, card)
            and right in self.rights
            for (sender, to, contract, named, right), enabled in self.grants.items()
        )

    def ways(self, wallet, holder, card):
        """The ways in which the wallet may use a card of this holder."""
        if wallet == holder:
            return ["own"]
        found = []
        agreed = self.registered(holder, wallet, {CONSOLIDATION})
        if self.registered(wallet, holder, {CONSOLIDATION}) and (None in agreed or card in agreed):
            found.append("6529-consolidation")
        delegated = self.registered(holder, wallet, self.use_cases)
        if None in delegated or card in delegated:
            found.append("6529-delegation")
        if self.granted(holder, wallet, card):
            found.append("delegate.xyz")
        return found

    def bases(self, wallet, holders):
        """Every way in which a card of one of these holders entitles the wallet, with its tier."""
        found = {
            (None if holder == wallet else holder, way, "free" if card == self.this_card else "paid")
            for holder in holders
            for card in self.cards[holder]
            for way in self.ways(wallet, holder, card)
        }
        return sorted(found, key=str)

    def best(self, wallet):
        found = [("denied", None)] + [(tier, way) for _, way, tier in self.bases(wallet, self.people)]
        return max(found, key=lambda one: (TIERS.index(one[0]), -WAYS.index(one[1]) if one[1] else 0))

    def judge(self):
        free_by = {}
        for wallet in self.people:
            for vault in self.people:
                if self.this_card in self.cards[vault]:
                    ways = self.ways(wallet, vault, self.this_card)
                    if ways:
                        free_by[f"{wallet} {vault}"] = min(ways, key=WAYS.index)
        return {
            "listed": {wallet: self.bases(wallet, self.people) for wallet in self.people},
            "named": {
                wallet: {vault: self.bases(wallet, {wallet, vault}) for vault in self.people}
                for wallet in self.people
            },
            "wallets": {wallet: self.best(wallet) for wallet in self.people},
            "free_by": free_by,
        }


def main():
    for line in sys.stdin:
        print(json.dumps(World(json.loads(line)).judge()))


if __name__ == "__main__":
    main()
