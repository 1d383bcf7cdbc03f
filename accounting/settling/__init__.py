"""Settling: how each hold ends, by the evidence of three witnesses."""
