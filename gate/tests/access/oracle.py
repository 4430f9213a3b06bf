#!/usr/bin/env python3
"""Independent implementation of the access rule, written from the requirements alone.

Reads scenarios from stdin, one JSON object per line, and writes one JSON object for each:
  "listed":  {wallet: [[vault or null, way, tier], ...]}, all bases of the wallet;
  "named":   {wallet: {vault: [...]}}, the bases of own cards and this one vault;
  "wallets": {wallet: [tier, way]}, the best basis;
  "free_by": {"wallet vault": way}, the best way to THIS card of this vault.
Shares no code with the gate.
"""

import json
import sys

TIERS = ["denied", "paid", "free"]
WAYS = ["own", "6529-consolidation", "6529-delegation", "delegate.xyz"]  # in order of precedence
CONSOLIDATION = 999


class Scenario:
    def __init__(self, data):
        self.memes = data["memes"]
        self.all = data["all"]
        self.now = data["now"]
        self.this_card = data["this_card"]
        self.use_cases = set(data["use_cases"])
        self.rights = set(data["rights"])
        self.addresses = data["addresses"]
        self.cards = {address: set() for address in self.addresses}
        self.rows = []  # 6529 registrations: (from, to, collection, use case, expiry, token or None)
        self.grants = {}  # delegate.xyz: grant -> whether it is enabled
        for step in data["steps"]:
            getattr(self, step["do"])(step)

    def give(self, step):
        self.cards[step["to"]].add(step["card"])

    def register(self, step):
        names = ("from", "to", "collection", "use_case", "expiry", "token")
        self.rows.append(tuple(step[name] for name in names))

    def revoke(self, step):
        revoked = (step["from"], step["to"], step["collection"], step["use_case"])
        self.rows = [row for row in self.rows if row[:4] != revoked]

    def grant(self, step):
        names = ("from", "to", "contract", "card", "right")
        self.grants[tuple(step[name] for name in names)] = step["enable"]

    def active_tokens(self, giver, taker, use_cases):
        """Tokens of the active rows; None stands for all tokens."""
        return [
            token
            for (sender, to, collection, use_case, expiry, token) in self.rows
            if (sender, to) == (giver, taker)
            and collection in (self.memes, self.all)
            and use_case in use_cases
            and expiry > self.now
        ]

    def is_granted(self, vault, wallet, card):
        return any(
            enabled
            and (sender, to) == (vault, wallet)
            and contract in (None, self.memes)
            and named in (None, card)
            and right in self.rights
            for (sender, to, contract, named, right), enabled in self.grants.items()
        )

    def ways(self, wallet, holder, card):
        """Ways in which the wallet may use a card of this holder."""
        if wallet == holder:
            return ["own"]
        found = []
        consolidated = self.active_tokens(holder, wallet, {CONSOLIDATION})
        if self.active_tokens(wallet, holder, {CONSOLIDATION}) and (None in consolidated or card in consolidated):
            found.append("6529-consolidation")
        delegated = self.active_tokens(holder, wallet, self.use_cases)
        if None in delegated or card in delegated:
            found.append("6529-delegation")
        if self.is_granted(holder, wallet, card):
            found.append("delegate.xyz")
        return found

    def bases(self, wallet, holders):
        """All bases of the wallet on cards of these holders."""
        found = {
            (None if holder == wallet else holder, way, "free" if card == self.this_card else "paid")
            for holder in holders
            for card in self.cards[holder]
            for way in self.ways(wallet, holder, card)
        }
        return sorted(found, key=str)

    def best(self, wallet):
        found = [("denied", None)] + [(tier, way) for _, way, tier in self.bases(wallet, self.addresses)]
        return max(found, key=lambda basis: (TIERS.index(basis[0]), -WAYS.index(basis[1]) if basis[1] else 0))

    def evaluate(self):
        free_by = {}
        for wallet in self.addresses:
            for vault in self.addresses:
                if self.this_card in self.cards[vault]:
                    ways = self.ways(wallet, vault, self.this_card)
                    if ways:
                        free_by[f"{wallet} {vault}"] = min(ways, key=WAYS.index)
        return {
            "listed": {wallet: self.bases(wallet, self.addresses) for wallet in self.addresses},
            "named": {
                wallet: {vault: self.bases(wallet, {wallet, vault}) for vault in self.addresses}
                for wallet in self.addresses
            },
            "wallets": {wallet: self.best(wallet) for wallet in self.addresses},
            "free_by": free_by,
        }


def main():
    for line in sys.stdin:
        print(json.dumps(Scenario(json.loads(line)).evaluate()))


if __name__ == "__main__":
    main()
