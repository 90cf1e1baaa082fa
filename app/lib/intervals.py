"""Confidence intervals of shares."""

from math import sqrt

Z95 = 1.959964  # of the normal distribution, for 95 percent


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 percent interval of a share (E. B. Wilson, 1927); (0, 1) without any observation.

    Unlike the usual approximation it stays within 0 and 1, and is right for few observations.
    """
    if not of:
        return 0.0, 1.0
    share, square = hits / of, Z95 * Z95
    centre, spread = share + square / (2 * of), Z95 * sqrt(share * (1 - share) / of + square / (4 * of * of))
    low, high = ((centre + sign * spread) / (1 + square / of) for sign in (-1, 1))
    return (0.0 if hits == 0 else max(0.0, low)), (1.0 if hits == of else min(1.0, high))
