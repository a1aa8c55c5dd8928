"""Balances: how several losses become one step; the only room that calls backward."""

from __future__ import annotations

from polyrec.balance.base import Balance
from polyrec.balance.famo import FAMO
from polyrec.balance.weights import DWA, UWL, Equal, Fixed, Kind, Scheduled

BALANCES: dict[str, type[Balance]] = {
    "equal": Equal,
    "fixed": Fixed,
    "scheduled": Scheduled,
    "uwl": UWL,
    "dwa": DWA,
    "famo": FAMO,
}

__all__ = ["BALANCES", "DWA", "FAMO", "UWL", "Balance", "Equal", "Fixed", "Kind", "Scheduled"]
