"""The money desk: what the operator does with somebody's credit, once and with a reason."""

from accounts.staff.credit_desk.verbs import DeskError, add, refund, resume_refund, take, void

__all__ = ["DeskError", "add", "refund", "resume_refund", "take", "void"]
