"""What a picture's border lets one see of each bearing."""

import numpy as np
import pytest

from ofh.domain.coverage.frame import Frame, turned
from ofh.domain.coverage.lens import Intrinsics

LENS = Intrinsics(width=4000, height=3000, fx=2773.5, fy=2773.5, cx=2000.0, cy=1500.0)


@pytest.mark.parametrize("pitch", [-15.0, -25.0, -50.0])
def test_the_picture_is_open_on_every_bearing_between_its_ends(pitch: float) -> None:
    """On those of the border's own positions too: without a roll two of them share the middle."""
    for yaw in (-158.61, *(np.arange(-18_000, 18_000, 1_373) / 100)):
        frame = Frame(LENS, turned(float(yaw), pitch, 0.0), 64)
        bearings = frame.nodes(np.linspace(*frame.span(), 160))
        lows, highs = frame.openings(bearings)
        inside = np.abs(bearings - np.mean(frame.span())) < 0.45 * np.ptp(frame.span())
        assert (np.fmax.reduce(highs - lows, axis=1)[inside] > 0.01).all(), yaw
